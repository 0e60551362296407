internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore
internal import SwiftProtobuf

/// Where the answers to one call go: a stream of gRPC, or an exchange of the gateway. Confined to the call's loop.
protocol RPCOutlet: AnyObject {
    /// Sends a message. The outlet counts what the client has not read yet; see ``CallHandler/writabilityChanged(_:)``.
    func send(_ message: any RPCMessage)
    /// The last thing; nothing is sent after it.
    func end(_ status: RPCStatus)
    /// Whether the client reads what is sent.
    var isWritable: Bool { get }
}

/// A message on its way out, in whichever form the outlet wants it.
protocol RPCMessage {
    /// The protocol buffer's bytes, appended.
    func writeProtobuf(into buffer: inout ByteBuffer) throws
    func json() throws -> ByteBuffer
}

/// What a call does with what its client sends. Confined to the call's loop.
protocol CallHandler: AnyObject {
    associatedtype Request
    func received(_ request: Request)
    /// All that came together was handed over; more may follow.
    func readEnded()
    /// The client sends no more; it still reads.
    func requestsEnded()
    /// The client hung up, gave up, or the call ended: what waits for it is let go. Called once.
    func cancelled()
    func writabilityChanged(_ writable: Bool)
    /// The server stops.
    func finish()
}

extension CallHandler {
    func readEnded() {}
}

/// One call as a service sees it. Confined to its loop.
final class RPC: @unchecked Sendable {
    let node: any NodeService
    let loop: any EventLoop
    let host: EtcdHost
    /// When the client stops waiting; `nil` when it does not say.
    let deadline: NIODeadline?
    /// Whether a node without a leader is to refuse (`hasleader` in the metadata).
    let requiresLeader: Bool
    private var outlet: (any RPCOutlet)?
    private(set) var isOpen = true

    init(
        host: EtcdHost, outlet: any RPCOutlet, deadline: NIODeadline? = nil, requiresLeader: Bool = false
    ) {
        node = host.node
        loop = host.loop
        self.host = host
        self.outlet = outlet
        self.deadline = deadline
        self.requiresLeader = requiresLeader
    }

    /// How long the node may take for what it is asked now.
    var timeout: TimeSpan {
        guard let deadline else { return Limits.requestTimeout }
        let left = TimeSpan(nanoseconds: (deadline - .now()).nanoseconds)
        return max(.milliseconds(1), min(left, Limits.requestTimeout))
    }

    var isWritable: Bool { outlet?.isWritable ?? false }

    func send(_ message: some RPCMessage) { outlet?.send(message) }

    /// The one answer of a call that has one.
    func answer(_ message: some RPCMessage) {
        guard isOpen else { return }
        outlet?.send(message)
        end(.ok)
    }

    func end(_ status: RPCStatus) {
        guard isOpen else { return }
        isOpen = false
        let outlet = outlet
        self.outlet = nil
        outlet?.end(status)
    }

    /// The client is gone: nothing is said any more.
    func drop() {
        isOpen = false
        outlet = nil
    }

    /// Ends with what a refusal means, which is the client's own impatience when its time is over.
    func refuse(_ refusal: Refusal) {
        if let deadline, deadline <= .now(), refusal == .timeout || refusal == .noLeader {
            return end(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
        }
        end(RPCStatus(refusal))
    }

    /// Asks the node; the completion is called on this loop if somebody still waits and it was not refused.
    func submit(_ request: ClientRequest, _ completion: @escaping @Sendable (ClientReply) -> Void) {
        node.submit(request, timeout: timeout, on: loop) { [self] reply in
            guard isOpen else { return }
            switch reply {
            case .refused(let refusal, _): refuse(refusal)
            case .written(.failed(let failure), _): end(RPCStatus(failure))
            case .read(.failed(let failure), _): end(RPCStatus(failure))
            default: completion(reply)
            }
        }
    }

    /// Goes on at once, or, when the client wants a node that knows a leader, once that is found to be so.
    func whenLed(_ body: @escaping @Sendable () -> Void) {
        guard requiresLeader else { return body() }
        status { [self] status in
            if status.replica.leader == nil { end(.noLeader) } else { body() }
        }
    }

    func status(_ completion: @escaping @Sendable (NodeStatus) -> Void) {
        node.status(on: loop) { [self] status in if isOpen { completion(status) } }
    }

    func header(_ position: ReplyPosition) -> Etcdserverpb_ResponseHeader { replyHeader(position).message }
    func replyHeader(_ position: ReplyPosition) -> ReplyHeader { host.header(position) }
}

extension SwiftProtobuf.Message {
    /// This message, on its way out.
    var reply: PlainReply<Self> { PlainReply(message: self) }
}

/// A message that SwiftProtobuf encodes.
struct PlainReply<Message: SwiftProtobuf.Message>: RPCMessage {
    var message: Message

    func writeProtobuf(into buffer: inout ByteBuffer) throws {
        let bytes: [UInt8] = try message.serializedBytes()
        buffer.writeBytes(bytes)
    }

    func json() throws -> ByteBuffer { try GatewayJSON.encode(message) }
}
