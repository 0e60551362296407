import Logging
import Primitives
import Testing

@testable import HTTPAPI

@Suite("The server")
struct ServerTests {
    @Test func saysThatItsPortIsInUse() async throws {
        try await TestServer.run { server in
            let second = HTTPServer(
                service: ScriptedNode(), options: HTTPServerOptions(host: "127.0.0.1", port: server.port),
                logger: Logger(label: "test"))
            let failure = await #expect(throws: HTTPServerFailure.self) { try await second.start() }
            #expect(
                failure?.description
                    == "cannot listen on 127.0.0.1:\(server.port): another process uses it; stop that one or choose another port"
            )
        }
    }

    @Test func refusesAnAddressThatIsNotThisMachines() async throws {
        let server = HTTPServer(
            service: ScriptedNode(), options: HTTPServerOptions(host: "192.0.2.1", port: 0),
            logger: Logger(label: "test"))
        let failure = await #expect(throws: HTTPServerFailure.self) { try await server.start() }
        #expect(failure?.description.hasPrefix("cannot listen on 192.0.2.1:0: ") == true)
    }

    @Test func finishesWhatIsInFlightWhenItStops() async throws {
        let node = ScriptedNode()
        try await TestServer.run(node: node) { server in
            let idle = try server.client()
            try await #expect(idle.request("GET", "/livez").status == 200)
            let stream = try server.client()
            _ = try await stream.openStream("/v1/watch?prefix=")
            _ = try await stream.chunk()
            let poll = try server.client()
            poll.send("GET /v1/kv/a?after=1 HTTP/1.1\r\nHost: t\r\n\r\n")
            try await eventually("the watches to be open") { node.watchCount == 2 }
            node.hold()
            let busy = try server.client()
            busy.send("PUT /v1/kv/z HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\n1")
            try await eventually("the write to be with the node") { node.state.withLock { $0.held.count == 1 } }
            async let stopped: Void = server.server.stop()
            try await #expect(idle.readToEnd() == [])
            try await #expect(String(decoding: stream.readToEnd(), as: UTF8.self).hasSuffix("0\r\n\r\n"))
            try await #expect(poll.response().status == 304)
            node.release()
            let response = try await busy.response()
            #expect(response.status == 201)
            #expect(response["connection"] == "close")
            for client in [stream, poll, busy] { client.hangUp() }
            await stopped
            #expect(throws: Late.self) { try server.client() }
        }
    }

    @Test func answersARequestThatWasUnderWayWhenItBeganToStop() async throws {
        try await TestServer.run(lastCall: Limits.shutdown) { server in
            let client = try server.client()
            try await #expect(client.request("GET", "/livez").status == 200)
            async let stopped: Void = server.server.stop()
            try await eventually("the server to take no more connections") { (try? server.client()) == nil }
            let response = try await client.request("PUT", "/v1/kv/a", body: [1])
            #expect(response.status == 201)
            #expect(response["connection"] == "close")
            client.hangUp()
            await stopped
        }
    }

    @Test func turnsAwayMoreConnectionsThanItMayHave() async throws {
        try await TestServer.run(connectionLimit: 2) { server in
            let first = try server.client()
            let second = try server.client()
            try await #expect(first.request("GET", "/livez").status == 200)
            try await #expect(second.request("GET", "/livez").status == 200)
            let third = try server.client()
            let refused = try await third.response()
            #expect(refused.status == 503)
            #expect(refused["retry-after"] == "2")
            try await #expect(third.readToEnd() == [])
            third.hangUp()
            first.hangUp()
            try await eventually("room for another connection") {
                (try? await server.request("GET", "/livez"))?.status == 200
            }
        }
    }

    @Test func showsMetricsInPrometheusFormat() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try await client.request("PUT", "/v1/kv/a", body: [1, 2, 3])
            try await client.request("GET", "/v1/kv/none")
            let metrics = try await client.request("GET", "/metrics").text
            #expect(metrics.contains("# TYPE conclave_http_requests_total counter\n"))
            #expect(metrics.contains("conclave_http_requests_total{route=\"putKey\",status=\"2xx\"} 1\n"))
            #expect(metrics.contains("conclave_http_requests_total{route=\"getKey\",status=\"4xx\"} 1\n"))
            #expect(metrics.contains("conclave_http_body_bytes_received_total 3\n"))
            #expect(metrics.contains("conclave_http_request_duration_seconds_count 2\n"))
            #expect(metrics.contains("conclave_http_request_duration_seconds_bucket{le=\"+Inf\"} 2\n"))
            #expect(metrics.contains("conclave_http_connections 1\n"))
            #expect(metrics.contains("conclave_role{role=\"leader\"} 1\n"))
            #expect(metrics.contains("conclave_revision 2\n"))
            for line in metrics.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(line.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? [0-9.e+-]+/) != nil, "\(line)")
            }
        }
    }

    @Test func metricsOfElectionsAreAsManyForHundredsAsForOne() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            func lines() async throws -> [Substring] {
                try await client.request("GET", "/metrics").text.split(separator: "\n")
            }
            try await client.request("PUT", "/v1/elections/e/candidates/a?ttl=60s")
            try await client.request("PUT", "/v1/elections/e/candidates/b?ttl=60s")
            try await client.request("PUT", "/v1/locks/l/holders/a?ttl=60s")
            try await client.request("DELETE", "/v1/locks/l/holders/a")
            let few = try await lines()
            for line in [
                "conclave_elections{kind=\"election\"} 1", "conclave_elections_led{kind=\"election\"} 1",
                "conclave_candidates{kind=\"election\"} 2", "conclave_elections{kind=\"lock\"} 1",
                "conclave_elections_led{kind=\"lock\"} 0", "conclave_candidates{kind=\"lock\"} 0",
                "conclave_http_held_answers 0",
            ] {
                #expect(few.contains(Substring(line)), "\(line)")
            }
            for number in 1...300 {
                try await client.request("PUT", "/v1/elections/e\(number)/candidates/a?ttl=60s")
            }
            let many = try await lines()
            #expect(many.contains("conclave_elections_led{kind=\"election\"} 301"))
            #expect(many.count == few.count)
            let status = try await client.request("GET", "/v1/status").text
            #expect(status.contains(#""elections":301,"locks":1,"candidates":302,"#))
        }
    }

    @Test func aHeldAnswerIsCountedWhileItIsHeld() async throws {
        try await TestServer.run { server in
            let (asks, waits) = (try server.client(), try server.client())
            waits.send("GET /v1/elections/e?after=0&wait=30s HTTP/1.1\r\nHost: x\r\n\r\n")
            try await eventually("the answer is held") {
                (try? await asks.request("GET", "/v1/status").text.contains(#""streams":1,"held_answers":1,"#)) == true
            }
            waits.hangUp()
            try await eventually("nothing is held") {
                (try? await asks.request("GET", "/v1/status").text.contains(#""streams":0,"held_answers":0,"#)) == true
            }
        }
    }

    @Test func tellsOfItselfAndItsCluster() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            let status = try await client.request("GET", "/v1/status").text
            #expect(
                status.hasPrefix(
                    #"{"node":"n1","role":"leader","term":3,"leader":"n1","election":"randomized","priority":100,"#))
            #expect(status.contains(#""version":"1.2.3""#))
            #expect(status.contains(#""uptime_ms":5000"#))
            try await #expect(client.request("GET", "/v1/why").text == "n1 leads in term 3.\n")
            try await #expect(
                client.request("GET", "/v1/why", ["Accept: application/json"]).text
                    == "{\"leader\":\"n1\",\"explanation\":[\"n1 leads in term 3.\"]}\n")
            try await #expect(client.request("GET", "/")["content-type"] == "text/html; charset=utf-8")
            try await #expect(client.request("GET", "/openapi.yaml").text.hasPrefix("openapi: 3.1"))
        }
    }

    @Test func isReadyOnlyWhenTheNodeIs() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try await #expect(client.request("GET", "/readyz").text == "ready\n")
            server.node.state.withLock { $0.ready = false }
            try await #expect(client.request("GET", "/readyz").status == 503)
            try await #expect(client.request("GET", "/livez").status == 200)
            server.node.state.withLock { $0.failure = "the disk refused a write" }
            let dead = try await client.request("GET", "/livez")
            #expect(dead.status == 503)
            #expect(dead.text.contains("the disk refused a write"))
        }
    }
}
