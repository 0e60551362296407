internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// `etcdserverpb.KV`.
enum KVService {
    static let methods: [Method] = [
        .frequent("etcdserverpb.KV/Range", "/kv/range", serve: range),
        .frequent("etcdserverpb.KV/Put", "/kv/put", serve: put),
        .unary("etcdserverpb.KV/DeleteRange", "/kv/deleterange", serve: deleteRange),
        .unary("etcdserverpb.KV/Txn", "/kv/txn", serve: transaction),
        .unary("etcdserverpb.KV/Compact", "/kv/compaction", serve: compact),
    ]

    @Sendable
    private static func range(_ request: RangeRequest, _ rpc: RPC) throws(RPCStatus) {
        let plan = try RangePlan(request)
        let reader = RangeReader(rpc, plan.query, wanted: plan.wanted) { records, count, position in
            var reply = plan.reply(records, count: count)
            reply.header = rpc.replyHeader(position)
            rpc.answer(reply)
        }
        reader.read(request.isSerializable ? .stale : .linearizable)
    }

    @Sendable
    private static func put(_ request: PutRequest, _ rpc: RPC) throws(RPCStatus) {
        let put = try Put(request)
        guard put.key.count + put.value.count <= Limits.etcdRequestBytes else { throw .tooLarge }
        if request.wantsPrevious {
            return try alone(try TxnPlan(put: request), rpc) { answer, rpc, position in
                var response = answer.responsePut
                response.header = rpc.header(position)
                rpc.answer(response.reply)
            }
        }
        rpc.submit(.write(Proposal(command: .put(put)))) { reply in
            guard case .written(.put(let result), var position) = reply else { return rpc.end(.wrongAnswer) }
            position.revision = result.record.modRevision
            rpc.answer(PutReply(header: rpc.replyHeader(position)))
        }
    }

    @Sendable
    private static func deleteRange(_ request: Etcdserverpb_DeleteRangeRequest, _ rpc: RPC) throws(RPCStatus) {
        guard !request.key.isEmpty else { throw .emptyKey }
        if request.prevKv {
            let plan = try TxnPlan(.with { $0.success = [.with { $0.requestDeleteRange = request }] })
            return try alone(plan, rpc) { answer, rpc, position in
                var response = answer.responseDeleteRange
                response.header = rpc.header(position)
                rpc.answer(response.reply)
            }
        }
        let delete = Delete(selection: KeySelection(key: request.key, rangeEnd: request.rangeEnd))
        rpc.submit(.write(Proposal(command: .delete(delete)))) { reply in
            guard case .written(.deleted(let count, let revision), var position) = reply else {
                return rpc.end(.wrongAnswer)
            }
            position.revision = revision
            var response = Etcdserverpb_DeleteRangeResponse()
            response.header = rpc.header(position)
            response.deleted = Int64(count)
            rpc.answer(response.reply)
        }
    }

    /// Carries out a transaction of one operation, so that it can tell what was there before.
    private static func alone(
        _ plan: TxnPlan, _ rpc: RPC,
        _ completion: @escaping @Sendable (Etcdserverpb_ResponseOp, RPC, ReplyPosition) -> Void
    ) throws(RPCStatus) {
        try carryOut(plan, rpc) { response, rpc, position in
            guard let answer = response.responses.first else { return rpc.end(.wrongAnswer) }
            completion(answer, rpc, position)
        }
    }

    @Sendable
    private static func transaction(_ request: Etcdserverpb_TxnRequest, _ rpc: RPC) throws(RPCStatus) {
        try carryOut(try TxnPlan(request), rpc) { response, rpc, position in
            var response = response
            response.header = rpc.header(position)
            rpc.answer(response.reply)
        }
    }

    /// - Parameter completion: gets the answer without its header, and the state after the transaction.
    static func carryOut(
        _ plan: TxnPlan, _ rpc: RPC,
        _ completion: @escaping @Sendable (Etcdserverpb_TxnResponse, RPC, ReplyPosition) -> Void
    ) throws(RPCStatus) {
        guard plan.bytes <= Limits.etcdRequestBytes else { throw .tooLarge }
        rpc.submit(.write(Proposal(command: .transaction(plan.transaction)))) { reply in
            guard case .written(.transaction(let result), var position) = reply,
                let response = plan.response(result)
            else { return rpc.end(.wrongAnswer) }
            position.revision = result.revision
            completion(response, rpc, position)
        }
    }

    @Sendable
    private static func compact(_ request: Etcdserverpb_CompactionRequest, _ rpc: RPC) throws(RPCStatus) {
        guard request.revision >= 0 else { throw .compacted }
        let command = Command.discardHistory(before: Revision(UInt64(request.revision)))
        rpc.submit(.write(Proposal(command: command))) { reply in
            guard case .written(.compacted, let position) = reply else { return rpc.end(.wrongAnswer) }
            var response = Etcdserverpb_CompactionResponse()
            response.header = rpc.header(position)
            rpc.answer(response.reply)
        }
    }
}
