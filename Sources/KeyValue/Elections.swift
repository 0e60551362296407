package import Primitives

/// An election or a lock: the same machine under two names, in two name spaces.
package struct ElectionID: Hashable, Comparable, Sendable {
    package var kind: Kind
    /// UTF-8 without control characters, 1 to ``Limits/electionNameBytes``.
    package var name: Bytes
    package init(kind: Kind, name: Bytes) {
        self.kind = kind
        self.name = name
    }

    package enum Kind: UInt8, Hashable, Sendable, CaseIterable { case election, lock }

    package static func < (a: ElectionID, b: ElectionID) -> Bool {
        a.kind == b.kind ? a.name.precedes(b.name) : a.kind.rawValue < b.kind.rawValue
    }
}

/// The claim to lead of one who is known by an id within one election.
package struct CandidacyID: Hashable, Comparable, Sendable {
    package var election: ElectionID
    /// UTF-8 without control characters, 1 to ``Limits/candidateBytes``.
    package var candidate: Bytes
    package init(election: ElectionID, candidate: Bytes) {
        self.election = election
        self.candidate = candidate
    }

    package static func < (a: CandidacyID, b: CandidacyID) -> Bool {
        a.election == b.election ? a.candidate.precedes(b.candidate) : a.election < b.election
    }
}

/// A number of an election that grows with every change of its leadership and never repeats, not even when the election was
/// forgotten in between: the log index of the entry that made the change. Zero is before the first.
package struct Fence: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ value: UInt64) { rawValue = value }
    package static let zero = Fence(0)
    package static func < (a: Fence, b: Fence) -> Bool { a.rawValue < b.rawValue }
}

/// `If-Fence`: a write is carried out only while this leadership stands, looked at where the write is ordered.
package struct FenceCondition: Hashable, Sendable {
    package var election: ElectionID
    package var fence: Fence
    package init(election: ElectionID, fence: Fence) {
        self.election = election
        self.fence = fence
    }
}

// MARK: - Commands

/// Begins a candidacy, or renews and perhaps changes the one that is there.
package struct Campaign: Hashable, Sendable {
    package var candidacy: CandidacyID
    /// What is published while it leads; at most ``Limits/candidateValueBytes``.
    package var value: Bytes
    /// Higher leads earlier.
    package var priority: Int32
    package var lease: CandidacyLease
    package var mode: Mode

    /// Whether the candidacy may be there, must be, or must not.
    package enum Mode: UInt8, Hashable, Sendable { case any, renewing, beginning }

    package init(
        candidacy: CandidacyID, value: Bytes, priority: Int32 = 0, lease: CandidacyLease, mode: Mode = .any
    ) {
        self.candidacy = candidacy
        self.value = value
        self.priority = priority
        self.lease = lease
        self.mode = mode
    }
}

/// The lease that a candidacy lives by.
package enum CandidacyLease: Hashable, Sendable {
    /// The client named none: a new one under an id that its node drew, or the one that the candidacy has.
    case drawn(LeaseID, ttl: TimeSpan)
    /// The client's own: it tells its candidacy from everybody else's. Made with the TTL if it is not there; without, it has
    /// to be.
    case named(LeaseID, ttl: TimeSpan?)

    package var id: LeaseID {
        switch self {
        case .drawn(let id, _), .named(let id, _): id
        }
    }
}

/// Gives up a candidacy, and the leadership if it has it.
package struct Resignation: Hashable, Sendable {
    package var candidacy: CandidacyID
    /// The lease the client says is its own; needed when it named it when it campaigned.
    package var lease: LeaseID?
    /// Only while leading with this fence.
    package var fence: Fence?
    package init(candidacy: CandidacyID, lease: LeaseID? = nil, fence: Fence? = nil) {
        self.candidacy = candidacy
        self.lease = lease
        self.fence = fence
    }
}

// MARK: - What there is

/// One leadership, the standing one or one of the past.
package struct Leadership: Hashable, Sendable {
    package var fence: Fence
    package var candidate: Bytes
    /// As it was last published.
    package var value: Bytes
    package var priority: Int32
    package var lease: LeaseID
    package var began: ClusterTime
    /// `nil` while it stands.
    package var end: End?

    package struct End: Hashable, Sendable {
        /// The election's fence from its end on: that of the next leadership when it followed at once.
        package var fence: Fence
        package var time: ClusterTime
        package var reason: EndReason
        package init(fence: Fence, time: ClusterTime, reason: EndReason) {
            self.fence = fence
            self.time = time
            self.reason = reason
        }
    }

    package init(
        fence: Fence, candidate: Bytes, value: Bytes, priority: Int32, lease: LeaseID, began: ClusterTime,
        end: End? = nil
    ) {
        self.fence = fence
        self.candidate = candidate
        self.value = value
        self.priority = priority
        self.lease = lease
        self.began = began
        self.end = end
    }
}

