/// What waits, or still sends, after the one request of a call was taken.
protocol WaitingCall: AnyObject {
    /// The client is gone, or the call ended. Called once.
    func cancelled()
    func writabilityChanged(_ writable: Bool)
}

/// A call with one request, answered by what a service function makes of it.
final class SingleRequestCall<Request>: CallHandler, @unchecked Sendable {
    private let rpc: RPC
    private let outlastsStop: Bool
    private let serve: (Request, RPC) throws(RPCStatus) -> (any WaitingCall)?
    /// Begins with the request, once that is here. No `Request?`: what that is would be looked up for each call.
    private var begins: ((SingleRequestCall) -> Void)?
    private var waiting: (any WaitingCall)?

    /// - Parameters:
    ///   - outlastsStop: whether it ends by itself, soon, so that a server that stops need not end it.
    ///   - serve: tells what to let go of when the client does not wait for the end; `nil` when there is nothing.
    init(
        _ rpc: RPC, outlastsStop: Bool, serve: @escaping (Request, RPC) throws(RPCStatus) -> (any WaitingCall)?
    ) {
        self.rpc = rpc
        self.outlastsStop = outlastsStop
        self.serve = serve
    }

    func received(_ request: Request) {
        guard begins == nil else { return rpc.end(.tooManyMessages) }
        begins = { [serve, rpc] call in call.begin { () throws(RPCStatus) in try serve(request, rpc) } }
    }

    func requestsEnded() {
        guard let begins else { return rpc.end(.noMessage) }
        guard rpc.requiresLeader else { return begins(self) }
        rpc.whenLed { [self] in self.begins?(self) }
    }

    private func begin(_ serve: () throws(RPCStatus) -> (any WaitingCall)?) {
        do throws(RPCStatus) {
            let waiting = try serve()
            // It may have ended while it was begun.
            if rpc.isOpen { self.waiting = waiting } else { waiting?.cancelled() }
        } catch {
            rpc.end(error)
        }
    }

    func cancelled() {
        waiting?.cancelled()
        waiting = nil
    }

    func writabilityChanged(_ writable: Bool) { waiting?.writabilityChanged(writable) }
    func finish() { if !outlastsStop { rpc.end(.stopped) } }
}

extension RPCStatus {
    fileprivate static let tooManyMessages = RPCStatus(
        .internalError, "grpc: the call has more than one request message")
    fileprivate static let noMessage = RPCStatus(.internalError, "grpc: the call has no request message")
}
