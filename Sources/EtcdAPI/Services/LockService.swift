import Foundation
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// `v3lockpb.Lock`.
enum LockService {
    static let methods: [Method] = [
        .waiting("v3lockpb.Lock/Lock", .unary, "/lock/lock", serve: lock),
        .unary("v3lockpb.Lock/Unlock", "/lock/unlock", serve: unlock),
    ]

    @Sendable
    private static func lock(_ request: V3lockpb_LockRequest, _ rpc: RPC) throws(RPCStatus) -> (any WaitingCall)? {
        let name = Bytes(request.name)
        return try SessionCall.begin(rpc, lease: request.lease) { lease in
            WaitingLine(rpc, name: name, lease: lease, value: nil) { place in
                var response = V3lockpb_LockResponse()
                response.header = rpc.header(place.position)
                response.key = Data(place.key)
                rpc.answer(response.reply)
            }
        }
    }

    /// Frees a lock that is held under this key. A key that hangs on no lease, or not on the one in its name, is no lock and
    /// stays as it is.
    @Sendable
    private static func unlock(_ request: V3lockpb_UnlockRequest, _ rpc: RPC) throws(RPCStatus) {
        let key = Bytes(request.key)
        guard !key.isEmpty else { throw .emptyKey }
        let digits = key.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) }
        let lease = digits.flatMap { UInt64($0, radix: 16) } ?? .max
        let transaction = Transaction(
            comparisons: [.init(key: key, target: .lease(lease), relation: .equal)], then: [.delete(.key(key))],
            otherwise: [])
        rpc.submit(.write(Proposal(command: .transaction(transaction)))) { reply in
            guard case .written(.transaction, let position) = reply else { return rpc.end(.wrongAnswer) }
            rpc.answer(V3lockpb_UnlockResponse.with { $0.header = rpc.header(position) }.reply)
        }
    }
}
