import ConclaveClient
import Foundation
import Synchronization

/// A cluster of real `conclave serve` processes on this machine: started, killed, restarted and cleaned up by one owner.
///
/// Each member has its data and its log in a folder of its own below ``directory``.
final class LocalCluster: Sendable {
    /// One member, running or not.
    struct Member: Hashable, Sendable {
        let name: String
        let endpoint: Endpoint
        /// Where clients connect, as `--listen` takes it.
        let clientAddress: String
        /// Where other members connect, as `--peer-listen` takes it.
        let peerAddress: String
        let dataDirectory: URL
        /// What the process writes to its standard output and error, all its lives one after the other.
        let log: URL
    }

    /// The ports of one member.
    struct Ports: Hashable, Sendable {
        var client: UInt16
        var peer: UInt16
    }

    let members: [Member]
    let directory: URL
    private let executable: String
    /// What every member gets beyond its name and addresses.
    private let arguments: [String]
    /// The process of each member that was started, until its end was noticed; by name.
    private let processes = Mutex<[String: ChildProcess]>([:])

    var endpoints: [Endpoint] { members.map(\.endpoint) }

    /// Lays a cluster out; nothing runs yet.
    ///
    /// - Parameters:
    ///   - directory: where the members keep their files; a new temporary folder when `nil`.
    ///   - ports: one pair per member; free ones when `nil`.
    ///   - executable: whose `serve` is run; this very program when `nil`.
    ///   - arguments: further flags for every member.
    init(
        size: Int, directory: URL? = nil, ports: [Ports]? = nil, executable: String? = nil, arguments: [String] = []
    ) throws {
        let root = try directory ?? makeTemporaryDirectory()
        self.directory = root
        self.executable = executable ?? "/proc/self/exe"
        self.arguments = arguments
        members = try (ports ?? freePorts(size)).enumerated().map { position, ports in
            let name = "n\(position + 1)"
            let address = "127.0.0.1:\(ports.client)"
            guard let endpoint = Endpoint(address) else { throw ClusterFailure("\(address) is not an address") }
            return Member(
                name: name, endpoint: endpoint, clientAddress: address, peerAddress: "127.0.0.1:\(ports.peer)",
                dataDirectory: root.appending(path: name), log: root.appending(path: "\(name).log"))
        }
    }

    // MARK: - Life and death

    func startAll() throws {
        for member in members { try start(member) }
    }

    /// Starts a member that does not run, on the files it left behind if it ran before.
    func start(_ member: Member) throws {
        try processes.withLock { running in
            precondition(running[member.name] == nil, "\(member.name) runs already")
            running[member.name] = try ChildProcess(executable, commandLine(of: member), log: member.log)
        }
    }

    private func commandLine(of member: Member) -> [String] {
        let cluster = members.map { "\($0.name)=\($0.peerAddress)" }.joined(separator: ",")
        return [
            "serve", "--name", member.name, "--data-dir", member.dataDirectory.path, "--listen", member.clientAddress,
            "--peer-listen", member.peerAddress, "--cluster", cluster,
        ] + arguments
    }

    /// The process id of a member that runs.
    func processID(of member: Member) -> Int32? {
        processes.withLock { $0[member.name]?.id }
    }

    /// Sends a signal: `SIGKILL`, `SIGSTOP`, `SIGCONT`, `SIGTERM`. Nothing happens to a member that does not run.
    func signal(_ member: Member, _ signal: Int32) {
        processes.withLock { $0[member.name]?.send(signal) }
    }

    /// Kills a member at once and waits until the process is gone.
    func kill(_ member: Member) async throws {
        signal(member, SIGKILL)
        _ = try await waitForExit(of: member, within: .seconds(5))
    }

    /// How a member's process ended; `nil` while it runs. Its end is noticed once, and it may be started again then.
    func exitStatus(of member: Member) -> ChildProcess.Exit? {
        processes.withLock { running in
            let exit = running[member.name]?.exit()
            if exit != nil { running[member.name] = nil }
            return exit
        }
    }

    func waitForExit(of member: Member, within limit: Duration) async throws -> ChildProcess.Exit {
        var exit: ChildProcess.Exit?
        try await wait(until: "\(member.name) ends", within: limit) {
            exit = exitStatus(of: member)
            return exit != nil
        }
        guard let exit else { throw ClusterFailure("\(member.name) does not end") }
        return exit
    }

    /// Asks every member to go, kills those that do not, and removes the files unless they are to be kept.
    func shutdown(keepingFiles: Bool = false) async {
        for member in members {
            signal(member, SIGCONT)
            signal(member, SIGTERM)
        }
        for member in members where processID(of: member) != nil {
            if (try? await waitForExit(of: member, within: .seconds(3))) == nil { try? await kill(member) }
        }
        if !keepingFiles { try? FileManager.default.removeItem(at: directory) }
    }

    // MARK: - Readiness

    /// Waits until all members that run serve requests; throws with the log of one that ended instead.
    func waitUntilReady(_ client: ClusterClient, within limit: Duration = .seconds(15)) async throws {
        for member in members where processID(of: member) != nil {
            try await wait(until: "\(member.name) is ready", within: limit, logOf: member) {
                if let exit = exitStatus(of: member) {
                    throw ClusterFailure("\(member.name) \(exit)", log: logTail(of: member))
                }
                return await client.isReady(member.endpoint)
            }
        }
    }

    /// The member that leads, as soon as one says so of itself in a term above `term`.
    func waitForLeader(
        _ client: ClusterClient, above term: UInt64 = 0, within limit: Duration = .seconds(15)
    ) async throws -> (member: Member, term: UInt64) {
        var found: (Member, UInt64)?
        try await wait(until: "there is a leader", within: limit) {
            for member in members where processID(of: member) != nil {
                guard let status = try? await client.status(of: member.endpoint), status.role == .leader,
                    status.term > term
                else { continue }
                found = (member, status.term)
            }
            return found != nil
        }
        guard let found else { throw ClusterFailure("there is no leader") }
        return found
    }

    /// The last lines of a member's log.
    func logTail(of member: Member, lines: Int = 20) -> String {
        guard let text = try? String(contentsOf: member.log, encoding: .utf8) else { return "" }
        return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    private func wait(
        until what: String, within limit: Duration, logOf member: Member? = nil,
        _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                throw ClusterFailure(
                    "waited \(limit.spoken) until \(what), in vain", log: member.map { logTail(of: $0) } ?? "")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// A local cluster did not do what was expected.
struct ClusterFailure: Error, CustomStringConvertible {
    var sentence: String
    /// The last lines of the log that may tell why; empty when there is none.
    var log: String

    init(_ sentence: String, log: String = "") {
        self.sentence = sentence
        self.log = log
    }

    var description: String { log.isEmpty ? sentence : "\(sentence); its last words:\n\(log)" }
}
