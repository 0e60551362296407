/// Leases granted beforehand, by a few clients side by side.
enum Granting {
    private static let clients = 32

    /// The ids of `count` fresh leases of `seconds`, in no particular order.
    static func leases(
        _ count: Int, seconds: Int, in dialect: any Dialect, at endpoints: [Endpoint]
    ) async throws -> [String] {
        let workers = min(clients, max(1, count))
        return try await withThrowingTaskGroup(of: [String].self) { group in
            for worker in 0..<workers {
                let share = count / workers + (worker < count % workers ? 1 : 0)
                let endpoint = endpoints[worker % endpoints.count]
                group.addTask { try await leases(share, seconds: seconds, dialect: dialect, at: endpoint) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func leases(
        _ count: Int, seconds: Int, dialect: any Dialect, at endpoint: Endpoint
    ) async throws -> [String] {
        let client = Client(endpoint)
        var ids: [String] = []
        for _ in 0..<count {
            let answer = try await client.sendExpecting(dialect.grant(seconds: seconds), within: .seconds(20))
            guard let lease = dialect.lease(in: answer) else { throw WorkloadFailure("a granted lease has no id") }
            ids.append(lease)
        }
        await client.close()
        return ids
    }

    /// Sends each of `requests` once, over a few connections. Throws when one is not answered as it must be.
    static func sendAll(_ requests: [LoadRequest], to endpoints: [Endpoint], connections: Int = clients) async throws {
        let position = ListSource.Position()
        let plan = LoadPlan(
            endpoints: endpoints, connections: min(connections, requests.count), bound: .requests(requests.count),
            timeout: .seconds(20))
        let result = try await LoadRunner.run(plan) { _ in ListSource(requests: requests, position: position) }
        if let worst = result.errors.ranked.first {
            throw WorkloadFailure("preparing failed \(worst.count) times: \(worst.reason)")
        }
    }
}
