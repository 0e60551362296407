internal import Primitives

/// One who leads or wants to.
struct Candidate: Hashable, Sendable {
    var value: Bytes
    var priority: Int32
    var lease: LeaseID
    /// Whether the client named its lease, so that nobody else may speak for it.
    var hasNamedLease: Bool
    /// Whether the candidacy made the lease, which then ends with it.
    var madeLease: Bool
    /// Grows with every candidacy that began: who came first has the smallest.
    var order: UInt64

    /// Its place in the line.
    var turn: Turn { Turn(priority: priority, order: order) }

    /// What a candidacy counts towards the store's bytes.
    static func bytes(_ id: Bytes, value: Bytes) -> Int { id.count + value.count + Limits.versionBytes }
}

/// A place in a line: the highest priority first, then who came first.
struct Turn: OrderedKey {
    var priority: Int32
    var order: UInt64
    static func < (a: Turn, b: Turn) -> Bool {
        a.priority == b.priority ? a.order < b.order : a.priority > b.priority
    }
}

struct Election: Sendable {
    /// All who lead or wait, by id.
    fileprivate(set) var candidates = OrderedMap<ByteKey, Candidate>()
    /// Those who wait, in the order in which they lead.
    fileprivate(set) var line = OrderedMap<Turn, Bytes>()
    fileprivate(set) var record: ElectionRecord

    fileprivate init(_ record: ElectionRecord) { self.record = record }

    func candidate(_ id: Bytes) -> Candidate? { candidates.value(for: ByteKey(id)) }

    func summary(_ election: ElectionID) -> ElectionSummary {
        ElectionSummary(election: election, fence: record.fence, leader: record.leader, waiting: line.count)
    }

    /// 1 for who leads next; the candidate waits.
    func position(of candidate: Candidate) -> Int {
        line.distance(from: line.startPosition, to: line.search(candidate.turn).position) + 1
    }
}

/// The elections and locks by name, with their candidates.
struct ElectionTable: Sendable {
    private(set) var elections = OrderedMap<ElectionID, Election>()
    /// Elections without a candidate, the longest vacant first: these are forgotten when there are too many.
    private var idle = OrderedMap<Idle, Void>()
    private(set) var census = ElectionCensus()
    /// Of candidacies and remembered leaderships.
    private(set) var bytes = 0
    /// Elections that may need a leader: ``takeVacancies()``.
    private var vacancies: [ElectionID] = []
    /// Of the entry that is being applied, in order.
    private var events: [ElectionEvent] = []
    /// What `state.db` has not heard the latest of.
    private var changedElections: Set<ElectionID> = []
    private var changedCandidacies: Set<CandidacyID> = []

    private struct Idle: OrderedKey {
        var since: Fence
        var election: ElectionID
        static func < (a: Idle, b: Idle) -> Bool { (a.since, a.election) < (b.since, b.election) }
    }

    var count: Int { elections.count }

    func election(_ id: ElectionID) -> Election? { elections.value(for: id) }
    func candidate(_ id: CandidacyID) -> Candidate? { election(id.election)?.candidate(id.candidate) }

    func summary(_ id: ElectionID) -> ElectionSummary {
        election(id)?.summary(id) ?? ElectionSummary(election: id)
    }

    /// Whether the leadership with this fence stands.
    func stands(_ condition: FenceCondition) -> Bool {
        election(condition.election)?.record.leader?.fence == condition.fence
    }

    // MARK: - Candidacies

    /// Takes a new candidacy into the line of its election.
    mutating func add(_ id: CandidacyID, _ candidate: Candidate, at index: Fence) {
        let place = elections.search(id.election)
        if !place.found {
            elections.insert(id.election, Election(ElectionRecord(created: index)), at: place.position)
            census[id.election.kind].remembered += 1
        }
        census[id.election.kind].candidates += 1
        let wasIdle = change(id.election) { election in
            election.candidates.set(ByteKey(id.candidate), candidate)
            election.line.set(candidate.turn, id.candidate)
            return election.candidates.count == 1 && place.found
        }
        if wasIdle { setIdle(id.election, false) }
        bytes += Candidate.bytes(id.candidate, value: candidate.value)
        changedCandidacies.insert(id)
        vacancies.append(id.election)
    }

