import CrashDisk
import Foundation
import LocalProcesses
import SQLiteStorage
import Serving

/// `conclave serve` on disks that forget at the end of the process what was not synced, and whose syncs hang or fail when
/// ``SyncFaults`` says so: what `conclave torture --member` runs.
@main
enum TorturedMember {
    static func main() async {
        let words = CommandLine.arguments.dropFirst()
        switch words.first {
        case "serve": await serve(Array(words.dropFirst()))
        case "faults": print(SyncFaults.names.joined(separator: "\n"))
        default: fail("\(words.first ?? "nothing") is no command; there are serve and faults")
        }
    }

    private static func serve(_ arguments: [String]) async {
        do {
            try await ServeCommand.parseOrExit(arguments).run { path throws(StorageError) in
                // Makes it, and says what is wrong with it.
                _ = try SystemDirectory(preparing: path)
                return StoreDirectories(log: disk(over: path).directory, state: disk(over: path).directory)
            }
        } catch {
            fail("\(error)")
        }
    }

    /// A disk for the thread of one store.
    private static func disk(over path: String) -> CrashDisk {
        let disk = CrashDisk(over: path, seed: .random(in: .min ... .max))
        let faults = SyncFaults(of: path)
        disk.beforeSync = { [unowned disk] in
            while faults.ordered == .hang {
                faults.meet()
                usleep(2_000)
            }
            guard faults.ordered == .fail else { return }
            disk.failSync(after: 0, seed: .random(in: .min ... .max))
            faults.meet()
        }
        return disk
    }

    private static func fail(_ reason: String) -> Never {
        FileHandle.standardError.write(Data("tortured-member: \(reason)\n".utf8))
        exit(1)
    }
}
