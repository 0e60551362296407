import Primitives
import Testing

@testable import HTTPAPI

@Suite("HTTP/1.1 on the wire")
struct WireTests {
    @Test func aRequestMayBeBrokenAtEveryByte() async throws {
        try await TestServer.run { server in
            let request = Array("PUT /v1/kv/a%2Fb?ttl=3s HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello".utf8)
            let client = try server.client()
            for place in 1..<request.count {
                client.send(Bytes(request[..<place]))
                // Lets the first piece arrive alone.
                try await Task.sleep(for: .microseconds(300))
                client.send(Bytes(request[place...]))
                let response = try await client.response()
                #expect(response.status == (place == 1 ? 201 : 200), "broken at \(place)")
            }
            try await #expect(client.request("GET", "/v1/kv/a/b").text == "hello")
        }
    }

    @Test func aRequestMayComeByteByByte() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            for byte in Array(
                "PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                    .utf8)
            {
                client.send([byte])
                try await Task.sleep(for: .microseconds(200))
            }
            try await #expect(client.response().status == 201)
            try await #expect(client.request("GET", "/v1/kv/a").text == "abcde")
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            var text = ""
            for number in 0..<300 {
                text += "PUT /v1/kv/k HTTP/1.1\r\nHost: t\r\nContent-Length: \(String(number).count)\r\n\r\n\(number)"
                text += "GET /v1/kv/k HTTP/1.1\r\nHost: t\r\n\r\n"
                if number % 7 == 0 { text += "GET /v1/kv/k?bad HTTP/1.1\r\nHost: t\r\n\r\n" }
            }
            client.send(text)
            for number in 0..<300 {
                try await #expect(client.response().status == (number == 0 ? 201 : 200))
                try await #expect(client.response().text == "\(number)")
                if number % 7 == 0 { try await #expect(client.response().status == 400) }
            }
        }
    }

