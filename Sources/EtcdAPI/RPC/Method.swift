internal import NIOCore
internal import SwiftProtobuf

/// One method of a service, over gRPC and over the gateway.
final class Method: Sendable {
    /// What metrics call it (`grpc_type`).
    enum Kind: String, Sendable {
        case unary
        case serverStream = "server_stream"
        case bidirectional = "bidi_stream"
    }

    let service: String
    let name: String
    let kind: Kind
    /// Paths of the gateway, after `/v3` or `/v3beta`; empty when it is for gRPC alone.
    let gatewayPaths: [String]
    /// Whether an answer may be long in coming.
    let takesLong: Bool
    let begin: @Sendable (RPC) -> any RunningCall

    private init(
        _ path: String, _ kind: Kind, _ gatewayPaths: [String], takesLong: Bool,
        begin: @escaping @Sendable (RPC) -> any RunningCall
    ) {
        let parts = path.split(separator: "/").map(String.init)
        service = parts[0]
        name = parts[1]
        self.kind = kind
        self.gatewayPaths = gatewayPaths
        self.takesLong = takesLong
        self.begin = begin
    }

    var path: String { "/\(service)/\(name)" }

    /// A method with one request and one answer.
    static func unary<Request: SwiftProtobuf.Message>(
        _ path: String, _ gatewayPaths: String..., serve: @escaping @Sendable (Request, RPC) throws(RPCStatus) -> Void
    ) -> Method {
        Method(path, .unary, gatewayPaths, takesLong: false) { rpc in TypedCall(UnaryCall(rpc, serve: serve)) }
    }

    /// A method with one request whose answer takes its time, or has several messages: `serve` tells what to let go of when
    /// the client does not wait for the end.
    static func waiting<Request: SwiftProtobuf.Message>(
        _ path: String, _ kind: Kind, _ gatewayPaths: String...,
        serve: @escaping @Sendable (Request, RPC) throws(RPCStatus) -> (any WaitingCall)?
    ) -> Method {
        Method(path, kind, gatewayPaths, takesLong: true) { rpc in TypedCall(SingleRequestCall(rpc, serve: serve)) }
    }

    /// A method whose client sends many requests.
    static func stream<Handler: CallHandler & SendableMetatype>(
        _ path: String, _ gatewayPaths: String..., handler: @escaping @Sendable (RPC) -> Handler
    ) -> Method {
        Method(path, .bidirectional, gatewayPaths, takesLong: true) { rpc in TypedCall(handler(rpc)) }
    }
}

/// All methods, by how they are called.
final class MethodTable: Sendable {
    let byPath: [String: Method]
    let byGatewayPath: [String: Method]

    init(_ methods: [Method]) {
        byPath = Dictionary(uniqueKeysWithValues: methods.map { ($0.path, $0) })
        byGatewayPath = Dictionary(
            uniqueKeysWithValues: methods.flatMap { method in
                method.gatewayPaths.map { ($0, method) }
            })
    }
}

/// A call whose messages are still bytes.
protocol RunningCall: AnyObject {
    func received(protobuf: ByteBuffer) throws(RPCStatus)
    func received(json: [UInt8]) throws(RPCStatus)
    func requestsEnded()
    /// Called once, at the latest when the call ended.
    func cancelled()
    func writabilityChanged(_ writable: Bool)
    func finish()
}

/// Reads the messages of a call for its handler.
private final class TypedCall<Handler: CallHandler>: RunningCall {
    private var handler: Handler?
    init(_ handler: Handler) { self.handler = handler }

    func received(protobuf: ByteBuffer) throws(RPCStatus) {
        let request: Handler.Request
        do {
            request = try Handler.Request(serializedBytes: [UInt8](protobuf.readableBytesView))
        } catch {
            throw RPCStatus(.internalError, "grpc: failed to unmarshal the received message: \(error)")
        }
        handler?.received(request)
    }

    func received(json: [UInt8]) throws(RPCStatus) {
        let request: Handler.Request = try GatewayJSON.decode(json)
        handler?.received(request)
    }

    func requestsEnded() { handler?.requestsEnded() }
    func cancelled() {
        handler?.cancelled()
        handler = nil
    }
    func writabilityChanged(_ writable: Bool) { handler?.writabilityChanged(writable) }
    func finish() { handler?.finish() }
}
