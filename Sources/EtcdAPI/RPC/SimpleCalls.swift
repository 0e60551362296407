internal import SwiftProtobuf

/// What waits, or still sends, after the one request of a call was taken.
protocol WaitingCall: AnyObject {
    /// The client is gone, or the call ended. Called once.
    func cancelled()
    func writabilityChanged(_ writable: Bool)
}

/// A call with one request, answered by what a service function makes of it.
final class UnaryCall<Request: SwiftProtobuf.Message>: CallHandler, @unchecked Sendable {
    private let rpc: RPC
    private let serve: (Request, RPC) throws(RPCStatus) -> Void
    private var request: Request?

    init(_ rpc: RPC, serve: @escaping (Request, RPC) throws(RPCStatus) -> Void) {
        self.rpc = rpc
        self.serve = serve
    }

    func received(_ request: Request) {
        guard self.request == nil else { return rpc.end(.tooManyMessages) }
        self.request = request
    }

    func requestsEnded() {
        guard let request else { return rpc.end(.noMessage) }
        rpc.whenLed { [self] in
            do throws(RPCStatus) { try serve(request, rpc) } catch { rpc.end(error) }
        }
    }

    func cancelled() {}
    func writabilityChanged(_ writable: Bool) {}
    /// It ends by itself, soon.
    func finish() {}
}

/// A call with one request and answers that come when they come.
final class SingleRequestCall<Request: SwiftProtobuf.Message>: CallHandler, @unchecked Sendable {
    private let rpc: RPC
    private let serve: (Request, RPC) throws(RPCStatus) -> (any WaitingCall)?
    private var request: Request?
    private var waiting: (any WaitingCall)?

    init(_ rpc: RPC, serve: @escaping (Request, RPC) throws(RPCStatus) -> (any WaitingCall)?) {
        self.rpc = rpc
        self.serve = serve
    }

    func received(_ request: Request) {
        guard self.request == nil else { return rpc.end(.tooManyMessages) }
        self.request = request
    }

    func requestsEnded() {
        guard let request else { return rpc.end(.noMessage) }
        rpc.whenLed { [self] in
            do throws(RPCStatus) {
                let waiting = try serve(request, rpc)
                // It may have ended while it was begun.
                if rpc.isOpen { self.waiting = waiting } else { waiting?.cancelled() }
            } catch {
                rpc.end(error)
            }
        }
    }

    func cancelled() {
        waiting?.cancelled()
        waiting = nil
    }

    func writabilityChanged(_ writable: Bool) { waiting?.writabilityChanged(writable) }
    func finish() { rpc.end(.stopped) }
}

extension RPCStatus {
    fileprivate static let tooManyMessages = RPCStatus(
        .internalError, "grpc: the call has more than one request message")
    fileprivate static let noMessage = RPCStatus(.internalError, "grpc: the call has no request message")
}
