internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// Reads as many records as an answer needs, page by page, all at the revision of the first. Confined to the call's loop.
final class RangeReader: @unchecked Sendable {
    private let rpc: RPC
    private let query: RangeQuery
    /// Records to read; 0 = all.
    private let wanted: Int
    private let completion: @Sendable ([KeyRecord], Int, ReplyPosition) -> Void
    private var records: [KeyRecord] = []
    private var bytes = 0
    /// The first page's, which tells how many there are, and its state.
    private var first: (count: Int, position: ReplyPosition)?

    /// - Parameter completion: gets the records, how many keys the selection has, and the state they are of.
    init(
        _ rpc: RPC, _ query: RangeQuery, wanted: Int,
        completion: @escaping @Sendable ([KeyRecord], Int, ReplyPosition) -> Void
    ) {
        self.rpc = rpc
        self.query = query
        self.wanted = wanted
        self.completion = completion
    }

    func read(_ consistency: ReadConsistency) { ask(query, consistency) }

    private func ask(_ query: RangeQuery, _ consistency: ReadConsistency) {
        rpc.submit(.read(.range(query), consistency)) { [self] reply in
            guard case .read(.range(let page), let position) = reply else { return rpc.end(.wrongAnswer) }
            take(page, position)
        }
    }

    private func take(_ page: RangeResult, _ position: ReplyPosition) {
        let first = first ?? (page.count, position)
        self.first = first
        bytes += page.records.reduce(0) { $0 + $1.key.count + $1.value.count }
        records = records.isEmpty ? page.records : records + page.records
        let isEnough = !page.more || (wanted > 0 && records.count >= wanted)
        guard !isEnough, let last = page.records.last else {
            return completion(records, first.count, first.position)
        }
        guard bytes < Limits.etcdAnswerBytes else {
            return rpc.end(
                RPCStatus(
                    .resourceExhausted,
                    "conclave: the answer has more than \(Limits.etcdAnswerBytes) bytes; ask for fewer keys with a limit"
                ))
        }
        var next = query
        let end: Bytes? = if case .range(_, let to) = query.selection { to } else { nil }
        next.selection = .range(from: last.key + [0], to: end)
        next.at = query.at ?? first.position.revision
        if wanted > 0 { next.limit = wanted - records.count }
        ask(next, .stale)
    }
}
