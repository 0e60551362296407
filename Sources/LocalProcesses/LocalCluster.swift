package import Foundation
internal import Synchronization

/// A cluster of real server processes on this machine: started, killed, restarted and cleaned up by one owner.
///
/// Each member has its data and its log in a folder of its own below ``directory``.
package final class LocalCluster: Sendable {
    /// One member, running or not.
    package struct Member: Hashable, Sendable {
        package let name: String
        package let place: Place
        package let dataDirectory: URL
        /// What the process writes to its standard output and error, all its lives one after the other.
        package let log: URL

        /// Where clients connect.
        package var clientAddress: String { "\(place.host):\(place.client)" }
        /// Where other members connect.
        package var peerAddress: String { "\(place.host):\(place.peer)" }
    }

    package let members: [Member]
    package let directory: URL
    private let program: ServerProgram
    /// The process of each member that was started, until its end was noticed; by name.
    private let processes = Mutex<[String: ChildProcess]>([:])

    /// Lays a cluster out; nothing runs yet.
    ///
    /// - Parameters:
    ///   - program: what every member runs.
    ///   - places: one per member.
    ///   - directory: where the members keep their files; a new temporary folder when `nil`.
    package init(_ program: ServerProgram, at places: [Place], directory: URL? = nil) throws {
        let root = try directory ?? Folder.temporary()
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        self.directory = root
        self.program = program
        members = places.enumerated().map { position, place in
            let name = "n\(position + 1)"
            return Member(
                name: name, place: place, dataDirectory: root.appending(path: name),
                log: root.appending(path: "\(name).log"))
        }
    }

    // MARK: - Life and death

    package func startAll() throws {
        for member in members { try start(member) }
    }

    /// Starts a member that does not run, on the files it left behind if it ran before.
    package func start(_ member: Member) throws {
        let words = member.place.launcher + [program.executable] + program.arguments(member, members)
        try processes.withLock { running in
            precondition(running[member.name] == nil, "\(member.name) runs already")
            running[member.name] = try ChildProcess(words[0], Array(words.dropFirst()), log: member.log)
        }
    }

    /// The process id of a member that runs.
    package func processID(of member: Member) -> Int32? {
        processes.withLock { $0[member.name]?.id }
    }

    /// What the kernel counts of all members together; `nil` when one of them does not run.
    package var figures: ProcessFigures? {
        let ids = members.compactMap { processID(of: $0) }
        return ids.count == members.count ? ProcessFigures.sum(pids: ids) : nil
    }

    /// Sends a signal: `SIGKILL`, `SIGSTOP`, `SIGCONT`, `SIGTERM`. Nothing happens to a member that does not run.
    package func signal(_ member: Member, _ signal: Int32) {
        processes.withLock { $0[member.name]?.send(signal) }
    }

    /// Kills a member at once and waits until the process is gone.
    package func kill(_ member: Member) async throws {
        signal(member, SIGKILL)
        _ = try await waitForExit(of: member, within: .seconds(5))
    }

    /// How a member's process ended; `nil` while it runs. Its end is noticed once, and it may be started again then.
    package func exitStatus(of member: Member) -> ChildProcess.Exit? {
        processes.withLock { running in
            let exit = running[member.name]?.exit()
            if exit != nil { running[member.name] = nil }
            return exit
        }
    }

    @discardableResult
    package func waitForExit(of member: Member, within limit: Duration) async throws -> ChildProcess.Exit {
        var exit: ChildProcess.Exit?
        try await eventually("\(member.name) ends", within: limit) {
            exit = exitStatus(of: member)
            return exit != nil
        }
        guard let exit else { throw ClusterFailure("\(member.name) does not end") }
        return exit
    }

    /// Asks every member to go, kills those that do not, and removes the files unless they are to be kept.
    package func shutdown(keepingFiles: Bool = false) async {
        for member in members {
            signal(member, SIGCONT)
            signal(member, SIGTERM)
        }
        for member in members where processID(of: member) != nil {
            if (try? await waitForExit(of: member, within: .seconds(3))) == nil { try? await kill(member) }
        }
        if !keepingFiles { Folder.remove(directory) }
    }

    /// Kills every member at once and removes the files.
    package func destroy() async {
        for member in members { signal(member, SIGKILL) }
        await shutdown()
    }

    // MARK: - Looking

    /// Waits until all members that run are ready; throws with the log of one that ended instead.
    package func waitUntilReady(
        within limit: Duration = .seconds(15), pause: Duration = .milliseconds(5),
        _ isReady: (Member) async -> Bool
    ) async throws {
        for member in members where processID(of: member) != nil {
            try await eventually(
                "\(member.name) is ready", within: limit, pause: pause, log: { logTail(of: member) }
            ) {
                if let exit = exitStatus(of: member) {
                    throw ClusterFailure("\(member.name) \(exit)", log: logTail(of: member))
                }
                return await isReady(member)
            }
        }
    }

    /// The last lines of a member's log.
    package func logTail(of member: Member, lines: Int = 20) -> String {
        guard let text = try? String(contentsOf: member.log, encoding: .utf8) else { return "" }
        return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }
}
