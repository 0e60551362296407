internal import HistoryChecker
import LoadGenerator
import NIOCore

/// Reads the pages that people and their tools read: they must be there whatever happens to the cluster.
struct Visitor: Sendable {
    private let nodes: [Endpoint]
    private let file: HistoryFile

    static let pages = [
        "/v1/status", "/v1/cluster", "/v1/why", "/livez", "/readyz", "/metrics", "/openapi.yaml", "/", "/version",
        "/health",
    ]

    init(_ nodes: [Endpoint], _ file: HistoryFile) {
        self.nodes = nodes
        self.file = file
    }

    func run() async {
        let clients = nodes.map { Client($0) }
        var number = 0
        while !Task.isCancelled {
            let page = Self.pages[number % Self.pages.count]
            let request = LoadRequest(.GET, page, expected: Expectation(status: 200...599))
            let client = clients[number / Self.pages.count % clients.count]
            if let answer = try? await client.send(request, within: .milliseconds(900)),
                ![200, 503].contains(answer.status)
            {
                file.complain("GET \(page) is answered \(answer.status): \(String(buffer: answer.body))")
            }
            number += 1
            try? await Task.sleep(for: .milliseconds(100))
        }
        for client in clients { await client.close() }
    }
}
