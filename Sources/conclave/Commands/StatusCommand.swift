import ArgumentParser
import ConclaveClient

/// `conclave status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show every node and member, who leads, and why.",
        discussion: """
            EXAMPLE
              conclave status --endpoints 127.0.0.1:2379,127.0.0.1:2479,127.0.0.1:2579

            Asks each endpoint itself, and shows the members as the leader sees them, or as another node does when the \
            leader is not among the endpoints. Exit code 2 when none answers or the cluster has no leader.
            """)

    @OptionGroup var client: ClientArguments

    /// What came of asking one endpoint.
    private struct Account: Sendable {
        var endpoint: Endpoint
        var status: Result<NodeStatus, ConclaveError>
        var explanation: [String]
        /// The members as this endpoint sees them.
        var members: [ClusterDescription.Member]

        var node: NodeStatus? { try? status.get() }
    }

    func run() async throws {
        let accounts = try await client.withClient { cluster in
            try await withThrowingTaskGroup(of: (Int, Account).self) { group in
                for (position, endpoint) in cluster.endpoints.enumerated() {
                    group.addTask { (position, try await ask(endpoint, of: cluster)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
            }
        }
        client.print(text(accounts), json: .array(accounts.map(json)))
        let hasLeader = accounts.contains { $0.node?.role == .leader || $0.node?.leader != nil }
        if !hasLeader { throw ExitCode(Exit.unreachable) }
    }

    private func ask(_ endpoint: Endpoint, of cluster: ClusterClient) async throws -> Account {
        do {
            let status = try await cluster.status(of: endpoint)
            let explanation = (try? await cluster.explanation(of: endpoint)) ?? []
            let members = (try? await cluster.cluster(of: endpoint))?.members ?? []
            return Account(endpoint: endpoint, status: .success(status), explanation: explanation, members: members)
        } catch let error as ConclaveError {
            return Account(endpoint: endpoint, status: .failure(error), explanation: [], members: [])
        }
    }

    private func text(_ accounts: [Account]) -> String {
        var table = Table(
            ["NODE", "ENDPOINT", "ROLE", "TERM", "LEADER", "REVISION", "APPLIED", "COMMITTED", "UP", "VERSION"],
            rightAligned: [3, 5, 6, 7])
        for account in accounts { table.add(row(account)) }
        // The leader measures what others pass on a second later.
        let teller = accounts.first { $0.node?.role == .leader } ?? accounts.first { !$0.explanation.isEmpty }
        guard let teller else { return table.text }
        return ([table.text, "", text(teller.members), ""] + teller.explanation).joined(separator: "\n")
    }

    private func text(_ members: [ClusterDescription.Member]) -> String {
        var table = Table(
            [
                "MEMBER", "STATE", "CLIENTS", "PEERS", "PRIORITY", "ELECTION", "BEHIND", "ROUND TRIP", "DISK SYNC",
                "HEARD",
            ],
            rightAligned: [4, 6, 7, 8, 9])
        for member in members { table.add(row(member)) }
        return table.text
    }

    private func row(_ member: ClusterDescription.Member) -> [String] {
        let microseconds = { (count: UInt64?) in count.map { fixed(Double($0) / 1000, places: 2) + " ms" } ?? "-" }
        return [
            member.name, member.reachable ? member.role.map(colored) ?? "-" : Tone.red("unreachable"),
            member.clientAddress ?? "-", member.peerAddress, member.priority.map { "\($0)" } ?? "-",
            member.election?.rawValue ?? "-", member.lag.map { "\($0)" } ?? "-",
            member.role == .leader ? "-" : microseconds(member.roundTripMicroseconds),
            microseconds(member.diskSyncMicroseconds),
            member.reportAgeMilliseconds.map { Duration.milliseconds($0).spoken + " ago" } ?? "never",
        ]
    }

    private func row(_ account: Account) -> [String] {
        switch account.status {
        case .failure(let error): ["-", account.endpoint.url, Tone.red("down"), error.detail]
        case .success(let node):
            [
                node.node, account.endpoint.url, colored(node.role), "\(node.term)", node.leader ?? "-",
                "\(node.revision)", "\(node.appliedIndex)", "\(node.commitIndex)",
                Duration.milliseconds(node.uptimeMilliseconds).spoken, node.version,
            ]
        }
    }

    private func colored(_ role: NodeStatus.Role) -> String {
        switch role {
        case .leader: Tone.green(role.rawValue)
        case .follower: role.rawValue
        case .looking: Tone.yellow(role.rawValue)
        }
    }

    private func json(_ account: Account) -> JSONValue {
        let endpoint = ("endpoint", JSONValue.string(account.endpoint.url))
        switch account.status {
        case .failure(let error):
            return .object([endpoint, ("error", .string(error.code.name)), ("detail", .string(error.detail))])
        case .success(let node):
            return .object([
                endpoint, ("node", .string(node.node)), ("role", .string(node.role.rawValue)),
                ("term", .number(node.term)), ("leader", .optional(node.leader) { .string($0) }),
                ("election", .optional(node.election) { .string($0.rawValue) }),
                ("priority", .optional(node.priority) { .number($0) }),
                ("revision", .number(node.revision)), ("commit_index", .number(node.commitIndex)),
                ("applied_index", .number(node.appliedIndex)), ("version", .string(node.version)),
                ("uptime_ms", .number(node.uptimeMilliseconds)),
                ("why", .array(account.explanation.map { .string($0) })),
                ("members", .array(account.members.map(json))),
            ])
        }
    }

    private func json(_ member: ClusterDescription.Member) -> JSONValue {
        .object([
            ("name", .string(member.name)), ("reachable", .bool(member.reachable)),
            ("role", .optional(member.role) { .string($0.rawValue) }), ("peer_address", .string(member.peerAddress)),
            ("client_address", .optional(member.clientAddress) { .string($0) }),
            ("version", .optional(member.version) { .string($0) }),
            ("election", .optional(member.election) { .string($0.rawValue) }),
            ("priority", .optional(member.priority) { .number($0) }),
            ("applied_index", .optional(member.appliedIndex) { .number($0) }),
            ("lag", .optional(member.lag) { .number($0) }),
            ("round_trip_us", .optional(member.roundTripMicroseconds) { .number($0) }),
            ("silence_ms", .optional(member.silenceMilliseconds) { .number($0) }),
            ("disk_sync_us", .optional(member.diskSyncMicroseconds) { .number($0) }),
            ("report_age_ms", .optional(member.reportAgeMilliseconds) { .number($0) }),
        ])
    }
}
