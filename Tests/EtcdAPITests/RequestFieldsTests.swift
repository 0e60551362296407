import NIOHPACK
import Testing

@testable import EtcdAPI

/// Which headers are a request of HTTP/2, and which are none (RFC 9113 §8.2, §8.3).
@Suite struct RequestFieldsTests {
    private static let pseudo = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "x")]

    private func fields(_ headers: [(String, String)]) -> RequestFields? { try? RequestFields(HPACKHeaders(headers)) }

    @Test func whatMattersIsFound() throws {
        let found = try #require(
            fields(
                Self.pseudo + [
                    ("user-agent", "x/1 (y)"), ("te", "trailers"), ("content-type", "application/grpc"),
                    ("grpc-timeout", "1S"), ("grpc-encoding", "identity"), ("hasleader", "true"),
                    ("grpc-accept-encoding", "gzip, identity"), ("x-empty", ""), ("grpc-timeout", "2S"),
                ]))
        #expect(found.method == "POST" && found.path == "/a.B/C" && found.takesTrailers)
        #expect(found.type == "application/grpc" && found.encoding == "identity" && found.hasLeader == "true")
        // The first of several.
        #expect(found.timeout == "1S")
    }

    @Test func oneThatIsNoCallIsStillARequest() {
        #expect(fields([(":method", "CONNECT"), (":authority", "x:1")]) != nil)
        #expect(fields([(":method", "GET"), (":scheme", "http"), (":path", "/")]) != nil)
    }

    @Test(arguments: [
        [("Capital", "1")], [("", "1")], [("a b", "1")], [("a:b", "1")], [("ü", "1")],
        [("connection", "close")], [("keep-alive", "1")], [("proxy-connection", "1")],
        [("transfer-encoding", "chunked")],
        [("upgrade", "x")], [("te", "gzip")], [("te", "trailers, gzip")], [("x", "a\r\nb: c")], [("x", "a\0")],
        [("content-type", "application/grpc\n")], [(":late", "1")], [("x", "1"), (":path", "/")], [(":status", "200")],
        [(":path", "/twice")],
    ])
    func othersAreMalformed(_ extra: [(String, String)]) {
        #expect(fields(Self.pseudo + extra) == nil)
    }

    @Test(arguments: [":method", ":scheme", ":path"])
    func eachOfTheseMustBeThere(_ name: String) {
        #expect(fields(Self.pseudo.filter { $0.0 != name }) == nil)
    }

    @Test(arguments: [
        (":path", ""), (":path", "/a b"), (":path", "/a\r"), (":method", "PO\u{7F}ST"), (":authority", "a b"),
    ])
    func pseudoHeadersHaveNoBlanks(_ name: String, _ value: String) {
        #expect(fields(Self.pseudo.filter { $0.0 != name } + [(name, value)]) == nil)
    }

    @Test func trailersHaveNoPseudoHeaders() throws {
        try RequestFields.check(trailers: ["x": "1"])
        for wrong: HPACKHeaders in [[":path": "/"], ["Capital": "1"], ["x": "a\n"], ["connection": "close"]] {
            #expect(throws: RequestFields.Malformed.self) { try RequestFields.check(trailers: wrong) }
        }
    }
}
