import KeyValue
import NIOCore
import Primitives

@testable import Consensus
@testable import PeerTransport
@testable import ReplicaCore

extension Decoder {
    /// The bytes of a connection between nodes. The first byte says in pieces of what size they come, and whether the
    /// frames get right checksums first; a stream must not depend on how it was cut.
    static let frame = Decoder(
        name: "frame",
        seeds: { [Bytes([0]) + frames(), Bytes([1]) + frames(), Bytes([7]) + frames()] },
        decode: { input in
            guard let mode = input.first else { return }
            var stream = Bytes(input.dropFirst())
            if mode & 1 == 0 { correctChecksums(of: &stream) }
            let whole = Received(stream, pieces: max(1, stream.count))
            precondition(whole == Received(stream, pieces: 1 + Int(mode >> 1)), "a stream depends on how it was cut")
            for frame in whole.frames {
                if let hello = try? PeerHello(frame.body) {
                    precondition((try? PeerHello(hello.encoded())) == hello, "a hello changes on its way")
                }
                decodeMessage(frame.body)
            }
        })

    /// What one node says to another, and what is packed into it.
    static let message = Decoder(
        name: "message", seeds: { sampleMessages().map { $0.encoded() } }, decode: decodeMessage)
}

@Sendable private func decodeMessage(_ bytes: Bytes) {
    guard let message = try? PeerMessage(decoding: bytes) else { return }
    precondition((try? PeerMessage(decoding: message.encoded())) == message, "a message changes on its way")
    switch message {
    case .consensus(.append(let append)):
        for case .command(let command) in append.entries.map(\.payload) { _ = try? LoggedCommand.decode(command) }
    case .consensus(.snapshotChunk(let chunk)): _ = try? SnapshotContent.decode(chunk.bytes)
    case .forward(let forward):
        for case .proposal(let proposal) in forward.items.map(\.content) { _ = try? Proposal(decoding: proposal) }
    default: break
    }
}

/// What came out of a stream of frames.
private struct Received: Equatable {
    var frames: [PeerFrame] = []
    var error: String?

    init(_ stream: Bytes, pieces: Int) {
        let processor = NIOSingleStepByteToMessageProcessor(PeerFrameDecoder())
        do {
            for start in stride(from: 0, to: stream.count, by: pieces) {
                let piece = ByteBuffer(bytes: stream[start..<min(stream.count, start + pieces)])
                try processor.process(buffer: piece) { frames.append($0) }
            }
            try processor.finishProcessing(seenEOF: true) { frames.append($0) }
        } catch {
            self.error = "\(error)"
        }
    }
}

/// Makes every whole frame in `stream` one that its receiver believes.
private func correctChecksums(of stream: inout Bytes) {
    var start = 0
    while start + PeerFrame.headerBytes <= stream.count {
        let length = stream[start..<start + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        let end = start + 4 + length
        guard end <= stream.count, end >= start + PeerFrame.headerBytes else { return }
        let checksum = crc32c(stream[(start + 8)..<end])
        for place in 0..<4 { stream[start + 4 + place] = UInt8(truncatingIfNeeded: checksum >> (8 * place)) }
        start = end
    }
}

// MARK: - Seeds

private func frames() -> Bytes {
    let origin = PeerFrame.Origin(cluster: ClusterID(rawValue: 7), incarnation: Incarnation(1), node: NodeID(2))
    var buffer = ByteBuffer()
    buffer.writeFrame(PeerHello(recipient: NodeID(3), name: "n2").encoded(), from: origin)
    for message in sampleMessages().prefix(2) { buffer.writeFrame(message.encoded(), from: origin) }
    return Bytes(buffer.readableBytesView)
}

func sampleMessages() -> [PeerMessage] {
    let configuration = Configuration(members: [.init(name: "n1", peerAddress: "h:1")])
    let position = SnapshotPosition(index: LogIndex(9), term: Term(2), time: .zero, configuration: configuration)
    let origin = Origin(node: NodeID(1), number: 5)
    let command = LoggedCommand(origins: [origin], proposal: sampleProposals[0].encoded())
    let payloads: [Entry.Payload] = [.noop, .command(command.encoded()), .configuration(configuration)]
    let entries = payloads.enumerated().map { place, payload in
        Entry(index: LogIndex(UInt64(place) + 4), term: Term(2), time: .zero, payload: payload)
    }
    let consensus: [Message] = [
        .vote(VoteRequest(term: Term(2), lastIndex: LogIndex(3), lastTerm: Term(1), handOver: true)),
        .append(
            Append(
                term: Term(2), previousIndex: LogIndex(3), previousTerm: Term(1), entries: entries,
                commit: LogIndex(3), round: 4, roundIsUrgent: true, time: .zero, digestIndex: LogIndex(2), digest: 77)),
        .appendReply(
            AppendReply(
                term: Term(2), round: 4,
                outcome: .mismatch(previous: LogIndex(3), hint: LogIndex(2), hintTerm: Term(1)), counts: true,
                needsSnapshot: false)),
        .snapshotChunk(
            SnapshotChunk(term: Term(2), position: position, number: 0, bytes: sampleSnapshot(), isLast: true, round: 4)
        ),
        .readReply(ReadReply(term: Term(2), batch: 8, index: LogIndex(3), time: ClusterTime(nanoseconds: 5))),
        .campaignNow(CampaignNow(term: Term(2))),
        .heldByOthers(HeldByOthers(term: Term(2), index: LogIndex(3))),
        .credentials(Credentials(term: Term(2), lastTerm: Term(1), lastIndex: LogIndex(3), priority: 200, asks: true)),
        .introduction(
            Introduction(
                term: Term(2), directory: DirectoryID(9), holdsEntries: false, question: 5, answered: nil,
                firsts: [FirstDirectory(member: NodeID(2), directory: DirectoryID(8))], later: LogIndex(3))),
    ]
    let items = [
        Forward.Item(origin: origin, content: .proposal(sampleProposals[1].encoded())),
        Forward.Item(origin: origin, content: .renewal([LeaseID(10)])),
    ]
    let follower = MemberReport.Follower(
        node: NodeID(2), lag: 3, roundTrip: .microseconds(200), silence: nil, isReceivingSnapshot: false)
    return consensus.map(PeerMessage.consensus) + [
        .forward(Forward(term: Term(2), items: items)),
        .forwardRefused(ForwardRefused(term: Term(2), origins: [origin], reason: .overloaded)),
        .report(
            MemberReport(
                role: .leader, term: Term(2), appliedIndex: LogIndex(9), followers: [follower],
                clientAddress: "h:2", diskSync: .microseconds(90), version: "1", election: .ranked, priority: 7)),
    ]
}
