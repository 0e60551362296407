internal import NIOCore
internal import Primitives
internal import SwiftProtobuf

/// How the requests of a method are read from either form.
struct RequestReader<Request>: Sendable {
    let protobuf: @Sendable (ByteBuffer) throws(RPCStatus) -> Request
    let json: @Sendable (Bytes) throws(RPCStatus) -> Request
}

extension RequestReader where Request: SwiftProtobuf.Message {
    /// SwiftProtobuf's way.
    static var generated: RequestReader {
        RequestReader(
            protobuf: { bytes throws(RPCStatus) in
                do {
                    return try Request(serializedBytes: [UInt8](bytes.readableBytesView))
                } catch {
                    throw RPCStatus(.internalError, "grpc: failed to unmarshal the received message: \(error)")
                }
            }, json: { json throws(RPCStatus) in try GatewayJSON.decode(json) })
    }
}

/// A request that comes so often that its usual form is read without a detour. What is unusual is left to SwiftProtobuf, and
/// where both can read they read the same.
protocol FrequentRequest: Sendable {
    associatedtype Message: SwiftProtobuf.Message
    init(_ message: Message)
    /// `nil` when the message is unusual.
    init?(protobuf: ByteBuffer)
    /// `nil` when the object is unusual.
    init?(json: Bytes)
}

extension RequestReader where Request: FrequentRequest {
    static var frequent: RequestReader {
        RequestReader(
            protobuf: { bytes throws(RPCStatus) in
                if let request = Request(protobuf: bytes) { return request }
                return Request(try RequestReader<Request.Message>.generated.protobuf(bytes))
            },
            json: { json throws(RPCStatus) in
                if let request = Request(json: json) { return request }
                return Request(try RequestReader<Request.Message>.generated.json(json))
            })
    }
}
