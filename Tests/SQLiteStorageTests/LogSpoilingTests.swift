import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

/// A spoiled `log.db` opens as what it last held, or as a damaged log that holds a first part of what it once held: never as
/// another one, and never not at all.
@Suite struct LogSpoilingTests {
    private typealias Files = [String: Bytes]

    /// What a log held after each of some writes, and its files then, with the mark at the log's end.
    private static let past: (files: [Files], logs: [RecoveredLog]) = {
        let directory = TemporaryDirectory()
        var files: [Files] = []
        var logs: [RecoveredLog] = []
        do {
            let (store, _) = try openLog(directory)
            var log = RecoveredLog()
            for step in 0..<60 as Range<UInt64> {
                store.checkpointBytes = step % 9 == 8 ? 0 : 1 << 20
                let next = Self.step(step, of: log)
                switch next.change {
                case .truncation(let position): try store.truncate(LogTruncation(base: position))
                case .write(let write): try store.write([write])
                }
                try store.settle()
                log = next.log
                logs.append(log)
                files.append(directory.content().filter { $0.key != "log.lock" })
            }
        } catch {
            preconditionFailure("\(error)")
        }
        return (files, logs)
    }()

    private enum Change {
        case write(LogWrite)
        case truncation(SnapshotPosition)
    }

    /// Appends, now and then with a vote, a new suffix, a cut or a beginning after a snapshot.
    private static func step(_ step: UInt64, of log: RecoveredLog) -> (change: Change, log: RecoveredLog) {
        var log = log
        let last = log.entries.last?.index.rawValue ?? log.base?.index.rawValue ?? 0
        let term = step / 6 + 1
        var added: [Entry]
        switch step % 12 {
        case 4:
            let cut = log.entries[1]
            let base = SnapshotPosition(index: cut.index, term: cut.term, time: cut.time, configuration: members)
            log.base = base
            log.entries.removeFirst(2)
            return (.truncation(base), log)
        case 7:
            added = entries(last - 1...last, term: term, bytes: 50)
            log.entries.removeLast(2)
        case 11:
            log.base = position(last + 5, term: term)
            log.entries = entries(last + 6...last + 8, term: term)
            return (.write(.reset(log.base!, log.entries)), log)
        default: added = entries(last + 1...last + 4, term: term, bytes: Int(step % 5) * 400)
        }
        log.entries += added
        if step % 6 == 0 { log.hardState = HardState(term: Term(term), votedFor: NodeID(term % 3 + 1)) }
        var write = LogWrite.append(added, hardState: step % 6 == 0 ? log.hardState : nil)
        write.settles = step == 0 ? .isFirst : nil
        return (.write(write), log)
    }

    /// How the openings went.
    private struct Outcome {
        var whole = 0
        var damaged = 0
        var lost = 0
    }

    /// Opens the files that `spoil` makes of what was there at some moment, over and over.
    private func outcome(
        rounds: UInt64, _ spoil: (inout Files, Int, inout SeededGenerator) -> Void
    ) throws -> Outcome {
        var outcome = Outcome()
        for seed in 1...rounds {
            var random = SeededGenerator(seed: seed)
            let moment = Int(random.next() % UInt64(Self.past.files.count))
            var files = Self.past.files[moment]
            spoil(&files, moment, &random)
            let directory = TemporaryDirectory()
            directory.put(files)
            let found = try open(directory, &outcome, "seed \(seed)")
            check(found, at: moment, "seed \(seed)")
            #expect(try recover(directory) == found, "seed \(seed): another log a moment later")
            try repair(directory, "seed \(seed)")
        }
        return outcome
    }

    private func open(
        _ directory: TemporaryDirectory, _ outcome: inout Outcome, _ comment: Comment
    ) throws(StorageError) -> RecoveredLog {
        let log: RecoveredLog
        do throws(StorageError) {
            log = try LogStore.open(directory: directory.path, identity: identity).1
        } catch .logLost {
            outcome.lost += 1
            log = try LogStore.startAnew(in: SystemDirectory(preparing: directory.path), identity: identity).1
            #expect(log.isDamaged && log.entries.isEmpty && log.base == nil, comment)
        }
        if !log.isDamaged { outcome.whole += 1 } else { outcome.damaged += 1 }
        return log
    }

