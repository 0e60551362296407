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
    private let order: Etcdserverpb_RangeRequest.SortOrder
    private let target: Etcdserverpb_RangeRequest.SortTarget
    private let modRevisions: ClosedRange<UInt64>?
    private let createRevisions: ClosedRange<UInt64>?

    init(_ request: Etcdserverpb_RangeRequest) throws(RPCStatus) {
        guard !request.key.isEmpty else { throw .emptyKey }
        if case .UNRECOGNIZED = request.sortOrder { throw .invalidSort }
        if case .UNRECOGNIZED = request.sortTarget { throw .invalidSort }
        selection = KeySelection(key: request.key, rangeEnd: request.rangeEnd)
        limit = Int(max(0, request.limit))
        revision = request.revision > 0 ? Revision(UInt64(request.revision)) : nil
        keysOnly = request.keysOnly
        countOnly = request.countOnly
        target = request.sortTarget
        // Records come by key, so that another target without an order means ascending.
        order = request.sortOrder == .none && target != .key ? .ascend : request.sortOrder
        isCutFirst = request.sortOrder == .none
        modRevisions = Self.bounds(request.minModRevision, request.maxModRevision)
        createRevisions = Self.bounds(request.minCreateRevision, request.maxCreateRevision)
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
    var wanted: Int { isCutFirst && !isFiltered && limit > 0 ? limit + 1 : 0 }

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
    func response(_ records: [KeyRecord], count: Int) -> Etcdserverpb_RangeResponse {
        var response = Etcdserverpb_RangeResponse()
        response.count = Int64(count)
        guard !countOnly else { return response }
        var records = records
        if let modRevisions { records.removeAll { !modRevisions.contains($0.modRevision.rawValue) } }
        if let createRevisions { records.removeAll { !createRevisions.contains($0.createRevision.rawValue) } }
        sort(&records)
        if limit > 0, records.count > limit {
            records.removeLast(records.count - limit)
            response.more = true
        }
        response.kvs = records.map { record in
            var message = record.message
            if keysOnly { message.value.removeAll() }
            return message
        }
        return response
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
