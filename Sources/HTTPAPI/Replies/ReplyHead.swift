internal import NIOCore
internal import Primitives
import ReplicaCore

/// What happens to the connection after an answer, as its head says it.
enum Persistence {
    /// HTTP/1.1 keeps a connection unless told otherwise.
    case keptByDefault
    /// HTTP/1.0 with `Connection: keep-alive`.
    case keptByRequest
    case closes
}

/// The header fields that every answer of this node has alike.
struct CommonFields {
    /// `Conclave-Node` and the fields that never change, with their line ends.
    private let constant: ByteBuffer
    private var date = HTTPDate()

    init(nodeName: String) {
        var buffer = ByteBuffer()
        buffer.writeStaticString("Conclave-Node: ")
        buffer.writeBytes(nodeName.utf8.lazy.filter { $0 > 0x20 && $0 < 0x7F })
        buffer.writeStaticString("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nDate: ")
        constant = buffer
    }

    /// Everything of a reply's head but the length of the body and the empty line.
    mutating func write(
        _ status: Status, _ type: ContentType?, at position: ReplyPosition, _ persistence: Persistence,
        into out: inout ByteBuffer
    ) {
        out.writeText(atMost: constant.readableBytes + Self.variableBytes) { text in
            text.write(status.line)
            constant.withUnsafeReadableBytes { text.write($0) }
            date.text.withUnsafeBytes { text.write($0) }
            text.write("\r\nConclave-Revision: ")
            text.write(decimal: position.revision.rawValue)
            text.write("\r\nConclave-Term: ")
            text.write(decimal: position.term.rawValue)
            if let staleness = position.staleness {
                text.write("\r\nConclave-Staleness-Ms: ")
                text.write(decimal: UInt64(max(0, staleness.milliseconds)))
            }
            if let type {
                text.write("\r\nContent-Type: ")
                text.write(type.name)
            }
            switch persistence {
            case .keptByDefault: text.write("\r\n")
            case .keptByRequest: text.write("\r\nConnection: keep-alive\r\n")
            case .closes: text.write("\r\nConnection: close\r\n")
            }
        }
    }

    /// More than all has that is not constant: a status line, a date, a type and three numbers, with their names.
    private static let variableBytes = 512
}

extension ByteBuffer {
    mutating func write(_ field: Reply.Field) {
        switch field {
        case .etag(let revision):
            writeStaticString("ETag: \"")
            writeDecimal(revision.rawValue)
            writeStaticString("\"\r\n")
        case .createRevision(let revision):
            writeStaticString("Conclave-Create-Revision: ")
            writeDecimal(revision.rawValue)
            writeStaticString("\r\n")
        case .version(let version):
            writeStaticString("Conclave-Version: ")
            writeDecimal(version)
            writeStaticString("\r\n")
        case .lease(let lease):
            writeStaticString("Conclave-Lease: ")
            writeHexadecimal(lease.rawValue)
            writeStaticString("\r\n")
        case .allow(let methods):
            writeStaticString("Allow: ")
            writeString(methods.rawValue)
            writeStaticString("\r\n")
        case .retryAfter(let seconds):
            writeStaticString("Retry-After: ")
            writeDecimal(UInt64(max(0, seconds)))
            writeStaticString("\r\n")
        case .guest:
            // What browsers ask for, and what etcd's own gateway adds.
            writeStaticString(
                """
                Access-Control-Allow-Origin: *\r
                Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r
                Access-Control-Allow-Headers: accept, content-type, authorization\r
                Grpc-Metadata-Content-Type: application/grpc\r

                """)
        }
    }
}
