import KeyValue
import Primitives

/// Commands of every kind that meet each other.
let sampleProposals: [Proposal] = [
    Proposal(
        idempotencyKey: IdempotencyKey(client: "me", number: 1),
        command: .put(Put(key: [97], value: [1, 2], precondition: .absent, lease: .new(LeaseID(10), ttl: .seconds(1))))
    ),
    Proposal(command: .put(Put(key: [98], value: [], lease: .existing(LeaseID(10))))),
    Proposal(
        idempotencyKey: IdempotencyKey(client: "me", number: 2),
        command: .transaction(
            Transaction(
                comparisons: [.init(key: [97], target: .version(1), relation: .equal)],
                then: [
                    .put(Put(key: [97], value: [3], precondition: .unchanged(since: Revision(2)))),
                    .get(RangeQuery(selection: .range(from: [], to: nil), limit: 3, at: Revision(2))),
                ], otherwise: [.delete(.range(from: [97], to: [99]))]))),
    Proposal(command: .grantLease(LeaseID(11), ttl: .milliseconds(100))),
    Proposal(command: .renewLeases([LeaseID(10), LeaseID(12)])),
    Proposal(command: .delete(Delete(selection: .key([98]), precondition: .present))),
    Proposal(command: .expireLeases([LeaseGeneration(lease: LeaseID(10), generation: 2)], term: Term(1))),
    Proposal(command: .compact(through: Revision(3))),
    Proposal(command: .campaign(sampleCampaign(97, .drawn(LeaseID(13), ttl: .seconds(1))))),
    Proposal(command: .campaign(sampleCampaign(98, .named(LeaseID(11), ttl: nil)))),
    Proposal(
        fence: FenceCondition(election: sampleElection, fence: Fence(9)),
        command: .resign(
            Resignation(
                candidacy: CandidacyID(election: sampleElection, candidate: [97]), lease: LeaseID(13), fence: Fence(9)))
    ),
    Proposal(command: .revokeLease(LeaseID(11))),
]

private let sampleElection = ElectionID(kind: .lock, name: [101])

private func sampleCampaign(_ candidate: UInt8, _ lease: CandidacyLease) -> Campaign {
    Campaign(
        candidacy: CandidacyID(election: sampleElection, candidate: [candidate]), value: [1], priority: -1, lease: lease
    )
}

/// The first `count` sample commands applied, a second apart.
func sampleStore(_ count: Int) -> Store {
    var store = Store(bounds: smallBounds)
    for (place, proposal) in sampleProposals.prefix(count).enumerated() {
        let time = ClusterTime(nanoseconds: Int64(place) * 1_000_000_000)
        _ = store.apply(proposal, at: ApplyPosition(index: LogIndex(UInt64(place) + 1), term: Term(1), time: time))
    }
    return store
}

/// The bytes of a snapshot of ``sampleStore(_:)``.
func sampleSnapshot(_ count: Int = 6) -> Bytes {
    let store = sampleStore(count)
    var writer = ByteWriter()
    store.header.encode(into: &writer)
    for record in store.records() { record.encode(into: &writer) }
    return writer.bytes
}

/// Bounds that short inputs reach.
let smallBounds = StoreBounds(
    storeBytes: 4_096, leases: 4, elections: 2, candidates: 3, rememberedRequests: 4, rememberedBytes: 512)
