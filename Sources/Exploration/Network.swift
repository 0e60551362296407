internal import Consensus
internal import Primitives

/// Members on one clock, whose messages take one to three milliseconds where there is a link.
struct Network {
    private(set) var members: [Member]
    var graph: Graph
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    /// When the set of leaders last changed.
    private(set) var lastChange = Instant.zero
    private(set) var leaders: [Int] = []
    /// How often a member asked the others whether it could win.
    private(set) var tries = 0
    /// The first broken rule.
    private(set) var problem: String?
    private let ids: [NodeID]
    /// Messages under way, the next one last.
    private var mail: [(due: Instant, from: Int, to: Int, message: Message)] = []
    private var random: SeededGenerator
    private var past = DecidedPast()

    init(
        size: Int, lagging: Set<Int>, electorate: Electorate, settings: Settings = ConnectivityTrial.settings,
        seed: UInt64
    ) {
        let names = (1...size).map { "n\($0)" }
        let configuration = Configuration(
            members: names.map { Configuration.Member(name: $0, peerAddress: "\($0):1") })
        let first = Entry(index: LogIndex(1), term: Term(1), time: .zero, payload: .configuration(configuration))
        let entries = [first] + (2...3).map { Entry(index: LogIndex($0), term: Term(2), time: .zero, payload: .noop) }
        random = SeededGenerator(seed: seed)
        ids = names.map { NodeID(name: $0) }
        graph = Graph(complete: size)
        members = []
        for (place, id) in ids.enumerated() {
            let disk = RecoveredLog(
                hardState: HardState(term: Term(2)), entries: lagging.contains(place) ? entries.dropLast() : entries)
            members.append(
                Member(
                    id: id, settings: electorate.settings(settings, of: place),
                    bootstrap: configuration, disk: disk,
                    seed: random.next()))
        }
    }

    var highestTerm: Term { members.map(\.raft.term).max() ?? .zero }

    /// Lets time pass, from one event to the next.
    mutating func run(for span: TimeSpan) {
        let end = now + span
        while problem == nil {
            let tick = members.map(\.raft.nextDeadline).min() ?? end
            let next = max(now, min(tick, mail.last?.due ?? end))
            guard next < end else { break }
            now = next
            while let letter = mail.last, letter.due <= now {
                mail.removeLast()
                step(letter.to) { [from = ids[letter.from]] in
                    $0.receive(letter.message, from: from, now: $1, into: &$2)
                }
            }
            for place in members.indices where members[place].raft.nextDeadline <= now {
                step(place) { $0.tick(now: $1, into: &$2) }
            }
        }
        now = end
    }

    /// Lets time pass until a leader has committed in its term that is not `other`.
    ///
    /// - Returns: whether there was one in time.
    mutating func waitForLeader(other: Int?, atMost span: TimeSpan) -> Bool {
        let end = now + span
        while now < end, problem == nil {
            run(for: .milliseconds(1))
            if leaders.contains(where: { $0 != other && members[$0].raft.hasCommittedInTerm }) { return true }
        }
        return false
    }

    private mutating func step(_ place: Int, _ input: (inout Raft, Instant, inout RaftOutbox) -> Void) {
        members[place].pass(until: now)
        var sends = members[place].step(input).sends
        while !members[place].writes.isEmpty { sends += members[place].sync().sends }
        if sends.contains(where: { if case .preVote = $0.message { true } else { false } }) { tries += 1 }
        for envelope in sends { post(envelope, from: place) }
        lookAround(place)
    }

    private mutating func post(_ envelope: Envelope, from sender: Int) {
        guard let receiver = ids.firstIndex(of: envelope.to), graph.hears(receiver, from: sender) else { return }
        let due = now + random.span(from: .milliseconds(1), below: .milliseconds(3))
        let place = mail.firstIndex { $0.due <= due } ?? mail.endIndex
        mail.insert((due, sender, receiver, envelope.message), at: place)
    }

    private mutating func lookAround(_ place: Int) {
        let isLeader = members[place].raft.isLeader
        if isLeader != leaders.contains(place) {
            lastChange = now
            if isLeader { leaders.append(place) } else { leaders.removeAll { $0 == place } }
        }
        problem = problem ?? past.note(members[place].raft, at: place)
    }
}
