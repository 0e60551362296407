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
    private var request: Request?
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
        guard self.request == nil else { return rpc.end(.tooManyMessages) }
        self.request = request
    }

    func requestsEnded() {
        guard let request else { return rpc.end(.noMessage) }
        guard rpc.requiresLeader else { return begin(request) }
        rpc.whenLed { [self] in if let request = self.request { begin(request) } }
    }

    private func begin(_ request: Request) {
        do throws(RPCStatus) {
            let waiting = try serve(request, rpc)
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
