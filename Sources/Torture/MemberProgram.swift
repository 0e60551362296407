internal import Foundation
package import LocalProcesses

/// A program that runs members as `conclave serve` does, and perhaps is made to be tormented.
package struct MemberProgram: Sendable {
    package let executable: String
    /// What it lets happen to its syncs when it is told to. One that knows of any also loses what was not synced when it is
    /// killed.
    package let syncFaults: Set<SyncFaults.Kind>

    /// Asks a program what it can do, by its command `faults`; one without such a command can do nothing of the kind.
    package init(asking executable: String) async throws {
        guard let path = ServerProgram.find(executable) else {
            throw ClusterFailure("--member \(executable): there is no such program, or it cannot be run")
        }
        let folder = try Folder.temporary()
        defer { Folder.remove(folder) }
        let output = folder.appending(path: "faults")
        let end = try await ChildProcess(path, ["faults"], log: output).waitForEnd(within: .seconds(10))
        self.executable = path
        let words = end == .code(0) ? SmallFile.text(output.path) ?? "" : ""
        syncFaults = Set(words.split(separator: "\n").compactMap { SyncFaults.Kind(rawValue: String($0)) })
    }

    package var losesUnsynced: Bool { !syncFaults.isEmpty }
}
