import Primitives
import Testing

@testable import Consensus

@Suite struct MessageCodecTests {
    @Test func everyMessageSurvivesItsCodec() throws {
        for message in Self.samples {
            var reader = ByteReader(Self.encoded(message))
            #expect(try Message(from: &reader) == message)
            #expect(reader.remaining == 0)
        }
    }

    @Test func mutatedMessagesAreReadOrRefusedButNeverTrap() {
        var random = SeededGenerator(seed: 4711)
        let encodings = Self.samples.map(Self.encoded)
        var refused = 0
        for round in 0..<100_000 {
            var bytes = encodings[round % encodings.count]
            for _ in 0...Int.random(in: 0...3, using: &random) { Self.mutate(&bytes, &random) }
            var reader = ByteReader(bytes)
            if (try? Message(from: &reader)) == nil { refused += 1 }
        }
        #expect(refused > 10_000)
    }

    @Test func whateverCanBeReadCanBeReceived() {
        var random = SeededGenerator(seed: 42)
        let encodings = Self.samples.map(Self.encoded)
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        let start = cluster
        var received = 0
        for round in 0..<20_000 {
            var bytes = encodings[round % encodings.count]
            Self.mutate(&bytes, &random)
            var reader = ByteReader(bytes)
            guard let message = try? Message(from: &reader) else { continue }
            // A second leader of the same term is a broken promise and stops a member: no peer sends that.
            if message.term <= Term(2), message.isFromLeader { continue }
            cluster = start
            cluster.receive(cluster.ids[2], message, from: cluster.ids[1])
            received += 1
        }
        #expect(received > 1_000)
    }

    @Test func entriesWhoseTermsRunBackwardsAreRefused() {
        for terms in [[3, 2], [1, 1], [5, 9]] as [[UInt64]] {
            let entries = terms.enumerated().map { place, term in
                Entry(index: LogIndex(8 + UInt64(place)), term: Term(term), time: .zero, payload: .noop)
            }
            var reader = ByteReader(Self.encoded(.append(Self.append(entries))))
            #expect(throws: DecodingFailure.self) { try Message(from: &reader) }
        }
    }

