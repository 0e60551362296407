internal import Foundation
internal import HistoryChecker
import Synchronization

/// The history of a run, written as it happens; from any thread.
final class HistoryFile: Sendable {
    private let start = ContinuousClock.now
    private let state: Mutex<State>

    private struct State {
        let file: FileHandle
        var unwritten: [UInt8] = []
        var tally = Tally()
    }

    /// What has come in so far.
    struct Tally: Sendable {
        var operations = 0
        var acknowledged = 0
        var unknown = 0
        var told = 0
        var nonsense: [String] = []
        /// The latest sending, in microseconds, of a write that was acknowledged.
        var lastAcknowledgedCall: Int64 = 0
    }

    private static let bufferBytes = 1 << 20

    init(_ url: URL) throws {
        guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: url.path])
        }
        state = Mutex(State(file: try FileHandle(forWritingTo: url)))
        write(RecordedHistory.firstLine)
    }

    /// Microseconds since the run began.
    var now: Int64 { Int64((ContinuousClock.now - start) / .microseconds(1)) }

    var tally: Tally { state.withLock { $0.tally } }

    func add(_ operation: HistoryChecker.Operation) {
        write(operation.line) { tally in
            tally.operations += 1
            switch operation.response {
            case .put, .deleted, .transaction, .wrote, .done:
                tally.acknowledged += 1
                tally.lastAcknowledgedCall = max(tally.lastAcknowledgedCall, operation.call)
            case .unknown: tally.unknown += 1
            default: break
            }
        }
    }

    func add(_ event: Watched.Event, of watch: String) {
        write(Watched.Delivery(time: now, event).line(of: watch)) { tally in
            switch event {
            case .change, .office: tally.told += 1
            default: break
            }
        }
    }

    func add(_ selection: Watched.Selection, of watch: String) { write(selection.line(of: watch)) }
    func add(_ change: Change) { write(change.line) }
    func add(_ change: Office.Change) { write(change.line) }
    func remark(_ text: String) { write("# \(text)") }

    /// An answer that is not what the API says; it fails the run.
    func complain(_ text: String) { state.withLock { $0.tally.nonsense.append(text) } }

    /// Writes the last line.
    func end() {
        write(RecordedHistory.lastLine(end: now))
        flush()
    }

    /// Puts everything into the file that is not there yet.
    func flush() {
        state.withLock { state in
            do { try state.file.write(contentsOf: state.unwritten) } catch { state.tally.nonsense.append("\(error)") }
            state.unwritten = []
        }
    }

    private func write(_ line: String, _ count: (inout Tally) -> Void = { _ in }) {
        let isFull = state.withLock { state in
            state.unwritten += line.utf8
            state.unwritten.append(UInt8(ascii: "\n"))
            count(&state.tally)
            return state.unwritten.count > Self.bufferBytes
        }
        if isFull { flush() }
    }
}