    private func check(_ found: RecoveredLog, at moment: Int, _ comment: Comment) {
        let last = Self.past.logs[moment]
        let (vote, given) = (found.hardState, last.hardState)
        #expect(found.blank == nil, comment)
        guard found.isDamaged else {
            // That its beginning was cut off may be forgotten.
            #expect(found.entries.suffix(last.entries.count) == last.entries[...] && vote == given, comment)
            return
        }
        #expect(vote == given || vote.term >= given.term && vote.votedFor == identity.node, comment)
        let isKnown = Self.past.logs[...moment].contains {
            found.base == $0.base && $0.entries.starts(with: found.entries)
        }
        #expect(
            isKnown || found.entries.isEmpty && found.base == nil,
            "\(comment): a log that never was: \(found.brief), not \(last.brief)")
    }

    /// A leader brings the log back, and nothing of the damage is left to be met.
    private func repair(_ directory: TemporaryDirectory, _ comment: Comment) throws {
        let (all, more) = (entries(901...940, term: 90, bytes: 900), entries(941...942, term: 90))
        try withLog(directory) { store in
            try store.write([.reset(position(900, term: 90), all)])
            try store.truncate(LogTruncation(base: position(920, term: 90)))
            store.checkpointBytes = 0
            try store.write([.append(more), .repaired])
        }
        let repaired = try recover(directory)
        #expect(!repaired.isDamaged && repaired.entries == all.dropFirst(20) + more, comment)
    }
}

// MARK: - Ways to spoil it

extension LogSpoilingTests {
    private static let names = ["log.db", "log.db-wal"]

    private func flip(_ files: inout Files, _ name: String, below limit: Int = .max, _ random: inout SeededGenerator) {
        guard let size = files[name]?.count, size > 0 else { return }
        for _ in 0...random.next() % 4 {
            files[name]?[Int(random.next() % UInt64(min(size, limit)))] ^= 1 << UInt8(random.next() % 8)
        }
    }

    @Test func flippedBits() throws {
        let outcome = try outcome(rounds: 600) { files, _, random in
            flip(&files, Self.names[Int(random.next() % 2)], &random)
        }
        #expect(outcome.whole > 60 && outcome.damaged > 60, "\(outcome)")
    }

    @Test func flippedBitsInTheHeaderOfTheDatabase() throws {
        let outcome = try outcome(rounds: 600) { files, _, random in
            // What it holds is read before the file itself.
            if random.next() % 2 == 0 { files["log.db-wal"] = [] }
            flip(&files, "log.db", below: 110, &random)
        }
        #expect(outcome.lost > 60, "\(outcome)")
    }

    @Test func anEndThatIsGone() throws {
        let outcome = try outcome(rounds: 600) { files, _, random in
            let name = Self.names[Int(random.next() % 2)]
            guard let size = files[name]?.count, size > 0 else { return }
            let start = Int(random.next() % UInt64(size))
            let zeroes = Bytes(repeating: 0, count: size - start)
            files[name]?.replaceSubrange(start..., with: random.next() % 2 == 0 ? zeroes : [])
        }
        #expect(outcome.damaged > 60, "\(outcome)")
    }

    @Test func pagesOfAnEarlierDayBesideNewOnes() throws {
        let outcome = try outcome(rounds: 600) { files, moment, random in
            let old = Self.past.files[Int(random.next() % UInt64(moment + 1))]["log.db"] ?? []
            guard let new = files["log.db"] else { return }
            if random.next() % 2 == 0 { files["log.db-wal"] = [] }
            for page in 0..<(min(old.count, new.count) / 2048) where random.next() % 2 == 0 {
                let place = page * 2048..<(page + 1) * 2048
                files["log.db"]?.replaceSubrange(place, with: old[place])
            }
        }
        #expect(outcome.damaged > 60, "\(outcome)")
    }

    @Test func whatIsNotThereAtAll() throws {
        let outcome = try outcome(rounds: 60) { files, _, random in
            let way = random.next() % 3
            if way != 1 { files["log.db"] = nil }
            if way != 2 { files["log.db-wal"] = nil }
        }
        #expect(outcome.damaged > 20, "\(outcome)")
    }
}

extension RecoveredLog {
    fileprivate var brief: String {
        "\(base?.index.rawValue ?? 0) and "
            + entries.map { "\($0.index.rawValue)/\($0.term.rawValue)" }.joined(separator: " ")
    }
}
