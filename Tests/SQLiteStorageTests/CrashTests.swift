import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

/// The log as plain arrays, and nothing clever.
struct LogModel: Equatable {
    var hardState = HardState()
    var base: SnapshotPosition?
    var entries: [Entry] = []

    var baseIndex: UInt64 { base?.index.rawValue ?? 0 }
    var lastIndex: UInt64 { baseIndex + UInt64(entries.count) }
    var lastTerm: UInt64 { entries.last?.term.rawValue ?? base?.term.rawValue ?? 0 }

    func term(at index: UInt64) -> UInt64 {
        index == baseIndex ? base?.term.rawValue ?? 0 : entries[Int(index - baseIndex - 1)].term.rawValue
    }

    mutating func apply(_ write: LogWrite) {
        if let state = write.hardState { hardState = state }
        switch write.change {
        case nil: break
        case .replaceSuffix(let new): replace(new)
        case .reset(let to): (base, entries) = (to, [])
        case .resetAndAppend(let to, let new):
            (base, entries) = (to, [])
            replace(new)
        }
    }

    mutating func apply(_ truncation: LogTruncation) {
        entries.removeFirst(Int(truncation.base.index.rawValue - baseIndex))
        base = truncation.base
    }

    private mutating func replace(_ new: [Entry]) {
        entries.removeLast(Int(lastIndex + 1 - new[0].index.rawValue))
        entries += new
    }

    func matches(_ recovered: RecoveredLog) -> Bool {
        hardState == recovered.hardState && base == recovered.base && entries == recovered.entries
    }
}

/// Draws operations that a consensus module could order.
struct RandomLog {
    enum Step { case write([LogWrite]), truncate(LogTruncation), settle }

    var model = LogModel()
    var random: SeededGenerator
    var term: UInt64 = 1
    var largeEntryBytes = 5_000

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func step() -> Step {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: return .settle
        case 1...2 where model.lastIndex > model.baseIndex:
            let index = UInt64.random(in: model.baseIndex + 1...model.lastIndex, using: &random)
            let truncation = LogTruncation(base: position(index, term: model.term(at: index)))
            model.apply(truncation)
            return .truncate(truncation)
        default:
            return .write((1...Int.random(in: 1...3, using: &random)).map { _ in write() })
        }
    }

    private mutating func write() -> LogWrite {
        var write = LogWrite(id: WriteID(1), hardState: nil, change: nil)
        if Int.random(in: 0..<4, using: &random) == 0 {
            term += 1
            write.hardState = HardState(term: Term(term), votedFor: Bool.random(using: &random) ? NodeID(7) : nil)
        }
        switch Int.random(in: 0..<30, using: &random) {
        case 0: write.change = .reset(to: position(jump(), term: term))
        case 1:
            let base = jump()
            write.change = .resetAndAppend(to: position(base, term: term), run(from: base + 1))
        case 2, 3, 4:
            write.change = .replaceSuffix(
                run(from: .random(in: model.baseIndex + 1...model.lastIndex + 1, using: &random)))
        case 5: break
        default: write.change = .replaceSuffix(run(from: model.lastIndex + 1))
        }
        model.apply(write)
        return write
    }

    private mutating func jump() -> UInt64 { model.baseIndex + .random(in: 1...30, using: &random) }

    private mutating func run(from first: UInt64) -> [Entry] {
        let size = Int.random(in: 0..<10, using: &random) == 0 ? largeEntryBytes : 20
        return entries(first...first + .random(in: 0...6, using: &random), term: term, bytes: size)
    }
}

extension LogStore {
    func carryOut(_ step: RandomLog.Step) throws {
        switch step {
        case .write(let writes): try write(writes)
        case .truncate(let truncation): try truncate(truncation)
        case .settle: try settle()
        }
    }
}

@Suite struct CrashTests {
    @Test(arguments: [1, 2, 3, 4, UInt64.random(in: 5 ... .max)])
    func theLogIsWhatAPlainModelSaysAcrossReopenings(seed: UInt64) throws {
        let directory = TemporaryDirectory()
        var random = RandomLog(seed: seed)
        for _ in 0..<25 {
            let (store, recovered) = try openLog(directory)
            #expect(random.model.matches(recovered), "seed \(seed)")
            #expect(!recovered.isDamaged, "seed \(seed)")
            store.checkpointBytes = 32 * 1024
            for _ in 0..<20 { try store.carryOut(random.step()) }
        }
    }