    /// Gives a candidacy another value and priority; who leads publishes them.
    mutating func update(_ id: CandidacyID, value: Bytes, priority: Int32) {
        let growth = change(id.election) { election in
            guard var candidate = election.candidate(id.candidate) else { return 0 }
            let before = election.record.bytes + candidate.value.count
            let waits = election.record.leader?.candidate != id.candidate
            if waits { election.line.remove(candidate.turn) }
            candidate.value = value
            candidate.priority = priority
            election.candidates.set(ByteKey(id.candidate), candidate)
            if waits {
                election.line.set(candidate.turn, id.candidate)
            } else {
                election.record.publish(value, priority: priority)
            }
            return election.record.bytes + value.count - before
        }
        bytes += growth
        changedCandidacies.insert(id)
        changedElections.insert(id.election)
    }

    /// Ends a candidacy, and its leadership if it leads; hands back what it was.
    mutating func remove(_ id: CandidacyID, reason: EndReason, at index: Fence, time: ClusterTime) -> Candidate? {
        guard let candidate = candidate(id) else { return nil }
        let (led, isEmpty) = change(id.election) { election in
            election.candidates.remove(ByteKey(id.candidate))
            let leads = election.record.leader?.candidate == id.candidate
            if leads {
                election.record.endLeadership(Leadership.End(fence: index, time: time, reason: reason))
            } else {
                election.line.remove(candidate.turn)
            }
            return (leads, election.candidates.isEmpty)
        }
        bytes -= Candidate.bytes(id.candidate, value: candidate.value)
        census[id.election.kind].candidates -= 1
        changedCandidacies.insert(id)
        if led {
            census[id.election.kind].led -= 1
            changedElections.insert(id.election)
            vacancies.append(id.election)
        }
        if isEmpty { setIdle(id.election, true) }
        return candidate
    }

    /// The candidacy is alive for longer: if nobody leads, it can.
    mutating func renewed(_ id: CandidacyID) {
        if election(id.election)?.record.leader == nil { vacancies.append(id.election) }
    }

    private mutating func change<Result>(_ id: ElectionID, _ body: (inout Election) -> Result) -> Result {
        let place = elections.search(id)
        precondition(place.found, "an election is there while it has candidates")
        return elections.update(at: place.position, body)
    }

    // MARK: - Succession

    /// The elections whose leadership ended, or that have a new candidate and no leader, each once and in order.
    mutating func takeVacancies() -> [ElectionID] {
        guard !vacancies.isEmpty else { return [] }
        let taken = vacancies.count == 1 ? vacancies : Set(vacancies).sorted()
        vacancies = []
        return taken
    }

    /// Seats the first one in line whose lease is alive, if nobody leads; returns what changed with this entry.
    mutating func settle(
        _ id: ElectionID, at index: Fence, time: ClusterTime, isAlive: (LeaseID) -> Bool
    ) -> ElectionEvent? {
        guard let before = election(id)?.record else { return nil }
        if before.leader == nil { seatNext(in: id, at: index, time: time, isAlive: isAlive) }
        guard let event = election(id)?.record.newest(in: id), event.fence == index else { return nil }
        events.append(event)
        return event
    }

    private mutating func seatNext(
        in id: ElectionID, at index: Fence, time: ClusterTime, isAlive: (LeaseID) -> Bool
    ) {
        let growth: Int? = change(id) { election in
            let before = election.record.bytes
            var position = election.line.startPosition
            while position < election.line.endPosition {
                let next = election.line[position]
                if let candidate = election.candidate(next), isAlive(candidate.lease) {
                    election.line.remove(at: position)
                    election.record.begin(
                        Leadership(
                            fence: index, candidate: next, value: candidate.value, priority: candidate.priority,
                            lease: candidate.lease, began: time))
                    return election.record.bytes - before
                }
                position = election.line.position(after: position)
            }
            return nil
        }
        guard let growth else { return }
        bytes += growth
        census[id.kind].led += 1
        changedElections.insert(id)
    }

