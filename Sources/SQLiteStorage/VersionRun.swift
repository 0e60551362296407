internal import KeyValue
internal import Primitives

/// Versions that follow each other and came together, as one row of `runs` holds them, and which of them are gone since, as a row
/// of `gone` does.
struct VersionRun {
    /// Fewer are rows of `versions`: what comes now and then a person can read.
    static let fewest = 16
    /// Versions of one run at most.
    static let most = 512
    /// Bytes of keys and values at which a run is full.
    static let contentBytes = 48 * 1024

    let id: Int64
    let positions: [VersionPosition]
    /// What its rows add to the sum of all rows.
    var checksums: (run: UInt64, gone: UInt64)
    private var isGone: [Bool]
    /// How many are not gone.
    private(set) var remaining: Int
    /// The turn of ``VersionRuns/settle()`` in which something had last gone.
    var changedAt = 0

    init(id: Int64, positions: [VersionPosition], checksum: UInt64) {
        precondition(!positions.isEmpty, "a run has versions")
        self.id = id
        self.positions = positions
        checksums = (checksum, 0)
        isGone = [Bool](repeating: false, count: positions.count)
        remaining = positions.count
    }

    var first: VersionPosition { positions[0] }
    var last: VersionPosition { positions[positions.count - 1] }

    /// Notes that a version is gone; `false` when the run has none there.
    mutating func remove(_ position: VersionPosition) -> Bool {
        let place = positions.partitioningIndex { position <= $0 }
        guard place < positions.count, positions[place] == position, !isGone[place] else { return false }
        isGone[place] = true
        remaining -= 1
        return true
    }

    /// Those of the run's `versions` that are not gone.
    func left(of versions: [StoredVersion]) -> [StoredVersion] {
        precondition(versions.count == positions.count, "these are the run's versions")
        return zip(versions, isGone).compactMap { $1 ? nil : $0 }
    }

    /// Whether so little is left that it is better kept as rows.
    var isSparse: Bool { remaining * 16 <= positions.count }
    /// Whether more is gone than left.
    var isMostlyGone: Bool { remaining * 2 < positions.count }
}

// MARK: - As rows hold it

extension VersionRun {
    /// What `gone` holds: a byte for every version.
    var gone: Bytes { isGone.map { $0 ? 1 : 0 } }

    /// Takes over what a row of `gone` holds; `false` when it is not this run's.
    mutating func take(gone: Bytes, checksum: UInt64) -> Bool {
        guard gone.count == positions.count, gone.allSatisfy({ $0 <= 1 }) else { return false }
        isGone = gone.map { $0 == 1 }
        remaining = gone.count { $0 == 0 }
        checksums.gone = checksum
        return true
    }

    /// Reads the body of a row; `nil` when it is damaged.
    static func versions(in body: Bytes) -> [StoredVersion]? {
        var reader = ByteReader(body)
        var versions: [StoredVersion] = []
        while reader.remaining > 0 {
            guard let version = try? StoredVersion(from: &reader),
                versions.last.map({ $0.position < version.position }) ?? true
            else { return nil }
            versions.append(version)
        }
        return versions.isEmpty ? nil : versions
    }
}

/// What becomes a row of `runs`.
struct RunContent {
    private(set) var positions: [VersionPosition] = []
    private(set) var body: Bytes

    /// The run that begins with `records[place]`: versions after `newest`, none of them large; `nil` when they are few.
    init?(of records: [StateRecord], from place: Int, after newest: Revision) {
        var end = place
        var bytes = 0
        while end < records.count, end - place < VersionRun.most, bytes < VersionRun.contentBytes {
            guard case .version(let version) = records[end], version.position.revision > newest,
                version.contentBytes < VersionRun.contentBytes / VersionRun.fewest
            else { break }
            bytes += version.contentBytes
            end += 1
        }
        guard end - place >= VersionRun.fewest else { return nil }
        var writer = ByteWriter(reserving: bytes + (end - place) * 48)
        positions.reserveCapacity(end - place)
        for case .version(let version) in records[place..<end] {
            positions.append(version.position)
            version.encode(into: &writer)
        }
        body = writer.bytes
    }
}

extension Array {
    /// The first place whose element is `beyond`, as all behind it are; the end when none is.
    func partitioningIndex(_ beyond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if beyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