    @Test func aFirstEntryThatIsNoFirstConfigurationIsRefused() {
        let payloads: [(Term, Entry.Payload)] = [
            (.zero, .configuration(Self.configuration)), (Term(2), .configuration(Self.configuration)),
            (Term(1), .noop), (Term(1), .command([1])),
        ]
        for (term, payload) in payloads {
            var append = Self.append([Entry(index: LogIndex(1), term: term, time: .zero, payload: payload)])
            (append.previousIndex, append.previousTerm) = (.zero, .zero)
            var reader = ByteReader(Self.encoded(.append(append)))
            #expect(throws: DecodingFailure.invalid("entry 1 that is not a first configuration")) {
                try Message(from: &reader)
            }
        }
    }

    @Test func aSnapshotOfALaterTermThanItsLeadersIsRefused() {
        let position = SnapshotPosition(
            index: LogIndex(9), term: Term(5), time: .zero, configuration: Self.configuration)
        let chunk = SnapshotChunk(term: Term(4), position: position, number: 0, bytes: [], isLast: true, round: 0)
        var reader = ByteReader(Self.encoded(.snapshotChunk(chunk)))
        #expect(throws: DecodingFailure.self) { try Message(from: &reader) }
    }

    @Test func numbersThatNothingCouldCountOnFromAreRefused() {
        var late = Self.append([])
        late.time = ClusterTime(nanoseconds: .max)
        let messages: [Message] = [
            .vote(VoteRequest(term: Term(.max), lastIndex: LogIndex(1), lastTerm: Term(1), handOver: false)),
            .preVote(VoteRequest(term: Term(1), lastIndex: LogIndex(.max), lastTerm: Term(1), handOver: false)),
            .snapshotReply(SnapshotReply(term: Term(4), index: LogIndex(9), next: .max, round: 4)), .append(late),
        ]
        for message in messages {
            var reader = ByteReader(Self.encoded(message))
            #expect(throws: DecodingFailure.self) { try Message(from: &reader) }
        }
    }

    private static func mutate(_ bytes: inout Bytes, _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(place...)
        default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        }
    }

    private static func encoded(_ message: Message) -> Bytes {
        var writer = ByteWriter()
        message.encode(into: &writer)
        return writer.bytes
    }

    private static func append(_ entries: [Entry]) -> Append {
        Append(
            term: Term(4), previousIndex: LogIndex(7), previousTerm: Term(2), entries: entries, commit: LogIndex(6),
            round: 9, roundIsUrgent: true, time: ClusterTime(nanoseconds: 77), digestIndex: LogIndex(5), digest: 1 << 60
        )
    }

    private static let configuration = Configuration(members: [
        Configuration.Member(name: "n1", peerAddress: "n1:1"), Configuration.Member(name: "n2", peerAddress: "n2:1"),
    ])

    private static let samples: [Message] = [
        .preVote(VoteRequest(term: Term(3), lastIndex: LogIndex(300), lastTerm: Term(2), handOver: false)),
        .preVoteReply(VoteReply(term: Term(3), granted: true)),
        .vote(VoteRequest(term: Term(3), lastIndex: LogIndex(1), lastTerm: Term(1), handOver: true)),
        .voteReply(VoteReply(term: Term(Limits.counters - 1), granted: false)),
        .append(append([])),
        .append(
            append([
                Entry(index: LogIndex(8), term: Term(2), time: .zero, payload: .noop),
                Entry(index: LogIndex(9), term: Term(4), time: .zero, payload: .configuration(configuration)),
                Entry(
                    index: LogIndex(10), term: Term(4), time: ClusterTime(nanoseconds: 1),
                    payload: .command([1, 2, 3])
                ),
            ])),
        .appendReply(
            AppendReply(
                term: Term(4), round: 9, outcome: .matching(through: LogIndex(10)), counts: true, needsSnapshot: false)),
        .appendReply(
            AppendReply(
                term: Term(4), round: 9,
                outcome: .mismatch(previous: LogIndex(10), hint: LogIndex(3), hintTerm: Term(2)), counts: false,
                needsSnapshot: true)),
        .snapshotChunk(
            SnapshotChunk(
                term: Term(4),
                position: SnapshotPosition(
                    index: LogIndex(9), term: Term(3), time: ClusterTime(nanoseconds: 5), configuration: configuration),
                number: 2, bytes: Bytes(repeating: 7, count: 300), isLast: true, round: 4)),
        .snapshotReply(SnapshotReply(term: Term(4), index: LogIndex(9), next: 3, round: 4)),
        .readRequest(ReadRequest(term: Term(4), batch: .max)),
        .readReply(ReadReply(term: Term(4), batch: 1, index: LogIndex(12), time: ClusterTime(nanoseconds: 77))),
        .campaignNow(CampaignNow(term: Term(4))),
        .credentials(Credentials(term: Term(4), lastTerm: Term(3), lastIndex: LogIndex(9), priority: 255, asks: true)),
        .credentials(Credentials(term: Term(2), lastTerm: Term(2), lastIndex: LogIndex(9), priority: 0, asks: false)),
        .heldByOthers(HeldByOthers(term: Term(2), index: LogIndex(9))),
        .introduction(
            Introduction(
                term: Term(4), directory: DirectoryID(.max), holdsEntries: false, question: 1, answered: nil,
                firsts: [],
                later: nil)),
        .introduction(
            Introduction(
                term: Term(4), directory: nil, holdsEntries: true, question: nil, answered: .max,
                firsts: [
                    FirstDirectory(member: NodeID(3), directory: DirectoryID(1)),
                    FirstDirectory(member: NodeID(.max), directory: DirectoryID(2)),
                ], later: LogIndex(12))),
    ]
}

extension Message {
    fileprivate var isFromLeader: Bool {
        switch self {
        case .append, .snapshotChunk: true
        default: false
        }
    }
}