extension ElectionID.Kind {
    /// As people are told.
    package var word: String { self == .lock ? "lock" : "election" }
}

/// Why a candidacy and its leadership ended.
package enum EndReason: UInt8, Hashable, Sendable, CaseIterable {
    /// Its lease ran out.
    case expired
    /// It was given up.
    case resigned
    /// Its lease was revoked.
    case removed

    /// As people are told.
    package var name: String {
        switch self {
        case .expired: "expired"
        case .resigned: "resigned"
        case .removed: "removed"
        }
    }
}

/// One change of an election's leadership, as watches are told of it.
package struct ElectionEvent: Hashable, Sendable {
    package var election: ElectionID
    /// The election's fence from here on.
    package var fence: Fence
    /// Who leads from here on; `nil` when nobody does.
    package var leader: Leadership?
    /// The leadership that ended with this; `nil` when there was none.
    package var ended: Leadership?
    package init(election: ElectionID, fence: Fence, leader: Leadership?, ended: Leadership?) {
        self.election = election
        self.fence = fence
        self.leader = leader
        self.ended = ended
    }

    /// Bytes of the values it carries.
    package var bytes: Int { (leader?.value.count ?? 0) + (leader?.candidate.count ?? 0) + 64 }
}

// MARK: - Results

/// An election in short: who leads, if anybody does.
package struct ElectionSummary: Hashable, Sendable {
    package var election: ElectionID
    package var fence: Fence
    package var leader: Leadership?
    /// How many wait.
    package var waiting: Int
    package init(election: ElectionID, fence: Fence = .zero, leader: Leadership? = nil, waiting: Int = 0) {
        self.election = election
        self.fence = fence
        self.leader = leader
        self.waiting = waiting
    }
}

/// How a candidacy stands.
package struct CandidacyResult: Hashable, Sendable {
    package var candidate: Bytes
    /// Whether it was not there before.
    package var created: Bool
    package var standing: Standing
    /// `nil` only when it ended.
    package var grant: LeaseGrant?
    package var summary: ElectionSummary

    package enum Standing: Hashable, Sendable {
        case leading
        /// 1 is who leads next.
        case waiting(position: Int)
        /// The candidacy is not there any more.
        case ended
    }

    package init(
        candidate: Bytes, created: Bool, standing: Standing, grant: LeaseGrant?, summary: ElectionSummary
    ) {
        self.candidate = candidate
        self.created = created
        self.standing = standing
        self.grant = grant
        self.summary = summary
    }
}

/// What giving up came to.
package struct ResignationResult: Hashable, Sendable {
    package var candidate: Bytes
    package var wasLeading: Bool
    /// After the succession.
    package var summary: ElectionSummary
    package init(candidate: Bytes, wasLeading: Bool, summary: ElectionSummary) {
        self.candidate = candidate
        self.wasLeading = wasLeading
        self.summary = summary
    }
}

/// One who waits.
package struct WaitingCandidate: Hashable, Sendable {
    package var candidate: Bytes
    package var priority: Int32
    package var lease: LeaseID
    package init(candidate: Bytes, priority: Int32, lease: LeaseID) {
        self.candidate = candidate
        self.priority = priority
        self.lease = lease
    }
}

/// An election with those who wait, in the order in which they would lead.
package struct ElectionView: Hashable, Sendable {
    package var summary: ElectionSummary
    /// The first of them, as many as were asked for.
    package var candidates: [WaitingCandidate]
    package init(summary: ElectionSummary, candidates: [WaitingCandidate]) {
        self.summary = summary
        self.candidates = candidates
    }
}

package struct ElectionPage: Hashable, Sendable {
    /// In the order of their names.
    package var elections: [ElectionSummary]
    /// How many elections the prefix has in all.
    package var count: Int
    package var more: Bool
    package init(elections: [ElectionSummary], count: Int, more: Bool) {
        self.elections = elections
        self.count = count
        self.more = more
    }
}

/// How many elections and locks there are.
package struct ElectionCensus: Hashable, Sendable {
    package var elections = Counts()
    package var locks = Counts()

    package struct Counts: Hashable, Sendable {
        /// With those that have no candidate any more.
        package var remembered = 0
        package var led = 0
        /// Who leads or waits.
        package var candidates = 0
        package init() {}
    }

    package init() {}

    package subscript(_ kind: ElectionID.Kind) -> Counts {
        get { kind == .lock ? locks : elections }
        set { if kind == .lock { locks = newValue } else { elections = newValue } }
    }
}

/// Leaderships of one election, the newest first.
package struct LeadershipPage: Hashable, Sendable {
    package var leaderships: [Leadership]
    /// Whether there were earlier ones, kept or not.
    package var more: Bool
    package init(leaderships: [Leadership], more: Bool) {
        self.leaderships = leaderships
        self.more = more
    }
}
