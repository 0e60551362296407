package import NIOCore
package import NIOHTTP1

/// One request of a workload, and what a right answer to it looks like. One object for all who send it.
package final class LoadRequest: Sendable {
    package let method: HTTPMethod
    package let path: String
    /// Without `Host` and `Content-Length`, which the connection adds.
    package let headers: HTTPHeaders
    package let body: ByteBuffer
    package let expected: Expectation

    /// Any method but HEAD, whose answers end otherwise than they say.
    package init(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer(),
        expected: Expectation
    ) {
        precondition(method != .HEAD, "an answer to HEAD has no body")
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.expected = expected
    }
}

/// A complete answer. Over gRPC its status is gRPC's, and its body the message.
package struct Answer: Sendable {
    package var status: UInt
    /// The lines of its fields as they came.
    var fields: ByteBuffer
    package var body: ByteBuffer

    /// `fields` are lines of HTTP/1.1, each with its end.
    package init(status: UInt, fields: ByteBuffer = ByteBuffer(), body: ByteBuffer) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// The fields, taken apart for each who asks.
    package var headers: HTTPHeaders {
        var headers = HTTPHeaders()
        for line in String(buffer: fields).split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers.add(name: String(line[..<colon]), value: String(value))
        }
        return headers
    }
}

/// Why a request got no answer.
package enum LoadFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case timedOut
    case closed
    case connect(String)
    case malformed(String)

    package var description: String {
        switch self {
        case .timedOut: "no answer in time"
        case .closed: "connection closed before the answer"
        case .connect(let reason): "cannot connect: \(reason)"
        case .malformed(let reason): "malformed answer: \(reason)"
        }
    }
}

/// How one request ended.
package enum Outcome: Sendable {
    case answered(Answer)
    case failed(LoadFailure)
}

/// What a right answer must be; anything else counts as an error.
package struct Expectation: Sendable {
    package var status: ClosedRange<UInt>
    package var body: BodyRule

    package enum BodyRule: Sendable {
        case any
        case equals(ByteBuffer)
        case contains([UInt8])
        case occurs([UInt8], times: Int)
        /// A message of etcd's that begins with a header with a revision, and has these bytes in what follows it.
        case revision(then: [UInt8])
    }

    package init(status: ClosedRange<UInt>, body: BodyRule = .any) {
        self.status = status
        self.body = body
    }

    /// `nil` for a right answer, else what is wrong with it in a few words that do not vary between requests.
    package func complaint(about answer: Answer) -> String? {
        guard status.contains(answer.status) else { return "status \(answer.status)" }
        switch body {
        case .any: return nil
        case .equals(let bytes):
            return answer.body == bytes ? nil : "status \(answer.status) with another body than expected"
        case .contains(let needle):
            return answer.body.contains(bytes: needle) ? nil : Self.otherAnswer(answer)
        case .revision(let needle):
            guard let rest = answer.body.afterHeader else { return Self.otherAnswer(answer) }
            return needle.isEmpty || rest.contains(bytes: needle) ? nil : Self.otherAnswer(answer)
        case .occurs(let mark, let times):
            var counter = MarkCounter(mark)
            counter.hear(answer.body)
            return counter.count == times ? nil : "status \(answer.status), but not for all that were asked for"
        }
    }
}

extension Expectation {
    private static func otherAnswer(_ answer: Answer) -> String {
        "status \(answer.status) with an answer that says something else"
    }
}

extension ByteBuffer {
    /// Takes in what follows; without copying it where nothing came before.
    mutating func take(_ more: ByteBuffer) {
        if readableBytes == 0 { self = more } else { writeImmutableBuffer(more) }
    }

    /// Gives back the memory of what is read, which whoever reads next may have.
    mutating func letGoIfEmpty() {
        if readableBytes == 0 { self = ByteBuffer() }
    }

    /// Whether `needle` occurs in the readable bytes.
    func contains(bytes needle: [UInt8]) -> Bool { firstOffset(of: needle) != nil }

    /// The whole number that follows the first `label`.
    func number(after label: [UInt8]) -> UInt64? {
        guard let offset = firstOffset(of: label) else { return nil }
        let digits = readableBytesView.dropFirst(offset + label.count).prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty ? nil : digits.reduce(0) { $0 &* 10 &+ UInt64($1 - 0x30) }
    }

    /// Where `needle` first occurs, counted from the reader index.
    func firstOffset(of needle: [UInt8]) -> Int? {
        withUnsafeReadableBytes { haystack in
            guard let first = needle.first, haystack.count >= needle.count else { return nil }
            let last = haystack.count - needle.count
            var at = 0
            while at <= last {
                if haystack[at] == first, haystack[at..<(at + needle.count)].elementsEqual(needle) { return at }
                at += 1
            }
            return nil
        }
    }
}
