import Primitives

@testable import Consensus
@testable import ReplicaCore

extension Decoder {
    /// Messages that a member receives from another one right after its first start; what it may write is written, and it
    /// is asked to campaign.
    static let member = Decoder(
        name: "member",
        seeds: { sampleMessages().map { $0.encoded() } },
        decode: { input in
            guard let message = try? PeerMessage(decoding: input) else { return }
            var member = FreshMember()
            member.take(.received(message, from: FreshMember.other))
            member.take(.received(.consensus(.campaignNow(CampaignNow(term: member.term))), from: FreshMember.other))
            for _ in 0..<2 {
                member.pass(.seconds(10))
                member.take(.tick)
            }
        })
}

/// One of three members, with nothing on its disk, which is instant.
private struct FreshMember {
    static let other = NodeID(name: "n2")
    private var now = Instant(nanoseconds: 5_000_000_000)
    private var replica: Replica

    init() {
        let members = ["n1", "n2", "n3"].map { Configuration.Member(name: $0, peerAddress: "h:1") }
        replica = Replica(
            id: NodeID(name: "n1"), settings: Settings(), recovered: RecoveredLog(), state: nil,
            bootstrap: Configuration(members: members), seed: 1, now: now)
        take(.connected(Self.other))
    }

    var term: Term { replica.raft.term }

    mutating func pass(_ span: TimeSpan) { now = now + span }

    mutating func take(_ input: Input) {
        var out = Outbox()
        replica.handle(input, at: now, into: &out)
        replica.flush(at: now, into: &out)
        if let write = out.write { take(.persisted(write.id)) }
        if let snapshot = out.snapshotToInstall { take(.snapshotSaved(snapshot.position)) }
    }
}
