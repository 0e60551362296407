import ArgumentParser
import CKeeper
import Foundation
import Synchronization

/// A program with its arguments, found before anybody contends for the right to run it.
struct Program {
    let path: String
    let words: [String]

    /// Looks for the first word in `PATH` if it has no slash.
    init(_ words: [String]) throws {
        let name = words[0]
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let candidates = name.contains("/") ? [name] : folders.map { "\($0)/\(name)" }
        guard let path = candidates.first(where: Self.isExecutable) else {
            throw ValidationError("there is no command \"\(name)\" to run")
        }
        self.path = path
        self.words = words
    }

    private static func isExecutable(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}

/// A command that is stopped in time, whatever becomes of this process: a keeper of its own stands between the two, and
/// stops the command when it was due unless it is told of a later moment.
final class KeptCommand: Sendable {
    /// When the command is to end.
    struct Order: Hashable, Sendable {
        /// SIGTERM.
        var terminateAt: ContinuousClock.Instant
        /// SIGKILL, at the latest.
        var killAt: ContinuousClock.Instant

        /// Without a moment to end in order.
        static var immediate: Order { Order(terminateAt: .now, killAt: .now) }

        /// On the keeper's clock, which is read first: a pause in between makes it earlier, not later.
        fileprivate var wire: keeper_order {
            let (begin, now) = (keeper_now(), ContinuousClock.now)
            return keeper_order(
                terminate_at: begin + (terminateAt - now).nanoseconds, kill_at: begin + (killAt - now).nanoseconds)
        }
    }

    /// How a command ended.
    struct End: Hashable, Sendable {
        /// As a shell tells it: the command's own, or 128 and the number of the signal that ended it.
        var code: Int32
        /// Whether the keeper had asked it to end, by order or because it was due.
        var wasStopped: Bool
    }

    private let orders: Int32
    private let ending: Task<Result<End, CommandTrouble>, Never>

    /// Starts `program`; `environment` comes on top of this process's own.
    init(_ program: Program, environment: [String: String], order: Order) throws {
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var arguments = program.words.map { strdup($0) } + [nil]
        var variables = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var (orders, news): (Int32, Int32) = (-1, -1)
        let keeper = keeper_start(program.path, &arguments, &variables, order.wire, &orders, &news)
        guard keeper > 0 else { throw CommandTrouble("cannot run \(program.words[0]): \(reason(-keeper))") }
        self.orders = orders
        let (stream, continuation) = AsyncStream.makeStream(of: keeper_news.self)
        Thread.detachNewThread { [news] in
            read(news, into: continuation)
            close(news)
            waitpid(keeper, nil, 0)
            continuation.finish()
        }
        ending = Task { await Self.ending(of: program, told: stream) }
    }

    deinit { close(orders) }

    /// Replaces the last order.
    func obey(_ order: Order) {
        var wire = order.wire
        // A keeper that has ended needs no order.
        _ = write(orders, &wire, MemoryLayout.size(ofValue: wire))
    }

    /// Waits for its end, also when the task is cancelled: then `onCancel` has to bring it about.
    func end(onCancel: @escaping @Sendable () -> Void) async throws -> End {
        try await withTaskCancellationHandler {
            await ending.value
        } onCancel: {
            onCancel()
        }.get()
    }

    private static func ending(
        of program: Program, told news: AsyncStream<keeper_news>
    ) async -> Result<End, CommandTrouble> {
        var id: Int32?
        var wasStopped = false
        for await item in news {
            switch keeper_news_kind(UInt32(item.kind)) {
            case KEEPER_STARTED: id = item.value
            case KEEPER_TERMINATED: wasStopped = true
            case KEEPER_ENDED: return .success(End(code: exitCode(item.value), wasStopped: wasStopped))
            default: return .failure(CommandTrouble("cannot run \(program.words[0]): \(reason(item.value))"))
            }
        }
        // What the command had started may be left; the command itself died with the keeper.
        if let id { kill(-id, SIGKILL) }
        return .failure(CommandTrouble("somebody killed the keeper of \(program.words[0]), and with it the command"))
    }
}

/// A command could not be run, or not be looked after.
struct CommandTrouble: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

private func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

/// A status as `waitpid` tells it, as a shell would.
private func exitCode(_ status: Int32) -> Int32 {
    let signal = status & 0x7F
    return signal == 0 ? status >> 8 & 0xFF : 128 + signal
}

/// Passes on what comes out of the pipe, up to its end.
private func read(_ pipe: Int32, into news: AsyncStream<keeper_news>.Continuation) {
    var item = keeper_news()
    while true {
        switch Foundation.read(pipe, &item, MemoryLayout<keeper_news>.size) {
        case MemoryLayout<keeper_news>.size: news.yield(item)
        case -1 where errno == EINTR: continue
        default: return
        }
    }
}

extension Duration {
    /// Whole nanoseconds; a length beyond what fits is the longest that does.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds.magnitude < 4_000_000_000 else { return seconds < 0 ? -4_000_000_000_000_000_000 : .max / 4 }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
