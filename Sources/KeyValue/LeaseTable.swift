import HeapModule
internal import Primitives

/// A lease that exists, and the keys that hang on it.
struct LeaseState: Sendable {
    var ttl: TimeSpan
    var deadline: ClusterTime
    /// 1 on creation, one more for each renewal since.
    var generation: UInt64
    /// The deadline under which the lease stands in the heap; never after ``deadline``.
    var queued: ClusterTime
    var keys = OrderedMap<ByteKey, Attached>()
    var candidacies = OrderedMap<CandidacyID, Attached>()

    /// That a key or a candidacy is attached: nothing more is known of it here.
    struct Attached: Sendable {}

    /// Whether nothing hangs on it.
    var isBare: Bool { keys.isEmpty && candidacies.isEmpty }

    func grant(id: LeaseID, at time: ClusterTime) -> LeaseGrant {
        LeaseGrant(id: id, ttl: ttl, remaining: deadline > time ? deadline - time : .zero)
    }
}

/// The leases by id, and a heap that finds those due. A renewal leaves the heap alone: an entry that comes up too early is
/// pushed forward then.
struct LeaseTable: Sendable {
    private(set) var leases = OrderedMap<LeaseID, LeaseState>()
    private var heap = Heap<Due>()
    /// Leases that `state.db` has not heard the latest of.
    private var changed: Set<LeaseID> = []

    /// One place in the heap; void unless its lease is ``LeaseState/queued`` under this deadline.
    private struct Due: Comparable, Sendable {
        var deadline: ClusterTime
        var lease: LeaseID
        static func < (a: Due, b: Due) -> Bool { (a.deadline, a.lease) < (b.deadline, b.lease) }
    }

    var count: Int { leases.count }

    func state(of id: LeaseID) -> LeaseState? { leases.value(for: id) }
    func contains(_ id: LeaseID) -> Bool { leases.search(id).found }

    /// Whether the lease is there and its time is not over.
    func isAlive(_ id: LeaseID, at time: ClusterTime) -> Bool {
        let place = leases.search(id)
        return place.found && leases[place.position].deadline > time
    }

    func grant(of id: LeaseID, at time: ClusterTime) -> LeaseGrant? {
        let place = leases.search(id)
        return place.found ? leases[place.position].grant(id: id, at: time) : nil
    }

    /// At most `limit` leases, 0 for the most that are allowed, from `first` on.
    func page(from first: LeaseID, limit: Int, at time: ClusterTime) -> LeasePage {
        let size = limit == 0 ? Limits.rangePage : min(limit, Limits.rangePage)
        var grants: [LeaseGrant] = []
        var position = leases.lowerBound(first)
        while grants.count < size, position < leases.endPosition {
            grants.append(leases[position].grant(id: leases.key(at: position), at: time))
            position = leases.position(after: position)
        }
        return LeasePage(grants: grants, count: count, more: position < leases.endPosition)
    }

    // MARK: Changing

    /// Adds a lease whose id is free.
    mutating func add(_ id: LeaseID, ttl: TimeSpan, deadline: ClusterTime, generation: UInt64 = 1) {
        let place = leases.search(id)
        precondition(!place.found, "a lease is granted once")
        let state = LeaseState(ttl: ttl, deadline: deadline, generation: generation, queued: deadline)
        leases.insert(id, state, at: place.position)
        heap.insert(Due(deadline: deadline, lease: id))
        changed.insert(id)
    }

    /// Sets the lease's deadline to its TTL from `time`; `nil` when it is gone.
    mutating func renew(_ id: LeaseID, at time: ClusterTime) -> LeaseState? {
        let place = leases.search(id)
        guard place.found else { return nil }
        changed.insert(id)
        return leases.update(at: place.position) { lease in
            // Cluster time only grows, so a deadline never moves before the place in the heap.
            lease.deadline = time.advanced(by: lease.ttl)
            lease.generation &+= 1
            return lease
        }
    }

    /// Ends a lease and hands back what it was; its keys are the caller's to delete.
    mutating func remove(_ id: LeaseID) -> LeaseState? {
        let place = leases.search(id)
        guard place.found else { return nil }
        changed.insert(id)
        let state = leases.remove(at: place.position)
        if heap.count > 2 * leases.count + 64 { rebuildHeap() }
        return state
    }

