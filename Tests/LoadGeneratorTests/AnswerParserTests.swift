import NIOCore
import Testing

@testable import LoadGenerator

@Suite("The generator cuts answers out of what arrives, wherever that is cut")
struct AnswerParserTests {
    /// What a parser made of bytes that came in pieces.
    private struct Reading: Equatable {
        var answers: [String] = []
        var failure: LoadFailure?
        var unread = 0
        var endsWithConnection = false
    }

    private func read(_ text: String, inPiecesOf size: Int) -> Reading {
        var parser = AnswerParser()
        var reading = Reading()
        var unread = ByteBuffer()
        var head = ""
        var body = ""
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            unread.take(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + size)]))
            do throws(LoadFailure) {
                while let part = try parser.next(in: &unread) {
                    switch part {
                    case .head(let status, let fields, let staysOpen):
                        head = "\(status) \(Answer(status: status, fields: fields, body: ByteBuffer()).headers.count)"
                        head += staysOpen ? "" : " closes"
                        body = ""
                    case .body(let piece): body += String(buffer: piece)
                    case .end: reading.answers.append("\(head): \(body)")
                    }
                }
            } catch {
                reading.failure = error
                return reading
            }
        }
        reading.unread = unread.readableBytes
        reading.endsWithConnection = parser.endsWithConnection
        if reading.endsWithConnection { reading.answers.append("\(head): \(body)") }
        return reading
    }

    @Test(
        "Lengths, chunks, no body and the connection's end are kept apart, cut at any byte",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ["200 1: hello"]),
            ("HTTP/1.1 201 Created\r\ncontent-length:0\r\nX: y\r\n\r\n", ["201 2: "]),
            ("HTTP/1.1 404 Not Found\r\nCONTENT-LENGTH:  2 \r\nConnection: Close\r\n\r\nno", ["404 2 closes: no"]),
            (
                "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
                ["204 0: ", "200 1: \r\n\r\n"]
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, you all.\r\n0\r\n\r\n"
                    + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
                ["200 1: hello, you all.", "200 1: !"]
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n1\r\na\r\n0\r\nT: 1\r\nU: 2\r\n\r\n",
                ["200 2: a"]
            ),
            ("HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\n\r\n", ["304 1: "]),
        ])
    func answersAreCut(_ text: String, _ answers: [String]) {
        for size in 1...text.utf8.count {
            #expect(read(text, inPiecesOf: size) == Reading(answers: answers), "in pieces of \(size)")
        }
    }

    @Test("A body without a length goes on to the connection's end")
    func aBodyWithoutALengthGoesOn() {
        let text = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nto the end"
        for size in 1...text.utf8.count {
            #expect(read(text, inPiecesOf: size) == Reading(answers: ["200 1: to the end"], endsWithConnection: true))
        }
    }

    @Test(
        "What is no answer is said to be none",
        arguments: [
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "a head that is not HTTP/1.1's"),
            ("HTTP/1.1 2x0 OK\r\n\r\n", "a head that is not HTTP/1.1's"),
            ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "a head that is not HTTP/1.1's"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "a head that is not HTTP/1.1's"),
            ("\r\n\r\n\r\n\r\n\r\n\r\n", "a head that is not HTTP/1.1's"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "a head that is not HTTP/1.1's"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk without a size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "a chunk without a size"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
                "a chunk is longer than it says"
            ),
            (String(repeating: "a", count: 70_000), "a head without an end"),
        ])
    func nonsenseIsSaid(_ text: String, _ reason: String) {
        for size in [1, 7, text.utf8.count] {
            #expect(read(text, inPiecesOf: size).failure == .malformed(reason), "in pieces of \(size)")
        }
    }

    @Test("A request goes out with its host, its fields and the length of its body")
    func aRequestGoesOut() {
        var bytes = ByteBuffer()
        let expected = Expectation(status: 200...200)
        bytes.write(
            LoadRequest(.PUT, "/k?a=b", headers: ["If-Match": "*"], body: ByteBuffer(string: "v"), expected: expected),
            to: "h:1")
        bytes.write(LoadRequest(.GET, "/k", expected: expected), to: "h:1")
        #expect(
            String(buffer: bytes) == "PUT /k?a=b HTTP/1.1\r\nHost: h:1\r\nIf-Match: *\r\nContent-Length: 1\r\n\r\nv"
                + "GET /k HTTP/1.1\r\nHost: h:1\r\n\r\n")
    }
}
