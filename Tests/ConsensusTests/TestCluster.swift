import Exploration
import Primitives

@testable import Consensus

/// A few members on one clock whose messages and writes go where the test says.
struct TestCluster {
    var members: [NodeID: Raft] = [:]
    var logs: [NodeID: RecoveredLog] = [:]
    let ids: [NodeID]
    let configuration: Configuration
    let settings: Settings
    let priorities: [UInt8]
    var now = Instant(nanoseconds: 1_000_000_000)
    /// Messages under way.
    var mail: [(from: NodeID, to: NodeID, message: Message)] = []
    /// Writes issued and not durable, with what waits for them.
    var pendingWrites: [NodeID: [(write: LogWrite, thenSend: [Envelope])]] = [:]
    var notices: [NodeID: [Notice]] = [:]
    var readyReads: [NodeID: [(ReadID, LogIndex)]] = [:]
    var wantedChunks: [NodeID: [(to: NodeID, number: UInt64)]] = [:]
    var receivedSnapshots: [NodeID: SnapshotPosition] = [:]
    /// Members whose writes stay pending until ``sync(_:)``.
    var slowDisks: Set<NodeID> = []
    /// Members that get and send nothing.
    var cutOff: Set<NodeID> = []
    /// Messages that do not arrive.
    var isLost: (Message) -> Bool = { _ in false }
    private var seed: UInt64 = 0

    init(_ count: Int, election: ElectionStrategy = .randomized, priorities: [UInt8] = []) {
        settings = Settings(heartbeat: .milliseconds(50), electionTimeout: .milliseconds(400), election: election)
        self.priorities = priorities
        let names = (1...count).map { "n\($0)" }
        configuration = Configuration(members: names.map { Configuration.Member(name: $0, peerAddress: "\($0):1") })
        ids = names.map { NodeID(name: $0) }
        for id in ids { start(id, from: RecoveredLog()) }
    }

    /// Begins a member's life with what its disk holds.
    mutating func start(
        _ id: NodeID, from recovered: RecoveredLog, state: SnapshotPosition? = nil, bounds: LogBounds = LogBounds()
    ) {
        seed += 1
        logs[id] = recovered
        pendingWrites[id] = []
        mail.removeAll { $0.to == id || $0.from == id }
        var settings = settings
        if let place = ids.firstIndex(of: id), place < priorities.count { settings.priority = priorities[place] }
        members[id] = Raft(
            id: id, settings: settings, recovered: recovered, bootstrap: configuration, state: state, bounds: bounds,
            seed: seed, now: now)
        flush(id)
    }

    /// Ends a member's life; what was not durable is gone.
    mutating func restart(_ id: NodeID, isDamaged: Bool = false, losing lost: Int = 0) {
        var log = logs[id]!
        log.entries.removeLast(lost)
        log.isDamaged = isDamaged
        start(id, from: log)
    }

    // MARK: Steps

    mutating func with(_ id: NodeID, _ body: (inout Raft, Instant, inout RaftOutbox) -> Void) {
        var out = RaftOutbox()
        body(&members[id]!, now, &out)
        members[id]!.flush(now: now, into: &out)
        take(out, from: id)
    }

    mutating func flush(_ id: NodeID) { with(id) { _, _, _ in } }
    mutating func tick(_ id: NodeID) { with(id) { $0.tick(now: $1, into: &$2) } }

    mutating func receive(_ id: NodeID, _ message: Message, from sender: NodeID) {
        with(id) { $0.receive(message, from: sender, now: $1, into: &$2) }
    }

    private mutating func take(_ out: RaftOutbox, from id: NodeID) {
        notices[id, default: []] += out.notices
        readyReads[id, default: []] += out.readyReads
        wantedChunks[id, default: []] += out.wantedChunks
        if let snapshot = out.receivedSnapshot { receivedSnapshots[id] = snapshot.position }
        for envelope in out.sends { mail.append((id, envelope.to, envelope.message)) }
        guard let write = out.write else { return }
        pendingWrites[id, default: []].append((write, out.thenSend))
        if !slowDisks.contains(id) { sync(id) }
    }

    /// Makes a member's writes durable.
    mutating func sync(_ id: NodeID) {
        while let (write, thenSend) = pendingWrites[id]?.first {
            pendingWrites[id]?.removeFirst()
            logs[id]!.carryOut(write)
            for envelope in thenSend { mail.append((id, envelope.to, envelope.message)) }
            with(id) { $0.persisted(write.id, now: $1, into: &$2) }
        }
    }

    /// Delivers messages until there are none.
    mutating func settle() {
        var steps = 0
        while let next = mail.first {
            mail.removeFirst()
            steps += 1
            precondition(steps < 100_000, "the members never stop talking")
            guard !cutOff.contains(next.from), !cutOff.contains(next.to), !isLost(next.message) else { continue }
            receive(next.to, next.message, from: next.from)
        }
    }

    mutating func pass(_ span: TimeSpan) { now = now + span }

    /// Lets time pass, with everyone ticking and talking.
    mutating func run(for span: TimeSpan) {
        let end = now + span
        while now < end {
            pass(.milliseconds(10))
            for id in ids where members[id]!.nextDeadline <= now { tick(id) }
            settle()
        }
    }

    /// Makes a member the leader: its time-out comes first.
    mutating func elect(_ id: NodeID) {
        pass(settings.electionTimeout * 3)
        for other in ids where other != id && members[other]!.leader == id { return }
        with(id) { raft, now, out in
            raft.becomeLooking(.newerTerm, term: raft.term, now: now, into: &out)
            raft.startPreVote(now: now, into: &out)
        }
        settle()
    }

    /// Raft figure 8: `leader` leads term 3 and brings an entry of term 2 to the others, and none of its own.
    mutating func bringOlderEntryWithoutOwn(_ leader: NodeID) {
        start(leader, from: log(ofTerms: [1, 2], configuration: configuration), bounds: LogBounds(appendBytes: 1))
        isLost = { message in
            if case .append(let append) = message { append.entries.contains { $0.term == Term(3) } } else { false }
        }
        elect(leader)
        run(for: .milliseconds(100))
    }

    @discardableResult
    mutating func propose(_ text: String, at id: NodeID) -> LogIndex? {
        var index: LogIndex?
        with(id) { raft, now, _ in index = raft.propose(.command(Bytes(text.utf8)), now: now)?.index }
        return index
    }

    func raft(_ id: NodeID) -> Raft { members[id]! }
    var leaders: [NodeID] { ids.filter { members[$0]!.isLeader } }

    /// The commands of a member's log.
    func commands(_ id: NodeID) -> [String] {
        let log = members[id]!.log
        return log.suffix(from: log.firstIndex).compactMap { entry in
            if case .command(let bytes) = entry.payload { String(decoding: bytes, as: UTF8.self) } else { nil }
        }
    }
}

/// A log whose entries have these terms, from index 1 on; the first is the configuration every cluster begins with.
func log(ofTerms terms: [UInt64], configuration: Configuration, vote: HardState? = nil) -> RecoveredLog {
    let entries = terms.enumerated().map { place, term in
        Entry(
            index: LogIndex(UInt64(place) + 1), term: Term(term), time: ClusterTime(nanoseconds: Int64(place)),
            payload: place == 0 ? .configuration(configuration) : .command(Bytes("\(place + 1)/\(term)".utf8)))
    }
    return RecoveredLog(hardState: vote ?? HardState(term: Term(terms.last ?? 1)), entries: entries)
}

/// Counts inside an escaping closure of one thread.
final class Counter {
    var value = 0
}
