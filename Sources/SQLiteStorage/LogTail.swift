internal import Consensus
internal import Primitives

/// Where the log on the disk begins and ends; follows the transactions, and is put back when one fails.
struct LogTail {
    /// The index before the first entry.
    var base: LogIndex
    var baseTerm: Term
    var baseChain: UInt64
    /// The last entry's index; `base` when there is none.
    var last: LogIndex
    var lastChain: UInt64

    /// A log without entries.
    init(after base: SnapshotPosition?, chain: UInt64) {
        self.base = base?.index ?? .zero
        baseTerm = base?.term ?? .zero
        baseChain = chain
        last = self.base
        lastChain = chain
    }
}

/// Changes the runs of `log.db` inside a transaction, and the tail with them.
struct LogEditor {
    let tables: LogTables
    let path: String
    var tail: LogTail
    /// Entries that were appended in this transaction and are not in a row yet.
    private var builder: RunBuilder?

    init(_ tables: LogTables, path: String, tail: LogTail) {
        self.tables = tables
        self.path = path
        self.tail = tail
    }

    mutating func carryOut(_ change: LogWrite.Change) throws(StorageError) {
        switch change {
        case .replaceSuffix(let entries): try replaceSuffix(entries)
        case .reset(let base): try reset(to: base)
        case .resetAndAppend(let base, let entries):
            try reset(to: base)
            try replaceSuffix(entries)
        }
    }

    /// Puts what was appended into its row.
    mutating func finish() throws(StorageError) {
        if let builder { try tables.insert(builder.run) }
        builder = nil
    }

    mutating func reset(to base: SnapshotPosition?) throws(StorageError) {
        precondition(base.map { $0.index >= tail.base } ?? true, "a log's base never moves backwards")
        builder = nil
        try tables.deleteRuns(from: .zero)
        tail = LogTail(after: base, chain: chainSeed(base))
        try tables.write(base: base, chain: tail.baseChain)
    }

    private mutating func replaceSuffix(_ entries: [Entry]) throws(StorageError) {
        guard let first = entries.first else { preconditionFailure("a suffix is never empty") }
        precondition(
            first.index > tail.base && first.index <= tail.last.next, "a suffix begins inside the log or at its end")
        if first.index <= tail.last { try dropSuffix(from: first.index) }
        for entry in entries { try append(entry) }
    }

    private mutating func append(_ entry: Entry) throws(StorageError) {
        precondition(entry.index == tail.last.next, "entries follow each other")
        if builder?.isFull == true { try finish() }
        if builder == nil {
            builder = RunBuilder(entry, chain: &tail.lastChain)
        } else {
            builder!.append(entry, chain: &tail.lastChain)
        }
        tail.last = entry.index
    }

    /// Removes the entries from `index` on; the run that straddles it keeps its head.
    private mutating func dropSuffix(from index: LogIndex) throws(StorageError) {
        try finish()
        let straddling = index > tail.base.next ? try existingRun(holding: index.previous) : nil
        try tables.deleteRuns(from: straddling?.first ?? index)
        tail.last = index.previous
        tail.lastChain = tail.baseChain
        guard let straddling else { return }
        if straddling.last < index {
            tail.lastChain = lastChain(of: straddling)
            try tables.insert(straddling)
        } else {
            let (head, _, chain) = try split(straddling, at: index)
            tail.lastChain = chain
            try tables.insert(head)
        }
    }

    /// Removes every row behind those that were read, of which `last` is the last, and cuts that one to what was read.
    /// Damaged rows may claim any bounds, so none of them is asked.
    mutating func dropDamage(behind last: LogRun?) throws(StorageError) {
        try tables.deleteRuns(from: last?.first ?? .zero)
        if let last { try tables.insert(last) }
    }

    /// Removes the entries up to and including `base.index`, which becomes the log's base.
    mutating func dropPrefix(through base: SnapshotPosition) throws(StorageError) {
        try finish()
        precondition(base.index <= tail.last, "a truncation ends inside the log")
        let straddling = try existingRun(holding: base.index)
        try tables.deleteRuns(through: straddling.last)
        if straddling.last > base.index {
            let (_, rest, chain) = try split(straddling, at: base.index.next)
            tail.baseChain = chain
            try tables.insert(rest)
        } else {
            tail.baseChain = lastChain(of: straddling)
        }
        tail.base = base.index
        tail.baseTerm = base.term
        try tables.write(base: base, chain: tail.baseChain)
    }

    private func existingRun(holding index: LogIndex) throws(StorageError) -> LogRun {
        guard let run = try tables.run(holding: index) else {
            throw .corrupt(path: path, detail: "the row of log index \(index.rawValue) is gone")
        }
        return run
    }

    private func split(_ run: LogRun, at index: LogIndex) throws(StorageError) -> (LogRun, LogRun, UInt64) {
        do {
            return try run.split(at: index)
        } catch {
            throw .corrupt(path: path, detail: "the row from log index \(run.first.rawValue) on: \(error)")
        }
    }

    /// A body ends with its last entry's chain value.
    private func lastChain(of run: LogRun) -> UInt64 {
        var reader = ByteReader(run.body.suffix(8))
        return (try? reader.readUInt64()) ?? 0
    }
}
