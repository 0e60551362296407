/// An election or a lock, by its name.
package struct Office: Hashable, Sendable {
    package var kind: Kind
    package var name: String
    package init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// As the API's paths call them.
    package enum Kind: String, Hashable, Sendable {
        case elections, locks
    }

    /// Who leads an election or holds a lock.
    package struct Leader: Hashable, Sendable {
        package var id: String
        /// As last published; not compared.
        package var value: String
        package var fence: UInt64
        package var lease: UInt64
        package init(_ id: String, _ value: String, fence: UInt64, lease: UInt64) {
            self.id = id
            self.value = value
            self.fence = fence
            self.lease = lease
        }

        /// Whether both are told of one leadership.
        func isSame(as other: Leader) -> Bool { id == other.id && fence == other.fence && lease == other.lease }
    }

    /// A leadership that is over.
    package struct Ended: Hashable, Sendable {
        package var id: String
        package var fence: UInt64
        package var reason: EndReason
        package init(_ id: String, fence: UInt64, _ reason: EndReason) {
            self.id = id
            self.fence = fence
            self.reason = reason
        }
    }

    package enum EndReason: String, Hashable, Sendable {
        case expired, resigned, removed
    }

    /// One change of who leads.
    package struct Change: Hashable, Sendable {
        package var office: Office
        /// Of the office from here on; the leader's own when there is one.
        package var fence: UInt64
        package var leader: Leader?
        /// The leadership that ended with this.
        package var ended: Ended?
        package init(_ office: Office, fence: UInt64, leader: Leader?, ended: Ended?) {
            self.office = office
            self.fence = fence
            self.leader = leader
            self.ended = ended
        }
    }

    /// How an office stands, as an answer tells it.
    package struct Standing: Hashable, Sendable {
        /// 0 before the first leadership.
        package var fence: UInt64
        package var leader: Leader?
        package init(fence: UInt64, _ leader: Leader?) {
            self.fence = fence
            self.leader = leader
        }
    }

    /// A leadership that a write needs to stand.
    package struct Guard: Hashable, Sendable {
        package var office: Office
        package var fence: UInt64
        package init(_ office: Office, fence: UInt64) {
            self.office = office
            self.fence = fence
        }
    }
}

// MARK: - Requests

/// Begins a candidacy, or renews it.
package struct Campaign: Hashable, Sendable {
    package var office: Office
    package var id: String
    package var value: String
    package var priority: Int64 = 0
    /// Drawn by the client; 0 leaves it to the node.
    package var lease: UInt64 = 0
    /// In milliseconds; 0 wants a lease that is there.
    package var ttl: Int64 = 0
    package var mode = Mode.any
    /// Holds the answer for so many milliseconds at most; 0 for none.
    package var wait: Int64 = 0
    /// The newest fence the client knows.
    package var after: UInt64?

    /// Whether the candidacy may be there, must be, or must not.
    package enum Mode: String, Hashable, Sendable {
        case any, renewing, beginning
    }

    package init(_ office: Office, _ id: String, _ value: String) {
        self.office = office
        self.id = id
        self.value = value
    }
}

/// Gives a candidacy up.
package struct Resignation: Hashable, Sendable {
    package var office: Office
    package var id: String
    /// The lease that proves whose candidacy it is; 0 for none.
    package var lease: UInt64 = 0
    /// Only while leading with this fence.
    package var fence: UInt64?
    package init(_ office: Office, _ id: String, lease: UInt64 = 0, fence: UInt64? = nil) {
        self.office = office
        self.id = id
        self.lease = lease
        self.fence = fence
    }
}

/// A question about offices.
package enum OfficeQuery: Hashable, Sendable {
    case standing(Office, Invocation.Point)
    /// Once the fence is above another, for so many milliseconds at most.
    case change(Office, after: UInt64, span: Int64)
    /// A page of those whose names begin with a prefix.
    case list(Office.Kind, prefix: String, limit: Int)
    /// Who led, newest first.
    case past(Office, limit: Int)
}

// MARK: - Answers

/// What a campaign came to.
package struct Candidacy: Hashable, Sendable {
    package var state: State
    package var isNew: Bool
    package var standing: Office.Standing
    /// `nil` once it has ended.
    package var grant: Response.Grant?

    package enum State: Hashable, Sendable {
        case leading
        /// 1 leads next.
        case waiting(position: Int)
        case ended
    }

    package init(
        _ state: State, isNew: Bool, _ standing: Office.Standing, grant: Response.Grant?
    ) {
        self.state = state
        self.isNew = isNew
        self.standing = standing
        self.grant = grant
    }
}

/// An answer that tells of offices.
package enum OfficeAnswer: Hashable, Sendable {
    case candidacy(Candidacy)
    /// The candidacy was given up.
    case resigned(wasLeading: Bool, Office.Standing)
    /// Those who wait, in the order in which they would lead.
    case standing(Office.Standing, waiting: [String])
    case list([Listed], more: Bool)
    /// Leaderships, each with why it ended; `nil` for the one that stands.
    case past([Past])
    /// The guard of a write did not stand; the office's fence is this.
    case fenced(UInt64)
    /// A candidacy is somebody else's, is not there, or is not as asked.
    case denied(String, Office.Standing)

    package struct Listed: Hashable, Sendable {
        package var name: String
        package var standing: Office.Standing
        package init(_ name: String, _ standing: Office.Standing) {
            self.name = name
            self.standing = standing
        }
    }

    package struct Past: Hashable, Sendable {
        package var leader: Office.Leader
        package var reason: Office.EndReason?
        package init(_ leader: Office.Leader, _ reason: Office.EndReason?) {
            self.leader = leader
            self.reason = reason
        }
    }
}