    @Test(arguments: [11, 12, UInt64.random(in: 13 ... .max)])
    func everyCrashPointKeepsWhatWasAcknowledged(seed: UInt64) throws {
        let directory = TemporaryDirectory()
        var random = RandomLog(seed: seed)
        let (store, _) = try openLog(directory)
        store.checkpointBytes = 64 * 1024
        var (model, files) = (random.model, directory.content())
        for step in 0..<120 {
            try store.carryOut(random.step())
            let (modelNow, filesNow) = (random.model, directory.content())
            expectRecovery(of: filesNow, as: [modelNow], "seed \(seed), step \(step)")
            if files["log.db"] == filesNow["log.db"] {
                tear(from: (model, files), to: (modelNow, filesNow), &random.random, "seed \(seed), step \(step)")
            }
            (model, files) = (modelNow, filesNow)
        }
    }

    /// Between two transactions: the write of the second reached the disk in part.
    private func tear(
        from old: (model: LogModel, files: [String: Bytes]), to new: (model: LogModel, files: [String: Bytes]),
        _ random: inout SeededGenerator, _ comment: String
    ) {
        let before = old.files["log.db-wal"]!
        let after = new.files["log.db-wal"]!
        guard
            let first = zip(before, after).enumerated().first(where: { $1.0 != $1.1 })?.offset
                ?? (before.count < after.count ? before.count : nil)
        else { return }
        let last = after.count
        for _ in 0..<3 {
            let cut = Int.random(in: first...last, using: &random)
            var files = new.files
            files["log.db-wal"] = Bytes(after[..<cut]) + (cut < before.count ? before[cut...] : [])
            if cut < last { files["log.mark"] = markDuringCommit(old.files["log.mark"]!, new.files["log.mark"]!) }
            expectRecovery(of: files, as: [old.model, new.model], "\(comment), cut \(cut) of \(first)...\(last)")
        }
    }

    /// A mark is lowered before the transaction and raised after it; which of both happened shows in the slots.
    private func markDuringCommit(_ old: Bytes, _ new: Bytes) -> Bytes {
        let before = Self.slots(old).max { $0.sequence < $1.sequence }!
        let written = Self.slots(new).filter { $0.sequence > before.sequence }.sorted { $0.sequence < $1.sequence }
        guard let first = written.first, first.mark.index < before.mark.index else { return old }
        var during = new
        if written.count > 1 {
            let raised = written[1].slot * MarkFile.slotBytes
            during.replaceSubrange(
                raised..<raised + DurableMark.encodedBytes, with: Bytes(repeating: 0, count: DurableMark.encodedBytes))
        }
        return during
    }

    private static func slots(_ file: Bytes) -> [(slot: Int, mark: DurableMark, sequence: UInt64)] {
        (0...1).compactMap { slot in
            let start = slot * MarkFile.slotBytes
            return DurableMark.decode(Bytes(file[start..<start + DurableMark.encodedBytes]))
                .map { (slot, $0.mark, $0.sequence) }
        }
    }

    private func expectRecovery(of files: [String: Bytes], as models: [LogModel], _ comment: String) {
        let copy = TemporaryDirectory()
        copy.put(files)
        do {
            let recovered = try recover(copy)
            #expect(models.contains { $0.matches(recovered) }, "\(comment)")
            #expect(!recovered.isDamaged, "\(comment)")
        } catch {
            Issue.record("\(comment): \(error)")
        }
    }

    @Test func aWALCutAnywhereNeverYieldsHalfATransaction() throws {
        let directory = TemporaryDirectory()
        var random = RandomLog(seed: 21)
        var models: [LogModel] = [LogModel()]
        try withLog(directory) { store in
            for _ in 0..<60 {
                try store.carryOut(random.step())
                models.append(random.model)
            }
        }
        let files = directory.content()
        let wal = files["log.db-wal"]!
        for _ in 0..<150 {
            let copy = TemporaryDirectory()
            copy.put(files)
            copy.write(Bytes(wal[..<Int.random(in: 0...wal.count, using: &random.random)]), to: "log.db-wal")
            guard let recovered = try? recover(copy) else { continue }
            var found = recovered
            if recovered.isDamaged, recovered.hardState.votedFor == identity.node {
                found.hardState = .init()
            }
            let isKnown = models.contains { model in
                model.entries == found.entries && model.base == found.base
                    && (model.hardState == recovered.hardState || recovered.isDamaged)
            }
            #expect(isKnown)
        }
    }
}
