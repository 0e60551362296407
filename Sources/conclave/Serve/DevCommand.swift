import ArgumentParser
import ConclaveClient
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
    @Option(help: "Where to keep the members' files.")
    var dataDir: String?

    func validate() throws {
        guard [1, 3, 5].contains(nodes) else { throw ValidationError("--nodes: got \(nodes); 1, 3 or 5 is expected") }
        guard port == 0 || Int(port) + nodes * 100 <= 65535 else {
            throw ValidationError(
                "--port: got \(port); with \(nodes) members at most \(65535 - nodes * 100) is expected")
        }
    }

    func run() async throws {
        let directory = dataDir.map { URL(filePath: $0) }
        let places =
            try port == 0
            ? Place.free(nodes)
            : (0..<UInt16(nodes)).map { Place(client: port + $0 * 100, peer: port + $0 * 100 + 1) }
        let cluster = try LocalCluster(.conclave(), at: places, directory: directory)
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
