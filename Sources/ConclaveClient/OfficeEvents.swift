/// What is told of an election or a lock.
public enum OfficeEvent: Hashable, Sendable {
    /// Somebody leads now; `previous` is who led before, in events that follow a change.
    case leader(Leader, previous: Predecessor?)
    /// Nobody leads now.
    case vacant(fence: UInt64, previous: Predecessor?)
    /// Nothing is being told at the moment; it goes on by itself, and misses nothing.
    case interrupted(WatchEvent.Interruption)

    /// Whose leadership ended, and why.
    public struct Predecessor: Hashable, Sendable, Decodable {
        /// The candidate's id.
        public var id: String
        /// The number of its leadership.
        public var fence: UInt64
        /// Why it ended.
        public var reason: LeadershipEnd
    }
}

/// Who leads an election or holds a lock, as it changes, for as long as it is iterated.
///
/// The first event tells how things stand. A broken stream goes on from another node after the last event that was told.
/// Iteration throws ``ConclaveError`` with ``ConclaveError/Code/compacted`` when more leaderships have passed meanwhile
/// than the cluster keeps: observe anew.
///
/// ```swift
/// for try await event in client.observe(.election("controller")) {
///     switch event {
///     case .leader(let leader, _): print("\(leader.id) leads, at \(leader.value)")
///     case .vacant: print("nobody leads")
///     case .interrupted: break
///     }
/// }
/// ```
public struct OfficeEvents: AsyncSequence, Sendable {
    /// What iteration tells.
    public typealias Element = OfficeEvent

    fileprivate let client: ClusterClient
    fileprivate let office: Office
    fileprivate let start: UInt64?

    /// Begins to listen: nothing is sent before the first event is asked for.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// One reader.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let events: OfficeEvents
        private var stream: EventStream
        /// The newest event that was told; `nil` before the first.
        private var last: UInt64?

        fileprivate init(_ events: OfficeEvents) {
            self.events = events
            stream = EventStream(events.client)
            last = events.start
        }

        /// The next event. Throws ``ConclaveError`` when it cannot go on.
        public mutating func next() async throws -> OfficeEvent? {
            while true {
                if !stream.isOpen { try await stream.open(request()) }
                switch try await stream.next() {
                case .comment: continue
                case .broken(let reason): return .interrupted(.disconnected(reason))
                case .event(let name, let data, _):
                    let event = try decodeEvent { try OfficeEvent(name: name, data: data, of: events.office.kind) }
                    guard let event else { continue }
                    if isNew(event) { return event }
                }
            }
        }

        private func request() -> Call {
            var call = Call(path: events.office.path, headers: ["Accept": "text/event-stream"])
            call.query.append(("heartbeat", events.client.options.heartbeat.parameter))
            if let last { call.query.append(("after", String(last))) }
            return call
        }

        private mutating func isNew(_ event: OfficeEvent) -> Bool {
            guard let fence = event.fence else { return true }
            if let last, fence <= last { return false }
            last = fence
            return true
        }
    }
}

extension ClusterClient {
    /// Listens to who leads an election or holds a lock: how it stands, then every change.
    ///
    /// - Parameters:
    ///   - office: which one; nobody need have contended for it yet.
    ///   - fence: tells only what comes after this number; `nil` begins with how things stand.
    public func observe(_ office: Office, after fence: UInt64? = nil) -> OfficeEvents {
        OfficeEvents(client: self, office: office, start: fence)
    }
}

extension OfficeEvent {
    /// Reads one event of a stream; `nil` for one this library does not know.
    init?(name: String, data: [UInt8], of kind: Office.Kind) throws {
        switch name {
        case kind.leaderField.stringValue:
            self = .leader(
                try JSON.decode(Leader.self, from: data),
                previous: try JSON.decode(WirePredecessor.self, from: data).previous)
        case "vacant":
            let vacancy = try JSON.decode(WireVacancy.self, from: data)
            self = .vacant(fence: vacancy.fence, previous: vacancy.previous)
        case "no-leader": self = .interrupted(.noLeader)
        case "compacted":
            throw ConclaveError(.compacted, "more leaderships have passed than are kept; observe anew")
        default: return nil
        }
    }

    /// The number of a change; `nil` for what is none.
    fileprivate var fence: UInt64? {
        switch self {
        case .leader(let leader, _): leader.fence
        case .vacant(let fence, _): fence
        case .interrupted: nil
        }
    }
}

private struct WirePredecessor: Decodable {
    var previous: OfficeEvent.Predecessor?
}

private struct WireVacancy: Decodable {
    var fence: UInt64
    var previous: OfficeEvent.Predecessor?
}
