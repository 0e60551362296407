internal import Consensus
internal import KeyValue
internal import Primitives

// What a record's columns are, in the order of its table.

extension StoredVersion {
    /// `nil` when the columns make no version.
    init?(_ row: Row) {
        guard let ordinal = UInt32(exactly: row.integer(1)), let content = Self.content(row) else { return nil }
        self.init(
            position: VersionPosition(revision: Revision(row.number(0)), ordinal: ordinal), content: content,
            time: ClusterTime(nanoseconds: row.integer(8)))
    }

    private static func content(_ row: Row) -> Content? {
        if row.has("iib----ti") {
            let label = row.text(7)
            let reason = DeletionReason.allCases.first { $0.label == label }
            return reason.map { .tombstone(key: row.blob(2), reason: $0) }
        }
        guard row.has("iibbiiI-i") else { return nil }
        return .put(
            KeyRecord(
                key: row.blob(2), value: row.blob(3), createRevision: Revision(row.number(4)),
                modRevision: Revision(row.number(0)), version: row.number(5),
                lease: row.isNull(6) ? nil : LeaseID(row.number(6))))
    }
}

extension StoredLease {
    var columns: [ColumnValue] {
        [.number(id.rawValue), .integer(ttl.nanoseconds), .integer(deadline.nanoseconds), .number(generation)]
    }

    /// `nil` when the columns make no lease.
    init?(_ row: Row) {
        guard row.has("iiii") else { return nil }
        self.init(
            id: LeaseID(row.number(0)), ttl: TimeSpan(nanoseconds: row.integer(1)),
            deadline: ClusterTime(nanoseconds: row.integer(2)), generation: row.number(3))
    }
}

extension StoredRequest {
    var columns: [ColumnValue] {
        var writer = ByteWriter()
        result.encode(into: &writer)
        return [.number(order), .text(key.client), .number(key.number), .blob(writer.bytes)]
    }

    /// `nil` when the result does not decode.
    init?(_ row: Row) {
        var reader = ByteReader(row.blob(3))
        guard row.has("itib"), let result = try? CommandResult(from: &reader), reader.remaining == 0 else { return nil }
        self.init(
            order: row.number(0), key: IdempotencyKey(client: row.text(1), number: row.number(2)), result: result)
    }
}

extension ElectionID {
    /// What it is found by.
    var columns: [ColumnValue] { [.text(kind.label), .blob(name)] }

    /// `nil` when the columns make none.
    init?(_ row: Row) {
        let label = row.text(0)
        guard let kind = Kind.allCases.first(where: { $0.label == label }) else { return nil }
        self.init(kind: kind, name: row.blob(1))
    }
}

extension StoredElection {
    var columns: [ColumnValue] {
        let last = leaderships.last
        return id.columns + [
            .number(created.rawValue), .number(forgotten.rawValue),
            last.flatMap { $0.end == nil ? .blob($0.candidate) : nil } ?? .null,
            .number(last.map { $0.end?.fence ?? $0.fence }?.rawValue ?? 0), .blob(encodedLeaderships),
        ]
    }

    /// `nil` when the columns make no election. Leader and fence are for people: they follow from the leaderships.
    init?(_ row: Row) {
        guard row.has("tbiiBib"), let id = ElectionID(row) else { return nil }
        self.init(
            id: id, created: Fence(row.number(2)), forgotten: Fence(row.number(3)), encodedLeaderships: row.blob(6))
    }
}

extension StoredCandidacy {
    var columns: [ColumnValue] {
        id.election.columns + [
            .blob(id.candidate), .blob(value), .integer(Int64(priority)), .number(lease.rawValue),
            .integer(hasNamedLease ? 1 : 0), .integer(madeLease ? 1 : 0), .number(order),
        ]
    }

    /// `nil` when the columns make no candidacy.
    init?(_ row: Row) {
        guard row.has("tbbbiiiii"), let election = ElectionID(row), let priority = Int32(exactly: row.integer(4)) else {
            return nil
        }
        self.init(
            id: CandidacyID(election: election, candidate: row.blob(2)), value: row.blob(3), priority: priority,
            lease: LeaseID(row.number(5)), hasNamedLease: row.integer(6) != 0, madeLease: row.integer(7) != 0,
            order: row.number(8))
    }
}

extension StateHeader {
    /// From a row of `meta` that has a header.
    init(meta row: Row) {
        self.init(
            appliedIndex: LogIndex(row.number(6)), appliedTerm: Term(row.number(7)),
            time: ClusterTime(nanoseconds: row.integer(8)), revision: Revision(row.number(9)),
            compactedRevision: Revision(row.number(10)), digest: row.number(11))
    }
}

extension DeletionReason {
    /// The word for it in `state.db`.
    var label: String {
        switch self {
        case .deleted: "deleted"
        case .expired: "expired"
        case .revoked: "revoked"
        }
    }
}

extension ElectionID.Kind {
    /// The word for it in `state.db`.
    fileprivate var label: String {
        switch self {
        case .election: "election"
        case .lock: "lock"
        }
    }
}