    @Test func aConnectionIsKeptUnlessToldOtherwise() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            for _ in 0..<3 { try await #expect(client.request("GET", "/v1/status")["connection"] == nil) }
            try await #expect(client.request("GET", "/v1/status", ["Connection: close"])["connection"] == "close")
            try await #expect(client.readToEnd() == [])
        }
    }

    @Test func anOldClientIsServedAndItsConnectionClosed() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            try await #expect(client.response()["connection"] == "keep-alive")
            client.send("GET /livez HTTP/1.0\r\n\r\n")
            try await #expect(client.response()["connection"] == "close")
            try await #expect(client.readToEnd() == [])
        }
    }

    @Test func aClientThatAsksMaySendItsBody() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send("PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            try await #expect(client.response().status == 100)
            client.send("abc")
            try await #expect(client.response().status == 201)
            client.send("PUT /nowhere HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            try await #expect(client.response().status == 404)
        }
    }

    @Test func anUnknownExpectationFails() async throws {
        try await TestServer.run { server in
            let response = try await server.request("PUT", "/v1/kv/a", ["Expect: a miracle"], text: "1")
            #expect(response.status == 400)
            #expect(response.text.contains("Expect is"))
        }
    }

    @Test func aBodyThatIsAnnouncedTooLargeIsRefusedBeforeItComes() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send("PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n")
            let response = try await client.response()
            #expect(response.status == 413)
            #expect(response.text.contains("the body has 1048577 bytes or more; at most 1048576 are allowed"))
            #expect(response["connection"] == "close")
        }
    }

    @Test func aBodyThatGrowsTooLargeIsRefusedWhileItArrives() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send("PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = Array("10000\r\n".utf8) + Bytes(repeating: 0x61, count: 65_536) + Array("\r\n".utf8)
            // More than the limit, all of it: the answer must still be readable.
            for _ in 0..<20 { client.send(chunk) }
            try await #expect(client.response().status == 413)
        }
    }

    @Test func theLargestValueFits() async throws {
        try await TestServer.run { server in
            let value = Bytes((0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            try await #expect(server.request("PUT", "/v1/kv/a", body: value).status == 201)
            try await #expect(server.request("GET", "/v1/kv/a").body == value)
        }
    }

    @Test(arguments: [
        "GET /\(String(repeating: "x", count: 17_000)) HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nX: \(String(repeating: "y", count: 17_000))\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\n\((0..<20).map { "X\($0): \(String(repeating: "y", count: 1_000))\r\n" }.joined())\r\n",
    ])
    func aHeadThatIsTooLargeIsRefused(_ request: String) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send(request)
            let response = try await client.response()
            #expect(response.status == 413)
            #expect(response.text.contains("at most 16384 bytes are allowed"))
            _ = try await client.readToEnd()
        }
    }

    @Test(arguments: [
        "nonsense\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : t\r\n\r\n", "PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /livez HTTP/1.1\r\n\r\n", "GET /v1/kv/\u{E9} HTTP/1.1\r\nHost: t\r\n\r\n",
    ])
    func whatIsNotHTTPIsRefusedWith400(_ request: String) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send(request)
            try await #expect(client.response().status == 400)
        }
    }

    @Test func aTargetInAbsoluteFormIsUnderstood() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            try await #expect(server.request("GET", "http://example.org/v1/kv/a").text == "1")
            try await #expect(server.request("GET", "http://example.org").status == 404)
        }
    }

    @Test func anOfferedUpgradeIsDeclinedAndTheConnectionClosed() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            let response = try await client.request(
                "PUT", "/v1/kv/a", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
                body: Array("1".utf8))
            #expect(response.status == 201)
            #expect(response["connection"] == "close")
            try await #expect(server.request("GET", "/v1/kv/a").text == "1")
        }
    }

    @Test func aClientThatHangsUpInTheMiddleHarmsNobody() async throws {
        try await TestServer.run { server in
            for cut in [10, 30, 60, 70] {
                let client = try server.client()
                client.send(
                    Bytes("PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 500\r\n\r\n0123456789".utf8.prefix(cut)))
                client.hangUp()
            }
            server.node.hold()
            let waiting = try server.client()
            waiting.send("GET /v1/kv/a HTTP/1.1\r\nHost: t\r\n\r\n")
            try await eventually("the request to be with the node") {
                server.node.state.withLock { $0.held.count == 1 }
            }
            waiting.hangUp()
            server.node.release()
            try await #expect(server.request("GET", "/v1/kv/a").status == 404)
        }
    }

    @Test func aClientThatDoesNotReadItsAnswersIsNotReadFromEither() async throws {
        try await TestServer.run { server in
            server.node.apply(.put(.init(key: [0x61], value: Bytes(repeating: 7, count: 1_000_000))))
            let client = try server.client(receiveBuffer: 4_096)
            client.send(String(repeating: "GET /v1/kv/a HTTP/1.1\r\nHost: t\r\n\r\n", count: 40))
            try await #expect(server.request("GET", "/livez").status == 200)
            for _ in 0..<40 { try await #expect(client.response().body.count == 1_000_000) }
        }
    }

    @Test func randomBytesNeverHarmTheServer() async throws {
        try await TestServer.run { server in
            var random = SeededGenerator(seed: 20_261)
            let pieces = [
                "GET ", "PUT ", "POST ", "/v1/kv/", "/v1/watch?prefix=", "/v1/txn", "/v1/leases", " HTTP/1.1\r\n",
                "Host: t\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "\r\n",
                "Expect: 100-continue\r\n",
                "If-Match: \"", "%", "?after=1&wait=1ms", "&", "=", "{\"if\":[", "]}", "Connection: close\r\n",
            ].map { Array($0.utf8) }
            for _ in 0..<400 {
                let client = try server.client()
                var bytes: Bytes = []
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    if Int.random(in: 0..<4, using: &random) == 0 {
                        bytes += (0..<Int.random(in: 1...40, using: &random)).map { _ in
                            UInt8.random(in: 0...255, using: &random)
                        }
                    } else {
                        bytes += pieces[Int.random(in: 0..<pieces.count, using: &random)]
                    }
                }
                client.send(bytes)
                if Bool.random(using: &random) { _ = await client.staysQuiet(milliseconds: 2) }
                client.hangUp()
            }
            try await #expect(server.request("GET", "/livez").text == "alive\n")
        }
    }
}
