#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
internal import NIOCore

/// The command that starts one system's nodes.
package struct ServerProgram: Sendable {
    package var system: TargetSystem
    package var path: String

    package init(system: TargetSystem, path: String) {
        self.system = system
        self.path = path
    }

    /// One node's name and addresses.
    package struct Member: Sendable, Equatable {
        package var name: String
        package var client: Endpoint
        package var peer: Endpoint
        package init(name: String, client: Endpoint, peer: Endpoint) {
            self.name = name
            self.client = client
            self.peer = peer
        }
    }

    /// What starts `member` of a cluster of `members`. Both systems run with their defaults, as their users do.
    package func arguments(for member: Member, of members: [Member], dataDirectory: String) -> [String] {
        switch system {
        case .conclave:
            let cluster = members.map { "\($0.name)=\($0.peer)" }.joined(separator: ",")
            return [
                "serve", "--name", member.name, "--data-dir", dataDirectory, "--listen", "\(member.client)",
                "--peer-listen", "\(member.peer)", "--cluster", cluster,
            ]
        case .etcd:
            let cluster = members.map { "\($0.name)=http://\($0.peer)" }.joined(separator: ",")
            return [
                "--name", member.name, "--data-dir", dataDirectory, "--listen-client-urls", "http://\(member.client)",
                "--advertise-client-urls", "http://\(member.client)", "--listen-peer-urls", "http://\(member.peer)",
                "--initial-advertise-peer-urls", "http://\(member.peer)", "--initial-cluster", cluster,
                "--initial-cluster-state", "new",
            ]
        }
    }

    /// The file that `name` stands for: itself if it has a slash, else what `PATH` finds.
    package static func find(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}

/// A cluster of real processes on loopback, started and ended by us.
package final class ServerCluster {
    private static let readyLimit = TimeAmount.seconds(30)
    private static let endLimit = TimeAmount.seconds(10)

    package let program: ServerProgram
    private let members: [ServerProgram.Member]
    private let workbench: Workbench
    private let directory: String
    private var processes: [ChildProcess] = []

    package var system: TargetSystem { program.system }
    package var endpoints: [Endpoint] { members.map(\.client) }
    package var pids: [Int32] { processes.map(\.pid) }

    /// Starts `size` fresh nodes and waits until each of them serves. `label` names their directory.
    package static func start(
        _ program: ServerProgram, size: Int = 3, label: String, workbench: Workbench
    ) async throws -> ServerCluster {
        let cluster = try ServerCluster(program, size: size, label: label, workbench: workbench)
        do {
            for index in cluster.members.indices { cluster.processes.append(try cluster.launch(index)) }
            try await cluster.waitUntilReady()
        } catch {
            await cluster.stop()
            throw error
        }
        return cluster
    }

    private init(_ program: ServerProgram, size: Int, label: String, workbench: Workbench) throws {
        self.program = program
        self.workbench = workbench
        directory = workbench.directory + "/" + label
        try Directory.make(directory)
        let ports = try FreePorts.find(2 * size)
        members = (0..<size).map {
            ServerProgram.Member(
                name: "n\($0 + 1)", client: Endpoint(host: "127.0.0.1", port: ports[2 * $0]),
                peer: Endpoint(host: "127.0.0.1", port: ports[2 * $0 + 1]))
        }
    }

    private func launch(_ index: Int) throws -> ChildProcess {
        let member = members[index]
        return try ChildProcess(
            program.path,
            program.arguments(for: member, of: members, dataDirectory: "\(directory)/\(member.name)"),
            log: log(of: member), workbench: workbench)
    }

    private func log(of member: ServerProgram.Member) -> String { "\(directory)/\(member.name).log" }

    /// Waits until every node knows a leader and takes a write.
    package func waitUntilReady() async throws {
        for index in members.indices {
            let client = Client(members[index].client)
            do {
                try await Deadline.wait(Self.readyLimit, pause: .milliseconds(20)) {
                    guard processes[index].isRunning else { throw notServing(index, "ended") }
                    let put = system.dialect.put(key: "bench/ready", value: Value("yes"))
                    let answer = try? await client.sendExpecting(put, within: .seconds(1))
                    return answer != nil
                }
            } catch is DeadlineExceeded {
                throw notServing(index, "takes no write")
            }
            await client.close()
        }
    }

    private func notServing(_ index: Int, _ what: String) -> WorkloadFailure {
        let lines = SmallFile.text(log(of: members[index]))?.split(separator: "\n").suffix(3).joined(separator: " / ")
        return WorkloadFailure(
            "\(system.rawValue) node \(members[index].name) \(what); its last words: \(lines.map { String($0.suffix(600)) } ?? "none")"
        )
    }

    /// What node `index` says of itself; `nil` if it does not answer.
    package func report(of index: Int) async -> NodeReport? {
        let client = Client(members[index].client)
        let answer = try? await client.sendExpecting(system.dialect.status, within: .seconds(1))
        await client.close()
        return answer.flatMap { system.dialect.nodeReport(in: $0) }
    }

    /// The number of the node that leads now.
    package func leader() async throws -> Int {
        var found: Int?
        try await Deadline.wait(Self.readyLimit, pause: .milliseconds(20)) {
            for index in members.indices where await report(of: index)?.leads == true { found = index }
            return found != nil
        }
        guard let found else { throw DeadlineExceeded() }
        return found
    }

    package func process(_ index: Int) -> ChildProcess { processes[index] }

    /// Waits for node `index` to end and starts it again on its data.
    package func restart(_ index: Int) async throws {
        try await processes[index].waitForEnd(within: Self.endLimit)
        processes[index] = try launch(index)
        try await waitUntilReady()
    }

    /// The sum of one counter of `/metrics` over all nodes; `nil` if one does not have it.
    package func metric(_ name: String) async -> Double? {
        var sum = 0.0
        for member in members {
            let client = Client(member.client)
            let page = try? await client.send(
                LoadRequest(.GET, "/metrics", expected: Expectation(status: 200...200)), within: .seconds(2))
            await client.close()
            guard let page, let value = MetricsPage.sum(of: name, in: String(buffer: page.body)) else { return nil }
            sum += value
        }
        return sum
    }

    /// Ends every node at once and removes their data.
    package func stop() async {
        for process in processes { process.signal(SIGKILL) }
        for process in processes { try? await process.waitForEnd(within: Self.endLimit) }
        Directory.remove(directory)
    }
}