    /// Returns whether there is such a lease.
    @discardableResult
    mutating func attach(_ key: Bytes, to id: LeaseID) -> Bool {
        let place = leases.search(id)
        guard place.found else { return false }
        leases.update(at: place.position) { $0.keys.set(ByteKey(key), LeaseState.Attached()) }
        return true
    }

    /// Returns whether there is such a lease.
    @discardableResult
    mutating func attach(_ candidacy: CandidacyID, to id: LeaseID) -> Bool {
        let place = leases.search(id)
        guard place.found else { return false }
        leases.update(at: place.position) { $0.candidacies.set(candidacy, LeaseState.Attached()) }
        return true
    }

    mutating func detach(_ candidacy: CandidacyID, from id: LeaseID) {
        let place = leases.search(id)
        guard place.found else { return }
        leases.update(at: place.position) { lease in
            let place = lease.candidacies.search(candidacy)
            if place.found { lease.candidacies.remove(at: place.position) }
        }
    }

    mutating func detach(_ key: Bytes, from id: LeaseID) {
        let place = leases.search(id)
        guard place.found else { return }
        leases.update(at: place.position) { lease in
            let key = lease.keys.search(ByteKey(key))
            if key.found { lease.keys.remove(at: key.position) }
        }
    }

    // MARK: Due leases

    /// Not after the earliest deadline of any lease.
    var nextDeadline: ClusterTime? { heap.min?.deadline }

    /// Leases whose deadline is not after `time`, earliest first, until they or what hangs on them are `limit` or more. Looks
    /// at a bounded number: there may be more while ``nextDeadline`` is not after `time`.
    mutating func due(at time: ClusterTime, limit: Int) -> [LeaseGeneration] {
        var due: [LeaseGeneration] = []
        var found: [Due] = []
        var looked = 0
        var weight = 0
        while weight < limit, looked < Limits.leaseScan + limit, let next = heap.min, next.deadline <= time {
            looked += 1
            heap.removeMin()
            let place = leases.search(next.lease)
            guard place.found, leases[place.position].queued == next.deadline else { continue }
            let lease = leases[place.position]
            if lease.deadline <= time {
                weight += max(1, lease.keys.count + lease.candidacies.count)
                due.append(LeaseGeneration(lease: next.lease, generation: lease.generation))
                found.append(next)
            } else {
                leases.update(at: place.position) { $0.queued = lease.deadline }
                heap.insert(Due(deadline: lease.deadline, lease: next.lease))
            }
        }
        // Due is not ended: an expiry entry may get lost or be refused.
        for entry in found { heap.insert(entry) }
        return due
    }

    private mutating func rebuildHeap() {
        var entries: [Due] = []
        entries.reserveCapacity(leases.count)
        var position = leases.startPosition
        while position < leases.endPosition {
            entries.append(Due(deadline: leases[position].queued, lease: leases.key(at: position)))
            position = leases.position(after: position)
        }
        heap = Heap(entries)
    }

    // MARK: Keeping

    /// What changed since the last call, in the order of ids.
    mutating func takeChanges() -> (upserts: [StoredLease], removed: [LeaseID]) {
        var upserts: [StoredLease] = []
        var removed: [LeaseID] = []
        for id in changed.sorted() {
            if let state = state(of: id) { upserts.append(StoredLease(id, state)) } else { removed.append(id) }
        }
        changed = []
        return (upserts, removed)
    }

    /// Takes in a lease as it was kept.
    mutating func restore(_ stored: StoredLease) throws(RestoreFailure) {
        guard !contains(stored.id) else { throw .duplicateLease(stored.id) }
        #if PlantedBugs
            if planted(.restoresFirstGeneration) {
                return add(stored.id, ttl: stored.ttl, deadline: stored.deadline, generation: 1)
            }
        #endif
        add(stored.id, ttl: stored.ttl, deadline: stored.deadline, generation: stored.generation)
    }

    mutating func finishRestoring() { changed = [] }
}

extension StoredLease {
    init(_ id: LeaseID, _ state: LeaseState) {
        self.init(id: id, ttl: state.ttl, deadline: state.deadline, generation: state.generation)
    }
}

extension ClusterTime {
    /// A TTL later; the last moment there is when that lies beyond it.
    func advanced(by ttl: TimeSpan) -> ClusterTime {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(ttl.nanoseconds)
        return ClusterTime(nanoseconds: overflow ? (ttl.nanoseconds < 0 ? .min : .max) : sum)
    }
}
