import Foundation
import LocalProcesses
import UnixSignals

/// A place for the files of servers that a benchmark starts.
enum BenchFolder {
    /// Lends `body` a new folder below `directory`, which goes afterwards. Ctrl-C ends the servers and removes it, too.
    static func lend<Value>(below directory: String, _ body: (URL) async throws -> Value) async throws -> Value {
        let folder = try Folder.temporary(below: URL(filePath: directory))
        defer { Folder.remove(folder) }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let watchman = Task {
            for await _ in signals {
                Children.ofThisProcess.endAll()
                Folder.remove(folder)
                Foundation.exit(130)
            }
        }
        defer { watchman.cancel() }
        return try await body(folder)
    }
}
