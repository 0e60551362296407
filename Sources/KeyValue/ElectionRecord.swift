internal import Primitives

/// What an election remembers of its leaderships, and so what a watch can be told of it.
struct ElectionRecord: Hashable, Sendable {
    /// The fence of the first leadership: a watch that has seen an older one has seen another election of this name.
    let created: Fence
    /// Leaderships up to the change with this fence are forgotten; zero while none is.
    private(set) var forgotten = Fence.zero
    /// The oldest first; the last one is the standing one if it has no end. At most ``Limits/leadershipsKept``.
    private(set) var leaderships: [Leadership] = []

    init(created: Fence) { self.created = created }

    /// A record as it was kept; `nil` when no election has it.
    init?(created: Fence, forgotten: Fence, leaderships: [Leadership]) {
        guard created > .zero, leaderships.count <= Limits.leadershipsKept,
            forgotten == .zero || forgotten > created
        else { return nil }
        if let first = leaderships.first, first.fence < max(created, forgotten) { return nil }
        for (leadership, next) in zip(leaderships, leaderships.dropFirst()) {
            guard let end = leadership.end, end.fence > leadership.fence, next.fence >= end.fence else { return nil }
        }
        if let last = leaderships.last, let end = last.end, end.fence <= last.fence { return nil }
        self.created = created
        self.forgotten = forgotten
        self.leaderships = leaderships
    }

    /// That of the newest change.
    var fence: Fence { leaderships.last.map { $0.end?.fence ?? $0.fence } ?? .zero }

    var leader: Leadership? {
        guard let last = leaderships.last, last.end == nil else { return nil }
        return last
    }

    var bytes: Int { leaderships.reduce(0) { $0 + $1.bytes } }

    // MARK: Changing

    mutating func begin(_ leadership: Leadership) {
        precondition(leader == nil, "a leadership begins after the one before it")
        leaderships.append(leadership)
        if leaderships.count > Limits.leadershipsKept, let end = leaderships.removeFirst().end { forgotten = end.fence }
    }

    mutating func endLeadership(_ end: Leadership.End) {
        precondition(leader != nil, "a leadership ends once")
        leaderships[leaderships.count - 1].end = end
    }

    mutating func publish(_ value: Bytes, priority: Int32) {
        precondition(leader != nil, "who does not lead publishes nothing")
        leaderships[leaderships.count - 1].value = value
        leaderships[leaderships.count - 1].priority = priority
    }

    // MARK: Telling

    /// The newest change; `nil` before the first.
    func newest(in election: ElectionID) -> ElectionEvent? {
        guard let last = leaderships.last else { return nil }
        if let end = last.end { return ElectionEvent(election: election, fence: end.fence, leader: nil, ended: last) }
        let before = leaderships.count > 1 ? leaderships[leaderships.count - 2] : nil
        return event(of: last, after: before, in: election)
    }

    private func event(of leadership: Leadership, after before: Leadership?, in election: ElectionID) -> ElectionEvent {
        var leader = leadership
        leader.end = nil
        let ended = before?.end?.fence == leadership.fence ? before : nil
        return ElectionEvent(election: election, fence: leadership.fence, leader: leader, ended: ended)
    }

    /// The changes after the one with `fence`, in order; `nil` when not all of them are known any more.
    func events(after fence: Fence, in election: ElectionID) -> [ElectionEvent]? {
        guard fence >= forgotten, fence == .zero || fence >= created else { return nil }
        var events: [ElectionEvent] = []
        for (place, leadership) in leaderships.enumerated() {
            let before = place > 0 ? leaderships[place - 1] : nil
            if leadership.fence > fence { events.append(event(of: leadership, after: before, in: election)) }
            guard let end = leadership.end, end.fence > fence else { continue }
            let isFollowed = place + 1 < leaderships.count && leaderships[place + 1].fence == end.fence
            if !isFollowed {
                events.append(ElectionEvent(election: election, fence: end.fence, leader: nil, ended: leadership))
            }
        }
        return events
    }
}

extension Leadership {
    /// What it counts towards the store's bytes.
    var bytes: Int { candidate.count + value.count + Limits.versionBytes }
}
