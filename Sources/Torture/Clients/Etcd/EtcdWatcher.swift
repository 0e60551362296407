import FoundationEssentials
internal import HistoryChecker
import LoadGenerator
import NIOCore
import Synchronization

/// Watches all keys with a prefix as etcd's clients do: after a break it asks for what comes after the last revision told.
final class EtcdWatcher: Watching {
    let name: String
    private let prefix: String
    private let endpoints: [Endpoint]
    private let file: HistoryFile
    private let state = Mutex(State())
    private let stream = EtcdStream(silence: .milliseconds(2_500))

    private struct State {
        /// Everything up to this revision was told.
        var reached: UInt64 = 1
        var failure: String?
    }

    /// What is watched so.
    static let prefixes = ["", "r/", "line/"]
    private static let pause = Duration.milliseconds(50)

    /// Watches from the beginning; the first endpoint is asked first.
    init(_ name: String, prefix: String, endpoints: [Endpoint], file: HistoryFile) {
        self.name = name
        self.prefix = prefix
        self.endpoints = endpoints
        self.file = file
        file.add(.prefix(prefix), of: name)
    }

    var reached: UInt64 { state.withLock { $0.reached } }
    var failure: String? { state.withLock { $0.failure } }
    var isNarrow: Bool { !prefix.isEmpty }

    func run() async {
        file.add(.opened(after: reached), of: name)
        var place = 0
        while !Task.isCancelled, failure == nil {
            do {
                try await stream.read("/v3/watch", request, at: endpoints[place]) { line in
                    try take(line)
                    return true
                }
            } catch is Lost {
                break
            } catch {
                if Task.isCancelled { break }
                file.add(.broken, of: name)
                place = (place + 1) % endpoints.count
                try? await Task.sleep(for: Self.pause)
            }
        }
        await stream.shutdown()
    }

    func close(at revision: UInt64) { file.add(.closed(revision), of: name) }

    /// Creates the watch, and asks how far it is.
    private var request: String {
        "{\"create_request\":{\(EtcdRequest.range(prefix)),\"start_revision\":\"\(reached + 1)\",\"prev_kv\":true}}"
            + "{\"progress_request\":{}}"
    }

    /// A watch that cannot go on.
    private struct Lost: Error {}

    private func take(_ line: Data) throws {
        let piece: EtcdPiece<EtcdWatchAnswer>
        do { piece = try JSONDecoder().decode(EtcdPiece<EtcdWatchAnswer>.self, from: line) } catch {
            file.complain("watch \(name): \(String(decoding: line, as: UTF8.self)): \(error)")
            throw error
        }
        guard let answer = piece.result else { throw EtcdStream.Broken(reason: piece.error?.message ?? "no result") }
        if answer.canceled == true {
            guard answer.compact_revision.unsigned > 0 else {
                throw EtcdStream.Broken(reason: answer.cancel_reason ?? "cancelled")
            }
            state.withLock { $0.failure = "watch \(name) ended: \(answer.cancel_reason ?? "compacted")" }
            throw Lost()
        }
        if answer.created == true { return }
        let told = (answer.events ?? []).map(\.told)
        guard let last = answer.events?.last?.kv.record.revision else {
            return progressed(to: answer.header.revision.unsigned)
        }
        for event in told { file.add(event, of: name) }
        state.withLock { $0.reached = max($0.reached, last) }
    }

    private func progressed(to revision: UInt64) {
        file.add(.progress(revision), of: name)
        state.withLock { $0.reached = max($0.reached, revision) }
    }
}
