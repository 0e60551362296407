internal import Consensus
internal import Primitives
internal import ReplicaCore

/// A leader's news of its commit index, held back for a moment: the next entries, which carry it too, often follow at
/// once, and a message less spares each follower a wake-up (`Docs/Decisions/0004-quiet-writes.md`).
struct HeldNews {
    typealias Envelope = (to: NodeID, message: PeerMessage)

    private var held: [Envelope] = []

    /// Holds `messages` back if all are such news; empties them then.
    mutating func hold(_ messages: inout [Envelope]) {
        guard !messages.isEmpty, messages.allSatisfy(\.message.isNewsOnly) else { return }
        held = messages
        messages = []
    }

    /// What has to go out before `messages` do: news that they do not carry themselves.
    mutating func take(before messages: [Envelope]) -> [Envelope] {
        guard !held.isEmpty else { return [] }
        defer { held = [] }
        return held.filter { news in !messages.contains { $0.to == news.to && $0.message.isAppend } }
    }
}

extension PeerMessage {
    fileprivate var isAppend: Bool {
        if case .consensus(.append) = self { true } else { false }
    }

    /// Whether this brings nothing but the commit index, and nobody waits for an answer.
    fileprivate var isNewsOnly: Bool {
        guard case .consensus(.append(let append)) = self else { return false }
        return append.entries.isEmpty && !append.roundIsUrgent
    }
}
