internal import NIOCore
internal import SwiftProtobuf

/// Messages as JSON, as etcd's gateway reads and writes it.
enum GatewayJSON {
    private static let writing: JSONEncodingOptions = {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        return options
    }()

    private static func reading(ignoringUnknown: Bool) -> JSONDecodingOptions {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = ignoringUnknown
        options.messageDepthLimit = 64
        return options
    }

    static func encode(_ message: some SwiftProtobuf.Message) throws -> ByteBuffer {
        ByteBuffer(bytes: try message.jsonUTF8Bytes(options: writing) as [UInt8])
    }

    /// Nothing at all is the empty message, as etcd takes it.
    static func decode<Message: SwiftProtobuf.Message>(_ json: [UInt8]) throws(RPCStatus) -> Message {
        if json.allSatisfy(\.isJSONSpace) { return Message() }
        do {
            return try parse(json)
        } catch {
            throw RPCStatus(.invalidArgument, "the body is no \(Message.protoMessageName) in JSON: \(error)")
        }
    }

    /// Fields that nobody knows are overlooked, as etcd does, but a value that an enum does not have is a mistake. Where
    /// unknown fields are overlooked unknown values are, too, so that is tried second.
    private static func parse<Message: SwiftProtobuf.Message>(_ json: [UInt8]) throws -> Message {
        do {
            return try Message(jsonUTF8Bytes: json, options: reading(ignoringUnknown: false))
        } catch JSONDecodingError.unknownField {
            return try Message(jsonUTF8Bytes: json, options: reading(ignoringUnknown: true))
        }
    }

    /// Splits values that follow each other, which only have to be objects. What is no object is one piece by itself, for
    /// the decoder to refuse.
    static func split(_ bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start: Int?
        var depth = 0
        var isInString = false
        var isEscaped = false
        for (place, byte) in bytes.enumerated() {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            if start == nil, byte.isJSONSpace { continue }
            if start == nil { start = place }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth <= 0, let begin = start {
                    pieces.append(Array(bytes[begin...place]))
                    start = nil
                    depth = 0
                }
            default: break
            }
        }
        if let start { pieces.append(Array(bytes[start...])) }
        return pieces
    }
}

extension UInt8 {
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}

/// Bodies of the gateway that are no messages.
extension ByteBuffer {
    /// An error, in the fields of all of etcd's releases.
    mutating func writeGatewayError(_ status: RPCStatus) {
        writeStaticString("{\"error\":")
        writeJSONString(status.message)
        writeStaticString(",\"message\":")
        writeJSONString(status.message)
        writeString(",\"code\":\(status.code.rawValue),\"details\":[]}")
    }

    /// The last piece of a stream that ended with an error.
    mutating func writeGatewayStreamError(_ status: RPCStatus) {
        let code = status.code
        writeString("{\"error\":{\"grpc_code\":\(code.rawValue),\"http_code\":\(code.httpStatus),\"message\":")
        writeJSONString(status.message)
        writeString(",\"http_status\":\"\(code.httpReason)\",\"code\":\(code.rawValue),\"details\":[]}}\n")
    }

    mutating func writeJSONString(_ text: String) {
        writeStaticString("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": writeStaticString("\\\"")
            case "\\": writeStaticString("\\\\")
            case "\n": writeStaticString("\\n")
            case "\r": writeStaticString("\\r")
            case "\t": writeStaticString("\\t")
            default:
                if scalar.value < 0x20 {
                    writeStaticString("\\u00")
                    writeString(scalar.value < 0x10 ? "0" : "1")
                    writeString(String(scalar.value & 15, radix: 16))
                } else {
                    writeString(String(scalar))
                }
            }
        }
        writeStaticString("\"")
    }
}
