import ArgumentParser
import ConclaveClient
import Consensus
import Foundation
import LocalProcesses

/// `conclave dev`: a cluster to play with, gone on Ctrl-C.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a cluster on this machine to play with.",
        discussion: """
            Starts real `conclave serve` processes on loopback, prints their addresses and what to try, and ends them on \
            Ctrl-C. Its files are in a temporary folder and go with it, unless --data-dir names a place to keep them.

            EXAMPLE
              conclave dev --nodes 3
            """)

    @Option(help: "How many members: 1, 3 or 5.")
    var nodes = 1
    @Option(
        help: "The first member's client port; each member takes this and the next, then 100 on. 0 = any free ports.")
    var port: UInt16 = 2379
    @Option(help: "How the members settle who campaigns: randomized or ranked.")
    var election = "randomized"
    @Option(help: "The members' priorities, as 100,100,0. (default: 100 for each)")
    var priority: String?
    @Option(help: "Where to keep the members' files.")
    var dataDir: String?

    func validate() throws {
        guard [1, 3, 5].contains(nodes) else { throw ValidationError("--nodes: got \(nodes); 1, 3 or 5 is expected") }
        guard port == 0 || Int(port) + nodes * 100 <= 65535 else {
            throw ValidationError(
                "--port: got \(port); with \(nodes) members at most \(65535 - nodes * 100) is expected")
        }
        guard ElectionStrategy(rawValue: election) != nil else {
            throw ValidationError("--election: got \(election); randomized or ranked is expected")
        }
        _ = try priorities()
    }

    func run() async throws {
        let directory = dataDir.map { URL(filePath: $0) }
        let places =
            try port == 0
            ? Place.free(nodes)
            : (0..<UInt16(nodes)).map { Place(client: port + $0 * 100, peer: port + $0 * 100 + 1) }
        let cluster = try LocalCluster(program(), at: places, directory: directory)
        do {
            try await untilInterrupted { try await serve(cluster) }
        } catch is Interrupted {
            Terminal.say("\nstopping")
            await cluster.shutdown(keepingFiles: dataDir != nil)
        } catch {
            await cluster.shutdown(keepingFiles: dataDir != nil)
            throw error
        }
    }

    private func priorities() throws -> [UInt8] {
        guard let priority else { return Array(repeating: Settings.standardPriority, count: nodes) }
        let list = priority.split(separator: ",", omittingEmptySubsequences: false).map { UInt8($0) }
        guard list.count == nodes, !list.contains(nil), list.contains(where: { $0 != 0 }) else {
            throw ValidationError(
                "--priority: got \(priority); a number from 0 to 255 is expected, one for each of \(nodes) members, "
                    + "and not 0 for all")
        }
        return list.compactMap(\.self)
    }

    /// Every member's own priority on top of what all have.
    private func program() throws -> ServerProgram {
        let priorities = try priorities()
        let common = try ServerProgram.conclave(flags: ["--election", election])
        return ServerProgram(common.executable) { member, all in
            let own = all.firstIndex(of: member).map { priorities[$0] } ?? Settings.standardPriority
            return common.arguments(member, all) + ["--priority", "\(own)"]
        }
    }

    private func serve(_ cluster: LocalCluster) async throws {
        let client = ClusterClient(endpoints: cluster.endpoints)
        do {
            try cluster.startAll()
            try await cluster.waitUntilReady(client)
            introduce(cluster)
            try await watchOver(cluster)
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private func introduce(_ cluster: LocalCluster) {
        for member in cluster.members {
            Terminal.say("\(member.name)  http://\(member.clientAddress)  log \(member.log.path)")
        }
        let first = "http://\(cluster.members[0].clientAddress)"
        Terminal.say(
            """

            Try:
              curl -i -X PUT -H 'If-None-Match: *' -d node-1 '\(first)/v1/kv/controller?ttl=10s'
              curl -N '\(first)/v1/watch?key=controller'
              curl -X PUT -d 10.0.0.1:80 '\(first)/v1/elections/controller/candidates/node-1?ttl=10s'
              curl '\(first)/v1/status'

            The dashboard is at \(first)/   ·   Ctrl-C ends everything.
            """)
    }

    /// Says so when a member ends on its own; the others go on.
    private func watchOver(_ cluster: LocalCluster) async throws {
        while true {
            try await Task.sleep(for: .milliseconds(200))
            for member in cluster.members {
                guard let exit = cluster.exitStatus(of: member) else { continue }
                Terminal.say("\(member.name) \(exit); its log is \(member.log.path)")
            }
        }
    }
}
