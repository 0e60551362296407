internal import NIOHPACK

/// What of a request's headers matters to a call, found in one pass that also sees whether they are well formed
/// (RFC 9113 §8.2, §8.3). What is known by its name is not looked at byte by byte.
struct RequestFields {
    var method, path, scheme, authority, type, encoding, timeout, hasLeader: String?
    var takesTrailers = false
    private var isPastPseudoHeaders = false

    /// The request breaks a rule of HTTP/2: its stream is reset.
    struct Malformed: Error, Hashable {}

    init(_ headers: HPACKHeaders) throws(Malformed) {
        for (name, value, _) in headers {
            if name.utf8.first == UInt8(ascii: ":") {
                try takePseudoHeader(name, value)
            } else {
                isPastPseudoHeaders = true
                try takeField(name, value)
            }
        }
        // `CONNECT` has neither scheme nor path; it is no call either.
        guard let method, method == "CONNECT" || (scheme != nil && path?.isEmpty == false) else { throw Malformed() }
    }

    /// Each at most once, before all others.
    private mutating func takePseudoHeader(_ name: String, _ value: String) throws(Malformed) {
        func set(_ field: inout String?) throws(Malformed) {
            guard field == nil, !isPastPseudoHeaders else { throw Malformed() }
            field = value
        }
        switch name {
        case ":method": try set(&method)
        case ":path": try set(&path)
        case ":scheme": try set(&scheme)
        case ":authority": try set(&authority)
        default: throw Malformed()
        }
        guard value.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw Malformed() }
    }

    /// Of one that comes again the first counts. Asked for their lengths first, since names are many and most are others.
    private mutating func takeField(_ name: String, _ value: String) throws(Malformed) {
        guard Self.isAllowed(value) else { throw Malformed() }
        switch name.utf8.count {
        case 2 where name == "te":
            guard value == "trailers" else { throw Malformed() }
            takesTrailers = true
        case 9 where name == "hasleader": hasLeader = hasLeader ?? value
        case 12 where name == "content-type": type = type ?? value
        case 12 where name == "grpc-timeout": timeout = timeout ?? value
        case 13 where name == "grpc-encoding": encoding = encoding ?? value
        default: guard Self.isAllowed(name: name) else { throw Malformed() }
        }
    }

    /// Throws if headers that end a request are not what such may be.
    static func check(trailers: HPACKHeaders) throws(Malformed) {
        for (name, value, _) in trailers {
            guard isAllowed(name: name), isAllowed(value) else { throw Malformed() }
        }
    }

    /// A token without capitals (RFC 9113 §8.2.1), and none that speaks of the connection (§8.2.2).
    private static func isAllowed(name: String) -> Bool {
        switch name {
        case "", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade": false
        default: name.utf8.allSatisfy { isLowerCaseTokenByte[Int($0)] }
        }
    }

    private static let isLowerCaseTokenByte: [Bool] = {
        let allowed = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        return (0...255).map { allowed.contains($0) }
    }()

    private static func isAllowed(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 != 0x00 && $0 != 0x0A && $0 != 0x0D }
    }
}
