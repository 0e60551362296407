/// What one at a time can hold: the leadership of an election, or a lock.
///
/// Both work alike: who cannot have it waits in line, highest priority first, then in the order of arrival; the cluster
/// seats the next one in the very step that ended the one before.
public enum Office: Hashable, Sendable {
    /// The leadership of the election with this name, of 1 to 256 bytes.
    case election(String)
    /// The lock with this name, of 1 to 256 bytes.
    case lock(String)

    /// Elections or locks.
    public enum Kind: Hashable, Sendable {
        /// Elections.
        case elections
        /// Locks.
        case locks
    }

    /// Its name.
    public var name: String {
        switch self {
        case .election(let name), .lock(let name): name
        }
    }

    /// Which of the two it is.
    public var kind: Kind {
        switch self {
        case .election: .elections
        case .lock: .locks
        }
    }

    init(_ kind: Kind, _ name: String) {
        switch kind {
        case .elections: self = .election(name)
        case .locks: self = .lock(name)
        }
    }
}

extension Office: CustomStringConvertible {
    /// As in a sentence: `election controller`, `lock backup`.
    public var description: String {
        switch self {
        case .election(let name): "election \(name)"
        case .lock(let name): "lock \(name)"
        }
    }
}

/// The number of one leadership of an ``Office``: each later one has a larger number, so that whoever is acted upon can
/// refuse a leader whose time is over.
///
/// A write that carries a fence fails with ``ConclaveError/Code/fenced``, and changes nothing, when that leadership does
/// not stand any more at the moment the cluster orders it.
public struct Fence: Hashable, Sendable {
    /// What is led.
    public var office: Office
    /// The number.
    public var number: UInt64

    /// The fence of one leadership.
    public init(_ office: Office, _ number: UInt64) {
        self.office = office
        self.number = number
    }

    /// Reads `controller=17`, for a lock `locks/backup=17`, as the `If-Fence` header has it; `nil` for anything else.
    ///
    /// A name is written as it is or percent-encoded.
    public init?(_ text: some StringProtocol) {
        guard let sign = text.lastIndex(of: "="), let number = UInt64(text[text.index(after: sign)...]) else {
            return nil
        }
        let written = text[..<sign]
        let isLock = written.hasPrefix("locks/")
        guard let name = String(isLock ? written.dropFirst("locks/".count) : written).removingPercentEncoding,
            !name.isEmpty
        else { return nil }
        self.init(isLock ? .lock(name) : .election(name), number)
    }
}

extension Fence: CustomStringConvertible {
    /// As the `If-Fence` header carries it.
    public var description: String {
        let name = ByteString(office.name).segmentEscaped
        return switch office {
        case .election: "\(name)=\(number)"
        case .lock: "locks/\(name)=\(number)"
        }
    }
}

/// Who leads an election, or holds a lock.
public struct Leader: Hashable, Sendable {
    /// The candidate's id.
    public var id: String
    /// What it publishes of itself, an address perhaps.
    public var value: ByteString
    /// The number of this leadership.
    public var fence: UInt64
    /// Its priority.
    public var priority: Int
    /// The lease its candidacy hangs on.
    public var lease: LeaseID?
    /// The time of day since when, by the clock of the node that told; not in events.
    public var since: String?
    /// How long it had led when the node told; not in events.
    public var age: Duration?
}

/// Somebody who waits in line.
public struct WaitingCandidate: Hashable, Sendable {
    /// The candidate's id.
    public var id: String
    /// Its priority: higher ones are before it in the line.
    public var priority: Int
    /// Its place in the line; 1 is next.
    public var position: Int
    /// The lease its candidacy hangs on.
    public var lease: LeaseID?
}

/// An election or a lock as it stands.
public struct OfficeState: Hashable, Sendable {
    /// Which one.
    public var office: Office
    /// The number of its last change; 0 before the first.
    public var fence: UInt64
    /// Who leads it or holds it, if anybody.
    public var leader: Leader?
    /// The first of those who wait, in the order they would follow.
    public var waiting: [WaitingCandidate]
    /// How many wait in all.
    public var waitingCount: Int
}

/// One page of elections or locks, by name.
public struct OfficePage: Hashable, Sendable {
    /// Those of the page; who waits is not listed, only counted.
    public var offices: [OfficeState]
    /// How many there are in the whole range.
    public var count: Int
    /// Whether there are more behind the page.
    public var more: Bool
}

/// Why a leadership ended.
public enum LeadershipEnd: String, Hashable, Sendable, Codable {
    /// It was not renewed in time.
    case expired
    /// It was given up.
    case resigned
    /// Somebody else ended it.
    case removed
}

/// One leadership of the past, or the present one.
public struct PastLeadership: Hashable, Sendable {
    /// The candidate's id.
    public var id: String
    /// What it published.
    public var value: ByteString
    /// Its number.
    public var fence: UInt64
    /// The time of day it began, by the clock of the node that told.
    public var since: String?
    /// The time of day it ended; `nil` while it lasts.
    public var until: String?
    /// How long it lasted, or has lasted so far.
    public var lasted: Duration?
    /// Why it ended; `nil` while it lasts.
    public var reason: LeadershipEnd?
}
