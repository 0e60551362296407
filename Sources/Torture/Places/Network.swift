internal import Foundation
internal import LocalProcesses

/// Network namespaces of our own, one per member, on a bridge in the namespace of this process; and the faults between
/// them.
///
/// The namespaces have no names: each is held by one sleeping process, and gone with it.
package actor Network {
    private let tool: Tool
    private var holders: [ChildProcess] = []
    /// Per member, how many faults drop what comes from each other member, and, last, from the clients.
    private var drops: [[Int]]
    /// Per member, the percentages of the faults that lose what comes in.
    private var losses: [[Int]]

    private static let bridge = "bridge0"
    private static let subnet = "10.77.0"
    private static let clients = 254
    private static let ports: (client: UInt16, peer: UInt16) = (2379, 2380)

    /// Whether this machine has what it takes and lets us use it, which a container may not: tries it out.
    package static func isPossible() async -> Bool {
        let tools = ["ip", "nft", "nsenter", "unshare", "mount"]
        guard geteuid() == 0, tools.allSatisfy({ ServerProgram.find($0) != nil }) else { return false }
        let trial = """
            ip link add trial0 type bridge && ip link add trial1 type veth peer name trial2 \
            && nft add table inet trial && mount -t tmpfs tmpfs /tmp
            """
        let log = URL(filePath: "/dev/null")
        return (try? await Tool(log: log).run("unshare", "--net", "--mount", "--", "sh", "-c", trial)) != nil
    }

    init(members: Int, log: URL) {
        tool = Tool(log: log)
        drops = Array(repeating: Array(repeating: 0, count: members + 1), count: members)
        losses = Array(repeating: [], count: members)
    }

    /// Makes the namespaces and returns where each member runs.
    func open() async throws -> [Place] {
        try await tool.run("ip", "link", "set", "lo", "up")
        try await tool.run("ip", "link", "add", Self.bridge, "type", "bridge")
        try await tool.run("ip", "address", "add", "\(Self.subnet).\(Self.clients)/24", "dev", Self.bridge)
        try await tool.run("ip", "link", "set", Self.bridge, "up")
        var places: [Place] = []
        for member in drops.indices {
            try await addNamespace(member)
            places.append(
                Place(
                    host: address(member), client: Self.ports.client, peer: Self.ports.peer,
                    launcher: ["nsenter", "--net=\(path(member))", "--"]))
        }
        return places
    }

    func close() {
        for holder in holders { holder.send(SIGKILL) }
    }

    private func addNamespace(_ member: Int) async throws {
        let holder = try ChildProcess("unshare", ["--net", "--", "sleep", "infinity"], log: tool.log)
        holders.append(holder)
        try await Self.awaitNamespace(path(member))
        let port = "member\(member + 1)"
        try await tool.run(
            "ip", "link", "add", port, "type", "veth", "peer", "name", "net0", "netns", String(holder.id))
        try await tool.run("ip", "link", "set", port, "master", Self.bridge, "up")
        try await within(member, "ip", "link", "set", "lo", "up")
        try await within(member, "ip", "address", "add", "\(address(member))/24", "dev", "net0")
        try await within(member, "ip", "link", "set", "net0", "up")
        try await within(
            member, "nft",
            "add table inet faults; add chain inet faults in { type filter hook input priority 0; policy accept; }")
    }

    /// Waits until a process has one of its own.
    private static func awaitNamespace(_ path: String) async throws {
        try await eventually("\(path) is a namespace of its own", within: .seconds(5)) {
            let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
            let its = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            return its != nil && its != own
        }
    }

    private func address(_ member: Int) -> String {
        "\(Self.subnet).\(member == drops.count ? Self.clients : member + 1)"
    }

    private func path(_ member: Int) -> String { "/proc/\(holders[member].id)/ns/net" }

    private func within(_ member: Int, _ words: String...) async throws {
        try await tool.run(["nsenter", "--net=\(path(member))", "--"] + words)
    }

    // MARK: - Faults

    /// One direction between two members; the clients count as one behind the last.
    package struct Link: Hashable, Sendable {
        var from: Int
        var to: Int
    }

    /// Drops everything on these links, or no longer. Faults may overlap: a link is whole again when all have ended.
    func cut(_ links: [Link], _ isCut: Bool) async throws {
        for link in links where link.to < drops.count { drops[link.to][link.from] += isCut ? 1 : -1 }
        for member in Set(links.map(\.to)).sorted() where member < drops.count { try await apply(to: member) }
    }

    /// Loses so many percent of what comes in at a member, or no longer.
    func lose(_ percent: Int, at member: Int, _ isLossy: Bool) async throws {
        if isLossy {
            losses[member].append(percent)
        } else if let place = losses[member].firstIndex(of: percent) {
            losses[member].remove(at: place)
        }
        try await apply(to: member)
    }

    /// Makes everything whole.
    func heal() async throws {
        for member in drops.indices {
            drops[member] = drops[member].map { _ in 0 }
            losses[member] = []
            try await apply(to: member)
        }
    }

    private func apply(to member: Int) async throws {
        var rules = ["flush chain inet faults in"]
        for from in drops[member].indices where drops[member][from] > 0 {
            rules.append("add rule inet faults in ip saddr \(address(from)) drop")
        }
        if let worst = losses[member].max() {
            rules.append("add rule inet faults in numgen random mod 100 < \(worst) drop")
        }
        try await within(member, "nft", rules.joined(separator: "; "))
    }
}
