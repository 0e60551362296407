internal import NIOCore
internal import Primitives
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
    /// As gRPC's clients call it.
    let path: String
    let kind: Kind
    /// Paths of the gateway, after `/v3` or `/v3beta`; empty when it is for gRPC alone.
    let gatewayPaths: [String]
    /// Whether an answer may be long in coming.
    let takesLong: Bool
    /// Whether the answers end with the requests. The gateway has all of these at once: there the answers are one body.
    let endsWithRequests: Bool
    let begin: @Sendable (RPC) -> any RunningCall

    private init(
        _ path: String, _ kind: Kind, _ gatewayPaths: [String], takesLong: Bool,
        endsWithRequests: Bool = false, begin: @escaping @Sendable (RPC) -> any RunningCall
    ) {
        let parts = path.split(separator: "/").map(String.init)
        service = parts[0]
        name = parts[1]
        self.path = "/" + path
        self.kind = kind
        self.gatewayPaths = gatewayPaths
        self.takesLong = takesLong
        self.endsWithRequests = endsWithRequests
        self.begin = begin
    }

    /// A method with one request and one answer.
    static func unary<Request: SwiftProtobuf.Message>(
        _ path: String, _ gatewayPaths: String..., serve: @escaping @Sendable (Request, RPC) throws(RPCStatus) -> Void
    ) -> Method {
        unary(path, gatewayPaths, .generated, serve)
    }

    /// The same, with requests that come often.
    static func frequent<Request: FrequentRequest>(
        _ path: String, _ gatewayPaths: String..., serve: @escaping @Sendable (Request, RPC) throws(RPCStatus) -> Void
    ) -> Method {
        unary(path, gatewayPaths, .frequent, serve)
    }

    private static func unary<Request: Sendable>(
        _ path: String, _ gatewayPaths: [String], _ reader: RequestReader<Request>,
        _ serve: @escaping @Sendable (Request, RPC) throws(RPCStatus) -> Void
    ) -> Method {
        Method(path, .unary, gatewayPaths, takesLong: false) { rpc in
            let call = SingleRequestCall<Request>(rpc, outlastsStop: true) { request, rpc throws(RPCStatus) in
                try serve(request, rpc)
                return nil
            }
            return TypedCall(call, reader)
        }
    }

    /// A method with one request whose answer takes its time, or has several messages: `serve` tells what to let go of when
    /// the client does not wait for the end.
    static func waiting<Request: SwiftProtobuf.Message>(
        _ path: String, _ kind: Kind, _ gatewayPaths: String...,
        serve: @escaping @Sendable (Request, RPC) throws(RPCStatus) -> (any WaitingCall)?
    ) -> Method {
        Method(path, kind, gatewayPaths, takesLong: true) { rpc in
            TypedCall(SingleRequestCall(rpc, outlastsStop: false, serve: serve), .generated)
        }
    }

    /// A method whose client sends many requests.
    static func stream<Handler: CallHandler & SendableMetatype>(
        _ path: String, _ gatewayPaths: String..., handler: @escaping @Sendable (RPC) -> Handler
    ) -> Method where Handler.Request: SwiftProtobuf.Message {
        Method(path, .bidirectional, gatewayPaths, takesLong: true) { rpc in TypedCall(handler(rpc), .generated) }
    }

    /// The same, with requests that come often, and an end behind the last answer when the client has ended.
    static func frequentStream<Handler: CallHandler & SendableMetatype>(
        _ path: String, _ gatewayPaths: String..., handler: @escaping @Sendable (RPC) -> Handler
    ) -> Method where Handler.Request: FrequentRequest {
        Method(path, .bidirectional, gatewayPaths, takesLong: true, endsWithRequests: true) { rpc in
            TypedCall(handler(rpc), .frequent)
        }
    }
}

/// All methods, by how they are called.
final class MethodTable: Sendable {
    let byPath: [String: Method]
    /// With the gateway's own beginning, of which there are two.
    let byGatewayPath: [String: Method]

    init(_ methods: [Method]) {
        byPath = Dictionary(uniqueKeysWithValues: methods.map { ($0.path, $0) })
        byGatewayPath = Dictionary(
            uniqueKeysWithValues: methods.flatMap { method in
                method.gatewayPaths.flatMap { [("/v3" + $0, method), ("/v3beta" + $0, method)] }
            })
    }
}

/// A call whose messages are still bytes.
protocol RunningCall: AnyObject {
    func received(protobuf: ByteBuffer) throws(RPCStatus)
    func received(json: Bytes) throws(RPCStatus)
    /// See ``CallHandler/readEnded()``.
    func readEnded()
    func requestsEnded()
    /// Called once, at the latest when the call ended.
    func cancelled()
    func writabilityChanged(_ writable: Bool)
    func finish()
}

/// Reads the messages of a call for its handler.
private final class TypedCall<Handler: CallHandler>: RunningCall {
    private var handler: Handler?
    private let reader: RequestReader<Handler.Request>

    init(_ handler: Handler, _ reader: RequestReader<Handler.Request>) {
        self.handler = handler
        self.reader = reader
    }

    func received(protobuf: ByteBuffer) throws(RPCStatus) { handler?.received(try reader.protobuf(protobuf)) }
    func received(json: Bytes) throws(RPCStatus) { handler?.received(try reader.json(json)) }
    func readEnded() { handler?.readEnded() }
    func requestsEnded() { handler?.requestsEnded() }
    func cancelled() {
        handler?.cancelled()
        handler = nil
    }
    func writabilityChanged(_ writable: Bool) { handler?.writabilityChanged(writable) }
    func finish() { handler?.finish() }
}
