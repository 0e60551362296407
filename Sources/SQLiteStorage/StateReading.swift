internal import Consensus
internal import KeyValue
internal import Primitives

extension StateTables {
    func readIdentity(path: String) throws(StorageError) -> StoreIdentity? {
        var found: StoreIdentity?
        try selectMeta.rows([]) { row throws(StorageError) in
            guard row.hasChecksum(at: Self.metaChecksum), row.has("iiiittIIIIIIBi") else {
                throw .corrupt(path: path, detail: "the row of meta differs from its checksum")
            }
            guard (1...Self.format).contains(row.integer(1)) else {
                throw .unknownFormat(path: path, format: row.integer(1))
            }
            found = StoreIdentity(
                cluster: ClusterID(rawValue: row.number(2)), node: NodeID(row.number(3)), nodeName: row.text(4),
                clusterDescription: row.text(5))
            return false
        }
        return found
    }

    /// What all tables hold.
    struct Content {
        /// `nil` when no state was ever written.
        var state: RecoveredState?
        /// See ``StateTables``.
        var rowSum: UInt64
        var runs: VersionRuns
        /// Whether the file is of a format that had no such sum, or another one.
        var isOfEarlierFormat: Bool
    }

    /// Reads everything. Rows that are not those that `meta` was written with are damage.
    func read(path: String) throws(StorageError) -> Content {
        let (format, kept) = try readRowSum()
        let header = try readHeader(path: path)
        var rows = RowReading(path: path)
        try rows.read(versions.rows, "versions", { VersionPosition($0).rowSum }) {
            StoredVersion($0).map(StateRecord.version)
        }
        let runs = try rows.read(runs)
        try rows.read(leases.rows, "leases") { StoredLease($0).map(StateRecord.lease) }
        try rows.read(elections.rows, "elections") { StoredElection($0).map(StateRecord.election) }
        try rows.read(candidacies.rows, "candidacies") { StoredCandidacy($0).map(StateRecord.candidacy) }
        try rows.read(requests.rows, "requests") { StoredRequest($0).map(StateRecord.remembered) }
        guard kept == nil || kept == (format == 2 ? rows.checksums : rows.sum) else {
            throw .corrupt(path: path, detail: "its rows are not those that belong to its applied index")
        }
        let state = header.map { RecoveredState(header: $0, configuration: $1, records: rows.records) }
        return Content(state: state, rowSum: rows.sum, runs: runs, isOfEarlierFormat: format != Self.format)
    }

    /// The first format had no sum; the second one of the checksums of all rows.
    private func readRowSum() throws(StorageError) -> (format: Int64, sum: UInt64?) {
        var found: (Int64, UInt64?) = (Self.format, nil)
        try selectMeta.rows([]) { row in
            let format = row.integer(1)
            found = (format, format == 1 ? nil : row.number(Self.metaChecksum + 1))
            return false
        }
        return found
    }

    private func readHeader(path: String) throws(StorageError) -> (StateHeader, Configuration)? {
        var found: (StateHeader, Configuration)?
        try selectMeta.rows([]) { row throws(StorageError) in
            guard !row.isNull(6) else { return false }
            var reader = ByteReader(row.blob(12))
            guard let configuration = try? Configuration(from: &reader) else {
                throw .corrupt(path: path, detail: "the configuration in meta does not decode")
            }
            found = (StateHeader(meta: row), configuration)
            return false
        }
        return found
    }
}

/// What the tables held so far.
private struct RowReading {
    let path: String
    private(set) var records: [StateRecord] = []
    /// What they add to the sum of all rows.
    private(set) var sum: UInt64 = 0
    /// The sum of their checksums.
    private(set) var checksums: UInt64 = 0

    init(path: String) { self.path = path }

    /// - Parameter rowSum: what a row adds to the sum of all rows.
    mutating func read(
        _ table: RowSelection, _ name: String, _ rowSum: (Row) -> UInt64 = { $0.number($0.last) },
        record: (Row) -> StateRecord?
    ) throws(StorageError) {
        try table.rows { row throws(StorageError) in
            guard row.hasChecksum(at: row.last) else {
                throw .corrupt(path: path, detail: "a row of \(name) differs from its checksum")
            }
            guard let record = record(row) else {
                throw .corrupt(path: path, detail: "a row of \(name) does not decode")
            }
            records.append(record)
            checksums &+= row.number(row.last)
            sum &+= rowSum(row)
        }
    }

    /// Reads the runs, after the rows of `versions` and before all others, and puts what is left of them between those.
    mutating func read(_ table: RunTable) throws(StorageError) -> VersionRuns {
        var gone = try readGone(table)
        var runs = VersionRuns()
        var left: [StateRecord] = []
        try table.rows.rows { row throws(StorageError) in
            guard let (read, versions) = VersionRun.read(row) else { throw damaged("runs") }
            var run = read
            if let (some, checksum) = gone.removeValue(forKey: run.id), !run.take(gone: some, checksum: checksum) {
                throw damaged("gone")
            }
            guard runs.append(run) else { throw damaged("runs") }
            for version in run.left(of: versions) { left.append(.version(version)) }
            note(run.checksums.run)
        }
        guard gone.isEmpty else { throw damaged("gone") }
        if !left.isEmpty { records = records.merged(with: left) }
        return runs
    }

    /// Which versions are gone, by their runs.
    private mutating func readGone(
        _ table: RunTable
    ) throws(StorageError) -> [Int64: (versions: Bytes, checksum: UInt64)] {
        var gone: [Int64: (Bytes, UInt64)] = [:]
        try table.goneRows.rows { row throws(StorageError) in
            guard row.hasChecksum(at: row.last), row.has("ib") else { throw damaged("gone") }
            gone[row.integer(0)] = (row.blob(1), row.number(row.last))
            note(row.number(row.last))
        }
        return gone
    }

    private mutating func note(_ checksum: UInt64) {
        checksums &+= checksum
        sum &+= checksum
    }

    private func damaged(_ table: String) -> StorageError {
        .corrupt(path: path, detail: "a row of \(table) is damaged")
    }
}

extension [StateRecord] {
    /// Both lists of versions, in the order of their positions, in which each of them is.
    fileprivate func merged(with other: [StateRecord]) -> [StateRecord] {
        var result: [StateRecord] = []
        result.reserveCapacity(count + other.count)
        var place = 0
        for record in other {
            while place < count, self[place].position < record.position {
                result.append(self[place])
                place += 1
            }
            result.append(record)
        }
        result.append(contentsOf: self[place...])
        return result
    }
}

extension StateRecord {
    /// Of a version.
    fileprivate var position: VersionPosition {
        guard case .version(let version) = self else { preconditionFailure("versions are read first") }
        return version.position
    }
}

extension VersionPosition {
    /// From a row of `versions`, if that makes a version.
    fileprivate init(_ row: Row) {
        self.init(revision: Revision(row.number(0)), ordinal: UInt32(truncatingIfNeeded: row.integer(1)))
    }
}
