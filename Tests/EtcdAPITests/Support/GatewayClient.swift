import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// Speaks HTTP/1.1 as text.
final class GatewayClient: Sendable {
    struct Answer {
        var status: Int
        var head: String
        var text: String
        /// The body as JSON.
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
        }
    }

    private let channel: any Channel
    private let received = Mutex("")

    private init(_ channel: any Channel) { self.channel = channel }

    static func connect(port: Int) async throws -> GatewayClient {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
        let client = GatewayClient(channel)
        try await channel.pipeline.addHandler(Collector(client)).get()
        return client
    }

    func close() async throws { try await channel.close() }

    /// Everything that came until now.
    var text: String { received.withLock { $0 } }
    fileprivate func append(_ text: String) { received.withLock { $0 += text } }

    func send(_ method: String, _ target: String, _ body: String = "") {
        let bytes = "\(method) \(target) HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        channel.writeAndFlush(ByteBuffer(string: bytes), promise: nil)
    }

    /// One request, one whole answer.
    func request(_ method: String, _ target: String, _ body: String = "") async throws -> Answer {
        received.withLock { $0 = "" }
        send(method, target, body)
        var answer: Answer?
        try await eventually("an answer to \(method) \(target)") {
            answer = Self.parse(self.text)
            return answer != nil
        }
        return answer!
    }

    func post(_ target: String, _ body: String) async throws -> Answer { try await request("POST", target, body) }

    private static func parse(_ text: String) -> Answer? {
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.lowerBound])
        let body = text[end.upperBound...]
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
        guard let length, body.utf8.count >= length else { return nil }
        return Answer(status: Int(head.dropFirst(9).prefix(3)) ?? 0, head: head, text: String(body))
    }
}

private final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let client: GatewayClient
    init(_ client: GatewayClient) { self.client = client }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.append(String(buffer: unwrapInboundIn(data)))
    }
}
