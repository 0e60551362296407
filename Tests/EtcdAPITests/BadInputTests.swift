import Foundation
import NIOCore
import NIOHPACK
import Primitives
import Testing

@testable import EtcdAPI

/// What clients get wrong over HTTP/2: the right status, and a connection that goes on.
@Suite struct BadInputTests {
    private let path = "/etcdserverpb.KV/Range"

    private func status(_ client: GRPCClient, _ headers: HPACKHeaders, _ body: [UInt8]) async throws -> RPCStatus {
        let call = try await client.begin(headers)
        call.send(raw: body, endStream: true)
        return try await call.status()
    }

    private func isServed(_ client: GRPCClient) async throws {
        let _: Etcdserverpb_RangeResponse = try await client.call(path, range("a"))
    }

    @Test func headersThatBeginNoCall() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let good = GRPCClient.headers(path)
                func without(_ name: String, _ value: String? = nil) -> HPACKHeaders {
                    var headers = good
                    headers.remove(name: name)
                    if let value { headers.add(name: name, value: value) }
                    return headers
                }
                #expect(try await status(client, without("te"), []).code == .internalError)
                #expect(try await status(client, without("content-type"), []).message.contains("415"))
                #expect(
                    try await status(client, without("content-type", "application/json"), []).message.contains("415"))
                #expect(try await status(client, GRPCClient.headers("/x.Y/Z"), []).code == .unimplemented)
                #expect(try await status(client, GRPCClient.headers("/version"), []).code == .unimplemented)
                #expect(
                    try await status(client, GRPCClient.headers(path, [("grpc-encoding", "gzip")]), []).code
                        == .unimplemented)
                #expect(
                    try await status(client, GRPCClient.headers(path, [("grpc-timeout", "soon")]), []).code
                        == .internalError)
                try await isServed(client)
            }
        }
    }

    @Test func aMalformedRequestResetsItsStreamAlone() async throws {
        let (headers, resetStream): (UInt8, UInt8) = (1, 3)
        try await TestNode.run { node in
            let malformed = GRPCClient.headers(path, [("Capital", "1")])
            // The last one is answered: by a status, as it has no message.
            let refused = GRPCClient.headers("/x.Y/Z")
            let client = try await GRPCClient.begin(port: node.port, [malformed, malformed, refused])
            try await eventually("two resets and an answer") {
                client.heard.count(of: headers) == 1 && client.heard.count(of: resetStream) == 3
            }
            #expect(client.channel.isActive)
            try await client.channel.close()
        }
    }

    @Test func aServerThatStopsSaysSo() async throws {
        let (settings, ping, goAway): (UInt8, UInt8, UInt8) = (4, 6, 7)
        var client: (channel: any Channel, heard: GRPCClient.Heard)?
        try await TestNode.run { node in
            client = try await GRPCClient.begin(port: node.port, [])
            try await eventually("the preface") { client?.heard.count(of: settings) == 2 }
            #expect(client?.heard.count(of: goAway) == 0)
        }
        try await eventually("what is said at the end") {
            client?.heard.count(of: goAway) == 1 && client?.heard.count(of: ping) == 1
        }
    }

    @Test func bodiesThatAreNoMessage() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let headers = GRPCClient.headers(path)
                #expect(try await status(client, headers, []).code == .internalError)
                #expect(try await status(client, headers, [0, 0, 0]).code == .internalError)
                #expect(try await status(client, headers, [0, 0, 0, 0, 9, 1]).code == .internalError)
                #expect(try await status(client, headers, [0, 0, 0, 0, 2, 0xFF, 0xFF]).code == .internalError)
                #expect(try await status(client, headers, [1, 0, 0, 0, 1, 0]).code == .unimplemented)
                #expect(try await status(client, headers, [0, 0xFF, 0xFF, 0xFF, 0xFF]).code == .resourceExhausted)
                #expect(try await status(client, headers, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).code == .internalError)
                try await isServed(client)
            }
        }
    }

    @Test func streamsThatAreResetOrLeftOpen() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                for _ in 0..<200 {
                    let call = try await client.begin(path)
                    call.send(raw: [0, 0, 0, 1, 0])
                    call.reset()
                }
                var open: [GRPCCall] = []
                for _ in 0..<50 { open.append(try await client.begin("/etcdserverpb.Watch/Watch")) }
                try await isServed(client)
                let alive = try await client.begin("/etcdserverpb.Lease/LeaseKeepAlive")
                alive.endRequests()
                #expect(try await alive.status() == .ok)
                try await isServed(client)
            }
        }
    }

    @Test func moreStreamsThanAConnectionMayHaveDoNoHarm() async throws {
        try await TestNode.run { node in
            let greedy = try await GRPCClient.flood(
                port: node.port, "/etcdserverpb.Watch/Watch", streams: 10 * Limits.streamsPerConnection)
            try await node.connected { client in try await isServed(client) }
            // Who opens more than it was told gets no more answers (RFC 9113 §5.1.2), and is told so.
            let goAway: UInt8 = 7
            try await eventually("the end of the connection") {
                greedy.heard.count(of: goAway) == 1 && !greedy.channel.isActive
            }
            try await node.connected { client in try await isServed(client) }
        }
    }

    @Test func aClientThatNeverReadsItsWatchHoldsNothingUp() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let lazy = try await GRPCClient.connect(port: node.port, window: 1_024)
                let call = try await lazy.begin(GRPCClient.headers("/etcdserverpb.Watch/Watch"), autoRead: false)
                try call.send(
                    Etcdserverpb_WatchRequest.with {
                        $0.createRequest = .with {
                            $0.key = Data([0]); $0.rangeEnd = Data([0])
                        }
                    })
                try await eventually("the watch") { await node.watches() == 1 }
                let value = String(repeating: "x", count: 50_000)
                for _ in 0..<200 {
                    let _: Etcdserverpb_PutResponse = try await client.call("/etcdserverpb.KV/Put", put("a", value))
                }
                try await isServed(client)
                try? await lazy.close()
                try await eventually("the watch's end") { await node.watches() == 0 }
            }
        }
    }

    @Test func aDeadlineThatIsOverIsTheClientsOwn() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let call = try await client.begin("/etcdserverpb.Watch/Watch", [("grpc-timeout", "50m")])
                #expect(try await call.status().code == .deadlineExceeded)
                try await isServed(client)
            }
        }
    }

    @Test func theFirstBytesDecideWhatIsSpoken() async throws {
        try await TestNode.run { node in
            let client = try await GatewayClient.connect(port: node.port)
            #expect(try await client.request("PUT", "/version").status == 405)
            #expect(try await client.request("GET", "/version").status == 200)
            // No method of HTTP/1.1, but not the preface either.
            #expect(try await client.request("PRI", "/version").status == 400)
            try? await client.close()
            try await node.connected { client in try await isServed(client) }
        }
    }
}
