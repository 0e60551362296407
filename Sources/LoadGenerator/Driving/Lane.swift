internal import NIOCore

/// Room for one request in flight: a connection of HTTP/1.1, or one of a gRPC connection's several. All calls on its loop.
protocol Lane: AnyObject {
    /// Whether an answer is outstanding.
    var busy: Bool { get }
    /// Whether it has ended or is about to; nothing may be sent.
    var closed: Bool { get }
    /// Called once per ``send(_:)``.
    var onFinish: ((Outcome) -> Void)? { get set }
    /// Called once, and before ``onFinish`` where both apply.
    var onClose: (() -> Void)? { get set }

    func send(_ request: LoadRequest)
    /// Ends the lane; an outstanding request fails with `reason`.
    func abandon(_ reason: LoadFailure)
}

extension Lane {
    func abandon() { abandon(.closed) }
}

/// What carries a run's requests.
package enum Transport: Hashable, Sendable {
    /// HTTP/1.1, with a connection for each request in flight.
    case connections
    /// gRPC over HTTP/2 without TLS, by prior knowledge: per event loop one connection to each endpoint, if not one for each
    /// request in flight, which has a stream of its own in either case.
    case streams
    /// The same, but all requests of a connection go over one stream that stays open.
    case sharedStream
}

/// Opens the lanes of one loop.
final class LaneOpener {
    private let loop: any EventLoop
    private let transport: Transport
    private let ownConnections: Bool
    private let limit: TimeAmount
    /// gRPC connections of several lanes that are open or being opened.
    private var shared: [Endpoint: EventLoopFuture<NIOLoopBound<GRPCConnection>>] = [:]

    init(_ plan: LoadPlan, on loop: any EventLoop) {
        transport = plan.transport
        ownConnections = plan.ownConnections
        self.loop = loop
        limit = plan.timeout
    }

    /// The future brings the lane on the loop, and fails with ``LoadFailure``.
    func open(to endpoint: Endpoint) -> EventLoopFuture<NIOLoopBound<any Lane>> {
        guard transport != .connections else {
            return LoadConnection.open(to: endpoint, on: loop, within: limit).map { [loop] bound in
                NIOLoopBound(bound.value, eventLoop: loop)
            }
        }
        return connection(to: endpoint).map { [loop] bound in NIOLoopBound(bound.value.lane(), eventLoop: loop) }
    }

    private func connection(to endpoint: Endpoint) -> EventLoopFuture<NIOLoopBound<GRPCConnection>> {
        let sharesStream = transport == .sharedStream
        if !ownConnections, let known = shared[endpoint] { return known }
        let opening = GRPCConnection.open(to: endpoint, sharingStream: sharesStream, on: loop, within: limit)
        if ownConnections { return opening }
        shared[endpoint] = opening
        let here = NIOLoopBound(self, eventLoop: loop)
        opening.whenComplete { result in
            switch result {
            case .success(let bound):
                bound.value.onEnd = { [weak opener = here.value] in opener?.shared[endpoint] = nil }
            case .failure: here.value.shared[endpoint] = nil
            }
        }
        return opening
    }
}
