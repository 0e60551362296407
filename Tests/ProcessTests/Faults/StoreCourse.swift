import ConclaveClient

/// All changes that the store ever made, in order: what one fresh watch from the beginning tells.
struct StoreCourse: Sendable {
    /// One change of one key.
    struct Change: Hashable, Sendable {
        var revision: UInt64
        var key: ByteString
        /// `nil` when the key went.
        var value: ByteString?
        var reason: WatchEvent.Reason?
        /// Of a written key: how often it had been written since it was created, this time included.
        var version: UInt64 = 0
    }

    let changes: [Change]
    private let byKey: [ByteString: [Change]]

    init(_ changes: [Change]) {
        self.changes = changes
        byKey = Dictionary(grouping: changes, by: \.key)
    }

    /// What `key` held at `revision`.
    func value(of key: ByteString, at revision: UInt64) -> ByteString? {
        change(of: key, at: revision)?.value
    }

    private func change(of key: ByteString, at revision: UInt64) -> Change? {
        let changes = byKey[key] ?? []
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : changes[low - 1]
    }

    /// All keys with their values in the end.
    var outcome: [ByteString: ByteString] { byKey.compactMapValues { $0.last?.value } }

    // MARK: - Verdicts, each a list of sentences about what is wrong

    func disorder() -> [String] {
        zip(changes, changes.dropFirst()).filter { $0.revision > $1.revision }
            .map { "the history goes from revision \($0.revision) back to \($1.revision)" }
    }

    /// Every acknowledged write is there, at its revision, after all that had been acknowledged before it was sent; none
    /// is there twice; nothing is there that nobody wrote or that was refused.
    func contradictions(of writes: [Ledger.Write]) -> [String] {
        var problems: [String] = []
        var placed: [ByteString: [Change]] = [:]
        for change in changes { if let value = change.value { placed[value, default: []].append(change) } }
        for write in writes {
            let found = placed.removeValue(forKey: write.value) ?? []
            if found.count > 1 {
                problems.append("\(write.value) was written \(found.count) times, at \(found.map(\.revision))")
            }
            problems += contradictions(of: write, found.first)
        }
        problems += placed.keys.map { "\($0) is in the history, but nobody wrote it" }
        return problems
    }

    private func contradictions(of write: Ledger.Write, _ change: Change?) -> [String] {
        switch write.outcome {
        case .acknowledged(let revision):
            guard let change else { return ["lost: \(write.value), acknowledged at revision \(revision)"] }
            guard change.revision == revision, change.key == write.key else {
                return ["\(write.value) was acknowledged at \(revision) and is in the history at \(change.revision)"]
            }
        case .refused:
            return change.map { ["refused, but carried out at \($0.revision): \(write.value)"] } ?? []
        case .unknown: break
        }
        guard let change else { return [] }
        let before = self.change(of: write.key, at: change.revision - 1)
        var problems: [String] = []
        if change.revision <= write.floor {
            problems.append(
                "\(write.value) went to \(change.revision), but \(write.floor) was known before it was sent")
        }
        switch write.condition {
        case .absent where before?.value != nil:
            problems.append("\(write.value) was to be created, but the key was there")
        case .unchanged(let since) where before?.revision != since:
            problems.append("\(write.value) required revision \(since), but replaced \(before?.revision ?? 0)")
        default: break
        }
        return problems
    }

    /// Every answer is what the key held at the revision the answer names, and that is none from before what was known.
    func contradictions(of reads: [Ledger.Read]) -> [String] {
        reads.compactMap { read in
            if read.revision < read.floor {
                return "a read on \(read.node) answered as of \(read.revision), but \(read.floor) was known before"
            }
            let held = value(of: read.key, at: read.revision)
            guard held != read.value else { return nil }
            return "a read on \(read.node) of \(read.key) at \(read.revision) said \(read.value.shown), "
                + "but that was \(held.shown)"
        }
    }

    /// What a watch told must be this history from its start, each change once.
    func contradictions(of account: WatchAccount) -> [String] {
        guard let start = account.start else { return ["\(account.name) was never opened"] }
        let expected = changes.filter { $0.revision > start }
        if expected == account.changes { return [] }
        let place = zip(expected, account.changes).prefix { $0 == $1 }.count
        return [
            "\(account.name), begun after \(start), differs at its event \(place + 1) of \(expected.count): "
                + "told \(account.changes.dropFirst(place).prefix(2)), expected \(expected.dropFirst(place).prefix(2))"
        ]
    }
}

extension ByteString? {
    fileprivate var shown: String { map { "\"\($0)\"" } ?? "nothing" }
}
