import KeyValue
internal import Primitives

/// What `If-Match` and `If-None-Match` ask of a key (RFC 9110 §13.1), as far as this API has it.
enum Conditions {
    /// The condition of a write: `If-Match: *`, `If-Match: "<revision>"` or `If-None-Match: *`.
    static func ofWrite(_ headers: RequestHeaders) throws(Problem) -> Precondition {
        switch (headers.ifMatch, headers.ifNoneMatch) {
        case (nil, nil): return .none
        case (.some, .some): throw .badRequest("If-Match and If-None-Match exclude each other")
        case (let match?, nil):
            if match == "*" { return .present }
            return .unchanged(since: try entityTag("If-Match", match))
        case (nil, let noneMatch?):
            guard noneMatch == "*" else {
                throw .badRequest("If-None-Match is \(quoted(noneMatch.utf8)); on a write it must be *")
            }
            return .absent
        }
    }

    /// The revision of `If-None-Match` on a read: the answer is 304 when the key is still at it.
    static func ofRead(_ headers: RequestHeaders) throws(Problem) -> Revision? {
        if headers.ifMatch != nil { throw .badRequest("If-Match is for writes; a read takes If-None-Match") }
        guard let noneMatch = headers.ifNoneMatch else { return nil }
        return try entityTag("If-None-Match", noneMatch)
    }

    /// Refuses conditions where there is nothing they could be about.
    static func none(_ headers: RequestHeaders) throws(Problem) {
        if headers.ifMatch != nil || headers.ifNoneMatch != nil {
            throw .badRequest("If-Match and If-None-Match are for single keys")
        }
    }

    /// `"<revision>"`: one strong entity tag of ours.
    private static func entityTag(_ name: String, _ text: String) throws(Problem) -> Revision {
        let bytes = Array(text.utf8)
        let quote = UInt8(ascii: "\"")
        guard bytes.count > 2, bytes.first == quote, bytes.last == quote,
            let value = parseDecimal(bytes[1..<bytes.count - 1])
        else {
            throw .badRequest("\(name) is \(quoted(bytes)); it must be one entity tag like \"42\", or *")
        }
        return Revision(value)
    }
}

/// `Idempotency-Key: <client>/<number>`.
func idempotencyKey(_ headers: RequestHeaders) throws(Problem) -> IdempotencyKey? {
    guard let text = headers.idempotencyKey else { return nil }
    let bytes = Array(text.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0, slash <= Limits.idempotencyClientBytes,
        bytes[..<slash].allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let number = parseDecimal(bytes[(slash + 1)...])
    else {
        throw .badRequest(
            "Idempotency-Key is \(quoted(bytes)); it must be <client>/<number>: a name of at most \(Limits.idempotencyClientBytes) printable characters and a whole number below 2^63"
        )
    }
    return IdempotencyKey(client: String(decoding: bytes[..<slash], as: UTF8.self), number: number)
}
