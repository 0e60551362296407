internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// What a node's `state.db` holds: rows, and the position they belong to.
struct StateTable: Equatable {
    var position: SnapshotPosition?
    var header: StateHeader?
    var versions: [VersionPosition: StateRecord] = [:]
    var leases: [LeaseID: StateRecord] = [:]
    var remembered: [UInt64: StateRecord] = [:]
    var elections: [ElectionID: StateRecord] = [:]
    var candidacies: [CandidacyID: StateRecord] = [:]

    mutating func carryOut(_ delta: StateDelta, _ position: SnapshotPosition) {
        for version in delta.removedVersions { versions[version] = nil }
        for lease in delta.removedLeases { leases[lease] = nil }
        for request in delta.removedRequests { remembered[request] = nil }
        for election in delta.removedElections { elections[election] = nil }
        for candidacy in delta.removedCandidacies { candidacies[candidacy] = nil }
        insert(delta.upserts)
        header = delta.header
        self.position = position
    }

    init() {}

    init(_ snapshot: SnapshotToInstall) {
        position = snapshot.position
        header = snapshot.header
        insert(snapshot.records)
    }

    private mutating func insert(_ records: [StateRecord]) {
        for record in records {
            switch record {
            case .version(let version): versions[version.position] = record
            case .lease(let lease): leases[lease.id] = record
            case .remembered(let request): remembered[request.order] = record
            case .election(let election): elections[election.id] = record
            case .candidacy(let candidacy): candidacies[candidacy.id] = record
            }
        }
    }

    /// All rows in the order a restart reads them.
    var records: [StateRecord] {
        versions.sorted { $0.key < $1.key }.map(\.value) + leases.sorted { $0.key < $1.key }.map(\.value)
            + elections.sorted { $0.key < $1.key }.map(\.value) + candidacies.sorted { $0.key < $1.key }.map(\.value)
            + remembered.sorted { $0.key < $1.key }.map(\.value)
    }
}

/// A node's state writer: whole deltas in order, behind the log.
struct StateDisk {
    var durable = StateTable()
    /// Whether the world once made it differ from the cluster's.
    var wasMadeDiffer = false
    /// Taken from the replica; the log does not durably hold their position yet.
    var held: [(delta: StateDelta, position: SnapshotPosition)] = []
    /// Committed to the file, not synced.
    var written: [(delta: StateDelta, position: SnapshotPosition)] = []
    /// A snapshot that takes the place of everything.
    var replacing: SnapshotToInstall?

    /// Moves deltas on whose log entries are durable.
    mutating func release(through stable: LogIndex) {
        while let first = held.first, first.position.index <= stable { written.append(held.removeFirst()) }
    }

    /// Makes what was written durable, and says through which index.
    mutating func sync() -> LogIndex? {
        for (delta, position) in written { durable.carryOut(delta, position) }
        defer { written = [] }
        return written.last?.position.index
    }

    mutating func replace() -> SnapshotPosition? {
        guard let replacing else { return nil }
        self.replacing = nil
        durable = StateTable(replacing)
        return replacing.position
    }

    /// The process dies: of what was not synced, some first part is there all the same.
    mutating func crash(_ random: inout SeededGenerator) {
        let survivors = written.isEmpty ? 0 : random.below(written.count + 1)
        for (delta, position) in written.prefix(survivors) { durable.carryOut(delta, position) }
        if survivors == written.count, random.chance(5000) { _ = replace() }
        written = []
        held = []
        replacing = nil
    }
}
