internal import Consensus
internal import KeyValue
internal import Primitives

/// The one log of the cluster, as it was first committed, and a store that does nothing but apply it: what every node and
/// every answer is held against.
struct ClusterModel {
    /// By index, from 1.
    private(set) var log: [Entry] = []
    private(set) var store = Store()
    /// The state digest after each index; the first is that of the empty store.
    private(set) var digests: [UInt64]
    /// The revision after each index.
    private(set) var revisions: [Revision] = [.empty]
    /// The events of each revision, from revision 2 on.
    private(set) var events: [RevisionEvents] = []
    private var versions: [Bytes: [(revision: Revision, record: KeyRecord?)]] = [:]
    private var keys: [Bytes] = []

    init() { digests = [store.header.digest] }

    var lastIndex: LogIndex { LogIndex(UInt64(log.count)) }

    subscript(index: LogIndex) -> Entry { log[Int(index.rawValue) - 1] }
    func term(at index: LogIndex) -> Term { log[Int(index.rawValue) - 1].term }
    func digest(at index: LogIndex) -> UInt64 { digests[Int(index.rawValue)] }
    func revision(at index: LogIndex) -> Revision { revisions[Int(index.rawValue)] }

    /// What one entry did.
    struct Effect {
        var index: LogIndex
        var proposal: Proposal?
        var proposalBytes: Bytes
        var result: CommandResult?
        var isRepetition = false
        /// Of an expiry: the leases it ended.
        var expired: [LeaseID] = []
        /// Of an expiry: how many leases it named that were renewed before it.
        var spared = 0
        var events: RevisionEvents?
        var elections: [ElectionEvent] = []
    }

    /// Takes in the next entry of the log.
    mutating func append(_ entry: Entry) throws(Violation) -> Effect {
        log.append(entry)
        let position = ApplyPosition(index: entry.index, term: entry.term, time: entry.time)
        var effect = Effect(index: entry.index, proposalBytes: [])
        if case .command(let bytes) = entry.payload {
            effect.proposalBytes = try proposal(in: bytes)
            guard let proposal = try? Proposal(decoding: effect.proposalBytes) else {
                throw Violation("codec", "entry \(entry.index.rawValue) does not hold a proposal")
            }
            apply(proposal, at: position, into: &effect)
        } else {
            store.advance(to: position)
        }
        digests.append(store.header.digest)
        revisions.append(store.revision)
        return effect
    }

    private mutating func apply(_ proposal: Proposal, at position: ApplyPosition, into effect: inout Effect) {
        var candidates: [LeaseID] = []
        if case .expireLeases(let due, _) = proposal.command {
            candidates = due.map(\.lease).filter { store.lease($0) != nil }
        }
        let applied = store.apply(proposal, at: position)
        effect.proposal = proposal
        effect.result = applied.result
        effect.isRepetition = applied.repeated
        effect.expired = candidates.filter { store.lease($0) == nil }
        effect.spared = candidates.count - effect.expired.count
        effect.events = applied.events
        effect.elections = applied.elections
        guard let revision = applied.events else { return }
        events.append(revision)
        for event in revision.events { record(event) }
    }

    private mutating func record(_ event: Event) {
        if versions[event.key] == nil {
            let place = keys.firstIndex { event.key.lexicographicallyPrecedes($0) } ?? keys.count
            keys.insert(event.key, at: place)
        }
        let record: KeyRecord? = if case .put(let record, _) = event { record } else { nil }
        versions[event.key, default: []].append((event.revision, record))
    }

    /// The proposal behind the origins that a logged command begins with.
    private func proposal(in bytes: Bytes) throws(Violation) -> Bytes {
        var reader = ByteReader(bytes)
        guard let origins = try? reader.readCount(), reader.remaining >= origins * 16 else {
            throw Violation("codec", "a logged command does not begin with its origins")
        }
        return Bytes(bytes.suffix(reader.remaining - origins * 16))
    }

    // MARK: The past

    /// The state after an entry, from the first one on.
    func state(at index: LogIndex) -> Store {
        var store = Store()
        for entry in log[..<Int(index.rawValue)] {
            let position = ApplyPosition(index: entry.index, term: entry.term, time: entry.time)
            if case .command(let bytes) = entry.payload, let proposal = try? Proposal(decoding: proposal(in: bytes)) {
                _ = store.apply(proposal, at: position)
            } else {
                store.advance(to: position)
            }
        }
        return store
    }

    /// The events of a revision, if it is there.
    func events(of revision: Revision) -> RevisionEvents? {
        guard revision.rawValue >= 2, revision <= store.revision else { return nil }
        return events[Int(revision.rawValue) - 2]
    }

    /// The records that a selection had at a revision.
    func records(_ selection: KeySelection, at revision: Revision) -> [KeyRecord] {
        keys.filter { selection.contains($0) }.compactMap { key in
            versions[key]?.last { $0.revision <= revision }?.record
        }
    }
}
