internal import Consensus
internal import Primitives

/// What the rows of `log.db` hold, read in order and checked along the chain.
struct LogContents {
    var base: SnapshotPosition?
    /// The entries up to the first damage.
    var entries: [Entry] = []
    var tail: LogTail
    /// Whether everything that is there belongs to the chain.
    var isWhole = true
    /// Whether there is any row, damaged or not.
    var hasRows = false
    /// The chain value at the index of the durable mark, if the entries reach it.
    var chainAtMark: UInt64?
    /// The last run that gave an entry, and how many of its bytes did.
    private var lastRead: (run: LogRun, bytes: Int)?

    init(_ tables: LogTables, mark: DurableMark?) throws(StorageError) {
        switch try tables.readBase() {
        case .none: tail = LogTail(after: nil, chain: chainSeed(nil))
        case .position(let position, let chain):
            base = position
            tail = LogTail(after: position, chain: chain)
        case .damaged:
            // Without its base nothing says what the entries follow.
            tail = LogTail(after: nil, chain: chainSeed(nil))
            isWhole = false
        }
        hasRows = base != nil || !isWhole
        try tables.eachRun { run throws(StorageError) in
            hasRows = true
            isWhole = isWhole && read(run, markIndex: mark?.index)
            return isWhole
        }
    }

    /// Takes the run's entries as long as they follow from those before; whether all of them did.
    private mutating func read(_ run: LogRun, markIndex: LogIndex?) -> Bool {
        guard run.first == tail.last.next else { return false }
        var reader = RunReader(run.body)
        while !reader.isAtEnd {
            guard let item = try? reader.next(), isNext(item.entry), reader.follows(item, after: tail.lastChain)
            else { return false }
            entries.append(item.entry)
            tail.last = item.entry.index
            tail.lastChain = item.chain
            lastRead = (run, reader.offset)
            if tail.last == markIndex { chainAtMark = tail.lastChain }
        }
        return tail.last == run.last
    }

    /// The last run that gave an entry, cut to those it gave.
    var lastRun: LogRun? {
        lastRead.map { LogRun(first: $0.run.first, last: tail.last, body: Bytes($0.run.body[..<$0.bytes])) }
    }

    private func isNext(_ entry: Entry) -> Bool {
        entry.index.rawValue == tail.last.rawValue &+ 1 && entry.term >= entries.last?.term ?? tail.baseTerm
    }
}

/// Tells damage, of which the log's mark knows, from a crash tail.
func isDamaged(hardState: HardState?, contents: LogContents, mark: DurableMark?, isFresh: Bool) -> Bool {
    guard let mark else { return !isFresh }
    // Whatever was promised since it joined stood in a log that is gone.
    if isFresh, mark.blank == nil { return true }
    if mark.isDamaged || !contents.isWhole || mark.index > contents.tail.last { return true }
    let chainDiffers = mark.index > contents.tail.base && contents.chainAtMark != mark.chain
    return chainDiffers || hardState.map { forgot($0, mark) } ?? true
}

/// Whether a vote, or the term it belongs to, was given and is not in the log any more.
private func forgot(_ kept: HardState, _ mark: DurableMark) -> Bool {
    kept.term < mark.term || kept.term == mark.term && kept.votedFor == nil && mark.votedFor != nil
}
