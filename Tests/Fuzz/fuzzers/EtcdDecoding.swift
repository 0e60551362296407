import KeyValue
import NIOCore
import Primitives
import SwiftProtobuf

@testable import EtcdAPI

extension Decoder {
    /// Messages of gRPC as they come in pieces, and what the first of them asks for. The first byte is the size of the pieces.
    static let grpc = Decoder(
        name: "grpc",
        seeds: {
            etcdRequests().map { request in
                var buffer = ByteBuffer(bytes: [7])
                try? request.writeFramed(into: &buffer)
                return Bytes(buffer.readableBytesView)
            }
        },
        decode: { input in
            guard let size = input.first, size > 0 else { return }
            var deframer = MessageDeframer(limit: 4_096)
            var rest = ByteBuffer(bytes: input.dropFirst())
            var first: Bytes?
            do throws(RPCStatus) {
                while var piece = rest.readSlice(length: min(Int(size), rest.readableBytes)), piece.readableBytes > 0 {
                    deframer.append(&piece)
                    while let message = try deframer.next() { first = first ?? Bytes(message.readableBytesView) }
                    precondition(deframer.pendingBytes <= 4_096 + messagePrefixBytes + Int(size), "too much is kept")
                }
            } catch {
                precondition(error.code != .ok, "a refusal is no success")
            }
            guard let first else { return }
            carryOut(protobuf: first)
        })

    /// Bodies of the gateway, as each kind of request.
    static let gateway = Decoder(
        name: "gateway",
        seeds: { etcdRequests().compactMap { try? $0.json() }.map { Bytes($0.readableBytesView) } },
        decode: { input in
            for piece in GatewayJSON.split(input) {
                if let range = agreed(on: piece) as RangeRequest? { carryOut(range) }
                if let put = agreed(on: piece) as PutRequest? { carryOut(put) }
                _ = agreed(on: piece) as KeepAliveRequest?
                carryOut { () throws(RPCStatus) -> Etcdserverpb_TxnRequest in try GatewayJSON.decode(piece) }
                _ = try? GatewayJSON.decode(piece) as Etcdserverpb_WatchRequest
                _ = try? GatewayJSON.decode(piece) as Etcdserverpb_LeaseGrantRequest
            }
        })
}

private func etcdRequests() -> [any RPCMessage] {
    [
        Etcdserverpb_RangeRequest.with {
            $0.key = .init([1])
            $0.rangeEnd = .init([0])
            $0.limit = 3
            $0.sortOrder = .descend
            $0.sortTarget = .value
            $0.minModRevision = 2
        }.reply,
        Etcdserverpb_PutRequest.with {
            $0.key = .init([1])
            $0.value = .init([2, 3])
            $0.lease = 7
            $0.prevKv = true
        }.reply,
        Etcdserverpb_TxnRequest.with { txn in
            txn.compare = [
                .with {
                    $0.key = .init([1])
                    $0.rangeEnd = .init([2])
                    $0.target = .mod
                    $0.modRevision = -1
                }
            ]
            txn.success = [.with { $0.requestPut.key = .init([1]) }, .with { $0.requestRange.key = .init([1]) }]
            txn.failure = [
                .with { $0.requestTxn.success = [.with { $0.requestDeleteRange.key = .init([1]) }] }
            ]
        }.reply,
        Etcdserverpb_WatchRequest.with { $0.createRequest.key = .init([1]) }.reply,
    ]
}

private func carryOut(protobuf bytes: Bytes) {
    func decode<Message: SwiftProtobuf.Message>() throws(RPCStatus) -> Message {
        do {
            return try Message(serializedBytes: bytes)
        } catch {
            throw RPCStatus(.internalError, "\(error)")
        }
    }
    let buffer = ByteBuffer(bytes: bytes)
    if let range = agreed(RangeRequest(protobuf: buffer), try? RangeRequest(decode())) { carryOut(range) }
    if let put = agreed(PutRequest(protobuf: buffer), try? PutRequest(decode())) { carryOut(put) }
    _ = agreed(KeepAliveRequest(protobuf: buffer), try? KeepAliveRequest(decode()))
    carryOut { () throws(RPCStatus) -> Etcdserverpb_TxnRequest in try decode() }
    _ = try? decode() as Etcdserverpb_WatchRequest
}

/// Both ways of reading a request read the same, where the short one reads it at all.
private func agreed<Request: FrequentRequest & Equatable>(_ short: Request?, _ long: Request?) -> Request? {
    precondition(short == nil || short == long, "a request is read in two ways")
    return long
}

private func agreed<Request: FrequentRequest & Equatable>(on json: Bytes) -> Request? {
    agreed(Request(json: json), (try? GatewayJSON.decode(json) as Request.Message).map { Request($0) })
}

/// A read of a store with one key is answered with messages that can be read again.
private func carryOut(_ request: RangeRequest) {
    guard let plan = try? RangePlan(request), case .range(let page) = storeWithAKey().query(.range(plan.query)) else {
        return
    }
    let reply = plan.reply(page.records, count: page.count)
    let json = Bytes(reply.json().readableBytesView)
    guard let again = try? Etcdserverpb_RangeResponse(jsonUTF8Bytes: json) else {
        preconditionFailure("an answer is not JSON")
    }
    precondition(again == reply.message, "an answer changes on its way")
    var buffer = ByteBuffer()
    reply.writeProtobuf(into: &buffer)
    let once = try? Etcdserverpb_RangeResponse(serializedBytes: Bytes(buffer.readableBytesView))
    precondition(once == reply.message, "an answer changes on its way")
}

/// A put is the same when the log has carried it.
private func carryOut(_ request: PutRequest) {
    guard let put = try? Put(request) else { return }
    let proposal = Proposal(command: .put(put))
    precondition((try? Proposal(decoding: proposal.encoded())) == proposal, "a proposal changes on its way")
}

/// A transaction is the same when the log has carried it, and what the store makes of it can be told.
private func carryOut(_ request: () throws(RPCStatus) -> Etcdserverpb_TxnRequest) {
    guard let request = try? request(), let plan = try? TxnPlan(request) else { return }
    let proposal = Proposal(command: .transaction(plan.transaction))
    precondition((try? Proposal(decoding: proposal.encoded())) == proposal, "a proposal changes on its way")
    var store = storeWithAKey()
    guard case .transaction(let result) = store.apply(proposal, at: position(2)).result else { return }
    precondition(plan.response(result) != nil, "a transaction's results are not its own")
}

private func position(_ index: UInt64) -> ApplyPosition {
    ApplyPosition(index: LogIndex(index), term: Term(1), time: .zero)
}

private func storeWithAKey() -> Store {
    var store = Store()
    _ = store.apply(Proposal(command: .put(Put(key: [1], value: [2]))), at: position(1))
    return store
}
