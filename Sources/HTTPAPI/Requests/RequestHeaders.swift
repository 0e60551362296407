import NIOHTTP1
internal import Primitives

/// The header fields of one request that mean something here, picked out in one pass.
struct RequestHeaders {
    private(set) var hasHost = false
    private(set) var ifMatch: String?
    private(set) var ifNoneMatch: String?
    private(set) var ifFence: String?
    private(set) var idempotencyKey: String?
    private(set) var accept: String?
    private(set) var lastEventID: String?
    private(set) var expect: String?
    private(set) var contentLength: String?
    /// The parser reads nothing more after a request that offers an upgrade, so its connection must end.
    private(set) var offersUpgrade = false
    /// A field that may be there only once and was there more often.
    private(set) var repeated: StaticString?

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers { note(name, value) }
    }

    private mutating func note(_ name: String, _ value: String) {
        switch name.utf8.count {
        case 4 where matches(name, "host"): hasHost = true
        case 6 where matches(name, "accept"): accept = accept.map { "\($0),\(value)" } ?? value
        case 6 where matches(name, "expect"): expect = once(expect, "Expect", value)
        case 7 where matches(name, "upgrade"): offersUpgrade = true
        case 8 where matches(name, "if-match"): ifMatch = once(ifMatch, "If-Match", value)
        case 8 where matches(name, "if-fence"): ifFence = once(ifFence, "If-Fence", value)
        case 13 where matches(name, "if-none-match"): ifNoneMatch = once(ifNoneMatch, "If-None-Match", value)
        case 13 where matches(name, "last-event-id"): lastEventID = once(lastEventID, "Last-Event-ID", value)
        case 14 where matches(name, "content-length"): contentLength = value
        case 15 where matches(name, "idempotency-key"): idempotencyKey = once(idempotencyKey, "Idempotency-Key", value)
        default: break
        }
    }

    private mutating func once(_ known: String?, _ name: StaticString, _ value: String) -> String {
        if known != nil { repeated = name }
        return value
    }

    /// Whether `name` is `lowercase`, whatever the case of its letters; their lengths are equal.
    private func matches(_ name: String, _ lowercase: StaticString) -> Bool {
        var name = name
        return name.withUTF8 { name in
            name.indices.allSatisfy { place in
                let wanted = lowercase.utf8Start[place]
                return name[place] | 0x20 == wanted || name[place] == wanted
            }
        }
    }

    /// Whether the client names this media type in `Accept`; parameters and weights play no part.
    func accepts(_ type: StaticString) -> Bool {
        guard let accept else { return false }
        return accept.utf8.split(separator: UInt8(ascii: ",")).contains { range in
            let media = range.prefix { $0 != UInt8(ascii: ";") }.filter { $0 != 0x20 && $0 != 0x09 }
            return type.withUTF8Buffer { wanted in media.elementsEqual(wanted) { $0 | 0x20 == $1 || $0 == $1 } }
        }
    }
}
