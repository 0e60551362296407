internal import NIOCore
internal import NIOHPACK
internal import Primitives

/// What the headers of a call say.
struct CallHead {
    var path: String
    /// How long the client waits; `nil` for as long as it takes.
    var timeout: TimeSpan?
    var requiresLeader: Bool

    /// Why a stream's headers begin no call.
    enum Fault: Error, Hashable {
        /// This is not gRPC: answered by the status of HTTP alone.
        case http(Int)
        /// Answered as gRPC.
        case status(RPCStatus)
        /// Not answered.
        case malformed
    }

    init(_ headers: HPACKHeaders) throws(Fault) {
        let fields: RequestFields
        do { fields = try RequestFields(headers) } catch { throw .malformed }
        guard fields.method == "POST" else { throw .http(405) }
        guard let type = fields.type, Self.isGRPC(type) else { throw .http(415) }
        guard fields.takesTrailers else {
            throw .status(RPCStatus(.internalError, "grpc: te: trailers is missing from the request's headers"))
        }
        if let encoding = fields.encoding, encoding != "identity" {
            throw .status(
                RPCStatus(.unimplemented, "grpc: grpc-encoding is \(encoding.prefix(40)); only identity is understood"))
        }
        path = fields.path ?? ""
        requiresLeader = fields.hasLeader == "true"
        if let text = fields.timeout {
            guard let parsed = TimeSpan(grpcTimeout: text) else {
                throw .status(
                    RPCStatus(
                        .internalError, "grpc: grpc-timeout is \(text.prefix(20)); 1 to 8 digits and a unit of HMSmun"))
            }
            timeout = parsed
        }
    }

    /// `application/grpc`, perhaps with a subtype or parameters.
    private static func isGRPC(_ type: String) -> Bool {
        let name = "application/grpc"
        guard type.hasPrefix(name) else { return false }
        let rest = type.utf8.dropFirst(name.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: ";")
    }
}

extension TimeSpan {
    /// Up to eight digits and a unit: hours, minutes, seconds, milli-, micro- or nanoseconds.
    init?(grpcTimeout text: String) {
        var digits = text.utf8[...]
        guard let unit = digits.popLast(), (1...8).contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        let count = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        let nanoseconds: Int64
        switch unit {
        case UInt8(ascii: "H"): nanoseconds = 3_600_000_000_000
        case UInt8(ascii: "M"): nanoseconds = 60_000_000_000
        case UInt8(ascii: "S"): nanoseconds = 1_000_000_000
        case UInt8(ascii: "m"): nanoseconds = 1_000_000
        case UInt8(ascii: "u"): nanoseconds = 1_000
        case UInt8(ascii: "n"): nanoseconds = 1
        default: return nil
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: nanoseconds)
        self.init(nanoseconds: overflow ? .max / 4 : min(product, .max / 4))
    }
}

extension RPCStatus {
    /// The trailers that tell it.
    func trailers(alone: Bool) -> HPACKHeaders {
        var headers = HPACKHeaders()
        if alone {
            headers.add(name: ":status", value: "200")
            headers.add(name: "content-type", value: "application/grpc")
        }
        headers.add(name: "grpc-status", value: String(code.rawValue))
        if !message.isEmpty { headers.add(name: "grpc-message", value: message.percentEncodedForGRPC) }
        return headers
    }
}

extension String {
    /// Every byte that is not printable ASCII, and `%`, as `%XX`.
    var percentEncodedForGRPC: String {
        guard !utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "%") }) else { return self }
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in utf8 {
            if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