    /// The changes of the entry that was applied.
    mutating func takeEvents() -> [ElectionEvent] {
        if events.isEmpty { return [] }
        defer { events = [] }
        return events
    }

    // MARK: - Forgetting

    private mutating func setIdle(_ id: ElectionID, _ isIdle: Bool) {
        guard let fence = election(id)?.record.fence else { return }
        let key = Idle(since: fence, election: id)
        if isIdle { idle.set(key, ()) } else { idle.remove(key) }
    }

    /// Makes room for one more election; `false` when all have candidates.
    mutating func makeRoom(limit: Int) -> Bool {
        while elections.count >= limit {
            guard !idle.isEmpty else { return false }
            let oldest = idle.key(at: idle.startPosition).election
            idle.remove(at: idle.startPosition)
            bytes -= election(oldest)?.record.bytes ?? 0
            elections.remove(oldest)
            census[oldest.kind].remembered -= 1
            changedElections.insert(oldest)
        }
        return true
    }

    // MARK: - Keeping

    /// What changed since the last call, in order.
    mutating func takeChanges() -> (
        elections: [StoredElection], candidacies: [StoredCandidacy], removedElections: [ElectionID],
        removedCandidacies: [CandidacyID]
    ) {
        guard !changedElections.isEmpty || !changedCandidacies.isEmpty else { return ([], [], [], []) }
        var changes: ([StoredElection], [StoredCandidacy], [ElectionID], [CandidacyID]) = ([], [], [], [])
        for id in changedElections.sorted() {
            if let election = election(id) {
                changes.0.append(StoredElection(id: id, election.record))
            } else {
                changes.2.append(id)
            }
        }
        for id in changedCandidacies.sorted() {
            if let candidate = candidate(id) {
                changes.1.append(StoredCandidacy(id: id, candidate))
            } else {
                changes.3.append(id)
            }
        }
        changedElections = []
        changedCandidacies = []
        return changes
    }

    /// Takes in elections and candidacies as they were kept. `attach` hangs a candidacy on its lease, if that is there.
    mutating func restore(
        _ stored: [StoredElection], _ candidacies: [StoredCandidacy], through last: Fence,
        attach: (LeaseID, CandidacyID) -> Bool
    ) throws(RestoreFailure) {
        for election in stored {
            guard let record = election.record, self.election(election.id) == nil, record.fence <= last,
                record.created <= last
            else {
                throw .inconsistentElection(election.id)
            }
            elections.set(election.id, Election(record))
            census[election.id.kind].remembered += 1
            if record.leader != nil { census[election.id.kind].led += 1 }
            bytes += record.bytes
        }
        for stored in candidacies {
            guard stored.order <= last.rawValue, restore(stored), attach(stored.lease, stored.id) else {
                throw .inconsistentElection(stored.id.election)
            }
        }
        try finishRestoring()
    }

    private mutating func restore(_ stored: StoredCandidacy) -> Bool {
        guard let election = election(stored.id.election), election.candidate(stored.id.candidate) == nil else {
            return false
        }
        let candidate = stored.candidate
        let leads = election.record.leader?.candidate == stored.id.candidate
        guard leads || !election.line.search(candidate.turn).found else { return false }
        change(stored.id.election) { election in
            election.candidates.set(ByteKey(stored.id.candidate), candidate)
            if !leads { election.line.set(candidate.turn, stored.id.candidate) }
        }
        census[stored.id.election.kind].candidates += 1
        bytes += Candidate.bytes(stored.id.candidate, value: candidate.value)
        return true
    }

    private mutating func finishRestoring() throws(RestoreFailure) {
        var position = elections.startPosition
        while position < elections.endPosition {
            let (id, election) = (elections.key(at: position), elections[position])
            if let leader = election.record.leader, election.candidate(leader.candidate)?.lease != leader.lease {
                throw .inconsistentElection(id)
            }
            if election.candidates.isEmpty { setIdle(id, true) }
            position = elections.position(after: position)
        }
    }
}

extension OrderedMap {
    /// Removes a key if it is there.
    fileprivate mutating func remove(_ key: Key) {
        let place = search(key)
        if place.found { remove(at: place.position) }
    }
}
