package import Foundation
package import LocalProcesses
internal import NIOCore

/// A cluster of either system on loopback, fresh, asked and written to in that system's dialect.
package final class ServerCluster: Sendable {
    private static let readyLimit = Duration.seconds(30)
    private static let endLimit = Duration.seconds(10)
    private static let pause = Duration.milliseconds(20)

    package let system: TargetSystem
    package let processes: LocalCluster

    package var members: [LocalCluster.Member] { processes.members }
    package var endpoints: [Endpoint] { members.map(Endpoint.init) }
    /// Those of all members but one.
    package func endpoints(without member: LocalCluster.Member) -> [Endpoint] {
        members.filter { $0 != member }.map(Endpoint.init)
    }

    /// Starts `size` fresh nodes with their files in `directory`, and waits until each of them serves.
    package static func start(
        _ contestant: Contestant, size: Int = 3, directory: URL
    ) async throws -> ServerCluster {
        let processes = try LocalCluster(contestant.program, at: Place.free(size), directory: directory)
        let cluster = ServerCluster(contestant.system, processes)
        do {
            try processes.startAll()
            try await cluster.waitUntilReady()
        } catch {
            await processes.destroy()
            throw error
        }
        return cluster
    }

    private init(_ system: TargetSystem, _ processes: LocalCluster) {
        self.system = system
        self.processes = processes
    }

    /// Waits until every node knows a leader and takes a write.
    package func waitUntilReady() async throws {
        let put = system.dialect.put(key: "bench/ready", value: Value("yes"))
        try await processes.waitUntilReady(within: Self.readyLimit, pause: Self.pause) { member in
            await answer(of: member, to: put) != nil
        }
    }

    /// The right answer of a member; `nil` if there is none.
    private func answer(of member: LocalCluster.Member, to request: LoadRequest) async -> Answer? {
        let client = Client(Endpoint(member))
        let answer = try? await client.sendExpecting(request, within: .seconds(1))
        await client.close()
        return answer
    }

    /// What a member says of itself; `nil` if it does not answer.
    package func report(of member: LocalCluster.Member) async -> NodeReport? {
        await answer(of: member, to: system.dialect.status).flatMap { system.dialect.nodeReport(in: $0) }
    }

    /// The member that leads now.
    package func leader() async throws -> LocalCluster.Member {
        var found: LocalCluster.Member?
        try await eventually("a node leads", within: Self.readyLimit, pause: Self.pause) {
            for member in members where await report(of: member)?.leads == true { found = member }
            return found != nil
        }
        guard let found else { throw DeadlineExceeded() }
        return found
    }

    /// Waits for a member to end and starts it again on its data.
    package func restart(_ member: LocalCluster.Member) async throws {
        try await processes.waitForExit(of: member, within: Self.endLimit)
        try processes.start(member)
        try await waitUntilReady()
    }

    /// The sum of one counter of `/metrics` over all nodes; `nil` if one does not have it.
    package func metric(_ name: String) async -> Double? {
        let request = LoadRequest(.GET, "/metrics", expected: Expectation(status: 200...200))
        var sum = 0.0
        for member in members {
            guard let page = await answer(of: member, to: request),
                let value = MetricsPage.sum(of: name, in: String(buffer: page.body))
            else { return nil }
            sum += value
        }
        return sum
    }

    /// What the kernel has counted of all nodes so far.
    package func figures() throws -> ProcessFigures {
        guard let figures = processes.figures else { throw WorkloadFailure("a server is gone") }
        return figures
    }
}

extension Endpoint {
    /// Where clients reach a member.
    init(_ member: LocalCluster.Member) { self.init(host: member.place.host, port: Int(member.place.client)) }
}
