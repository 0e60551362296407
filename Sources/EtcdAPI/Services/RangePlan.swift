internal import KeyValue
internal import Primitives

/// A range read as etcd's clients ask for it: what the store is asked, and what is made of its answer.
struct RangePlan: Sendable {
    let selection: KeySelection
    /// Keys at most; 0 = all.
    let limit: Int
    /// `nil` = now.
    let revision: Revision?
    let keysOnly: Bool
    let countOnly: Bool
    private let order: RangeRequest.SortOrder
    private let target: RangeRequest.SortTarget
    private let modRevisions: ClosedRange<UInt64>?
    private let createRevisions: ClosedRange<UInt64>?

    init(_ request: RangeRequest) throws(RPCStatus) {
        guard !request.key.isEmpty else { throw .emptyKey }
        if case .UNRECOGNIZED = request.sortOrder { throw .invalidSort }
        if case .UNRECOGNIZED = request.sortTarget { throw .invalidSort }
        selection = KeySelection(key: request.key, rangeEnd: request.rangeEnd)
        limit = Int(max(0, request.limit))
        revision = request.revision > 0 ? Revision(UInt64(request.revision)) : nil
        keysOnly = request.wantsKeysOnly
        countOnly = request.wantsCountOnly
        target = request.sortTarget
        // Records come by key, so that another target without an order means ascending.
        order = request.sortOrder == .none && target != .key ? .ascend : request.sortOrder
        isCutFirst = request.sortOrder == .none
        modRevisions = Self.bounds(request.leastModRevision, request.mostModRevision)
        createRevisions = Self.bounds(request.leastCreateRevision, request.mostCreateRevision)
    }

    /// Without an order and filters the limit holds for the read, and what was read is ordered then, as etcd does it.
    private let isCutFirst: Bool

    /// `nil` when every revision is wanted; no revision is above etcd's largest number.
    private static func bounds(_ low: Int64, _ high: Int64) -> ClosedRange<UInt64>? {
        if low == 0, high == 0 { return nil }
        let least = UInt64(max(0, low))
        let most = high == 0 ? UInt64.max : UInt64(max(0, high))
        // Nothing lies between: a range that no revision is in, as none is zero.
        return least <= most ? least...most : 0...0
    }

    private var isFiltered: Bool { modRevisions != nil || createRevisions != nil }

    /// How many records are needed to answer; 0 = all.
    var wanted: Int { isCutFirst && !isFiltered && limit > 0 && limit < .max ? limit + 1 : 0 }

    /// What the store is asked first. Values are read where they are sorted by.
    var query: RangeQuery {
        RangeQuery(
            selection: selection, limit: wanted, at: revision, keysOnly: keysOnly && target != .value,
            countOnly: countOnly)
    }

    /// The answer, without its header.
    ///
    /// - Parameters:
    ///   - records: all that ``wanted`` asks for.
    ///   - count: how many keys the selection has.
    func reply(_ records: [KeyRecord], count: Int) -> RangeReply {
        var reply = RangeReply(keysOnly: keysOnly, count: count)
        guard !countOnly else { return reply }
        reply.records = records
        if let modRevisions { reply.records.removeAll { !modRevisions.contains($0.modRevision.rawValue) } }
        if let createRevisions { reply.records.removeAll { !createRevisions.contains($0.createRevision.rawValue) } }
        sort(&reply.records)
        if limit > 0, reply.records.count > limit {
            reply.records.removeLast(reply.records.count - limit)
            reply.more = true
        }
        return reply
    }

    private func sort(_ records: inout [KeyRecord]) {
        switch order {
        case .ascend: records.sort { precedes($0, $1) }
        case .descend: records.sort { precedes($1, $0) }
        case .none, .UNRECOGNIZED: break
        }
    }

    private func precedes(_ a: KeyRecord, _ b: KeyRecord) -> Bool {
        switch target {
        case .key, .UNRECOGNIZED: a.key.lexicographicallyPrecedes(b.key)
        case .version: a.version < b.version
        case .create: a.createRevision < b.createRevision
        case .mod: a.modRevision < b.modRevision
        case .value: a.value.lexicographicallyPrecedes(b.value)
        }
    }
}
