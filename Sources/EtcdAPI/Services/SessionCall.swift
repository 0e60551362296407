internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// A call that takes a place in a line, under its client's lease or, when it names none, under one of its own that lasts as
/// long as etcd's sessions do.
final class SessionCall: WaitingCall, @unchecked Sendable {
    private static let ownTTL = TimeSpan.seconds(60)

    private var line: WaitingLine?
    private var isOver = false

    static func begin(
        _ rpc: RPC, lease: Int64, _ makeLine: @escaping @Sendable (LeaseID) -> WaitingLine
    ) throws(RPCStatus) -> any WaitingCall {
        guard lease >= 0 else { throw .leaseNotFound }
        let call = SessionCall()
        if lease > 0 {
            call.enter(makeLine(LeaseID(UInt64(lease))))
            return call
        }
        let drawn = LeaseID(UInt64.random(in: 1...UInt64(Int64.max)))
        rpc.submit(.write(Proposal(command: .grantLease(drawn, ttl: ownTTL)))) { _ in call.enter(makeLine(drawn)) }
        return call
    }

    private func enter(_ line: WaitingLine) {
        guard !isOver else { return }
        self.line = line
        line.enter()
    }

    func cancelled() {
        isOver = true
        line?.cancelled()
        line = nil
    }

    func writabilityChanged(_ writable: Bool) {}
}
