import Consensus
import Exploration
import Primitives

/// A few members, the messages between them and their disks, moved by a scenario's commands.
struct Stage {
    /// A message under way.
    struct Letter {
        var from: NodeID
        var to: NodeID
        var message: Message
    }

    /// A direction between two members.
    struct Link: Hashable {
        var from: NodeID
        var to: NodeID
    }

    /// By member.
    var settings: [String: Settings] = [:]
    var configuration = Configuration(members: [])
    var members: [String: Member] = [:]
    var mail: [Letter] = []
    /// Links on which messages are lost.
    var cut: Set<Link> = []
    /// Members whose writes and snapshots wait for `sync` and `install`.
    var slowDisks: Set<String> = []
    /// Snapshots that arrived at a member with a slow disk.
    var arrived: [String: SnapshotPosition] = [:]
    /// Members that are waiting for a `start` after `stop`.
    var stopped: Set<String> = []
    /// Set while single messages and writes are not worth a line.
    var isBrief = false
    /// What was printed since the last exchange.
    var lines: [String] = []

    var wording: Wording { Wording(configuration) }
    var names: [String] { configuration.members.map(\.name).sorted() }

    mutating func say(_ line: String) { lines.append(line) }
    mutating func say(_ name: String, _ line: String) { lines.append("\(name)  \(line)") }

    mutating func takeLines() -> [String] {
        defer { lines = [] }
        return lines.isEmpty ? ["nothing to see"] : lines
    }

    func id(_ name: String) -> NodeID { NodeID(name: name) }

    // MARK: Steps

    /// Hands an input to a member and carries out what it wants done.
    mutating func step(_ name: String, _ input: (inout Raft, Instant, inout RaftOutbox) -> Void) {
        guard var member = members[name], !stopped.contains(name) else { return }
        let before = member
        let out = member.step(input)
        members[name] = member
        carryOut(out, at: name, before: before)
    }

    /// Prints and posts what came of a step, and serves the disk unless it is slow.
    mutating func carryOut(_ out: RaftOutbox, at name: String, before: Member) {
        guard let member = members[name] else { return }
        for notice in out.notices { say(name, wording.words(notice)) }
        if let write = out.write, !isBrief { say(name, "writes \(wording.words(write))") }
        post(out.sends, from: member.id)
        if member.raft.commitIndex > before.raft.commitIndex {
            say(name, "knows \(member.raft.commitIndex.rawValue) to be committed")
        }
        for (read, index) in out.readyReads {
            say(name, "may answer read \(read.rawValue) from index \(index.rawValue)")
        }
        for wanted in out.wantedChunks { sendPiece(wanted.number, to: wanted.to, at: name) }
        if let (position, _) = out.receivedSnapshot { arrived[name] = position }
        guard !slowDisks.contains(name) else { return }
        if let position = arrived.removeValue(forKey: name) { install(position, at: name) }
        if !(members[name]?.writes.isEmpty ?? true) { sync(name) }
    }

    private mutating func post(_ envelopes: [Envelope], from sender: NodeID) {
        for envelope in envelopes {
            if !isBrief { say(wording.words(envelope.message, from: sender, to: envelope.to)) }
            mail.append(Letter(from: sender, to: envelope.to, message: envelope.message))
        }
    }

    mutating func sync(_ name: String) {
        guard var member = members[name], !member.writes.isEmpty else { return }
        let before = member
        let out = member.sync()
        members[name] = member
        if slowDisks.contains(name) { say(name, "has it on disk") }
        carryOut(out, at: name, before: before)
    }

    mutating func install(_ position: SnapshotPosition, at name: String) {
        guard var member = members[name] else { return }
        let before = member
        let out = member.install(position)
        members[name] = member
        carryOut(out, at: name, before: before)
    }

    /// Every snapshot has two pieces and covers what is committed when it begins.
    private mutating func sendPiece(_ number: UInt64, to peer: NodeID, at name: String) {
        step(name) { raft, now, out in
            let current = number == 0 ? nil : raft.snapshotPosition(for: peer)
            guard let position = current ?? raft.position(at: raft.commitIndex, time: raft.log.lastTime ?? .zero)
            else { return }
            raft.sendSnapshotChunk(
                (number, [UInt8(number)], isLast: number == 1), of: position, to: peer, now: now, into: &out)
        }
    }

    // MARK: Mail

    /// Delivers a message, unless its link is cut or its receiver is down.
    mutating func deliver(_ letter: Letter) {
        let name = wording.name(letter.to)
        guard !cut.contains(Link(from: letter.from, to: letter.to)), !stopped.contains(name) else { return }
        step(name) { $0.receive(letter.message, from: letter.from, now: $1, into: &$2) }
    }

    /// Delivers everything, and all that follows from it.
    mutating func settle() {
        var steps = 0
        while !mail.isEmpty {
            steps += 1
            precondition(steps < 10_000, "the members never stop talking")
            deliver(mail.removeFirst())
        }
    }
}
