internal import Primitives
internal import ReplicaCore

/// One thing that happened, to be read by a person when a rule was broken.
enum TraceEvent {
    /// A frame, in words only when somebody reads it.
    case message(StaticString, from: Int, to: Int, Bytes)
    case node(Int, String)
    case notices(Int, [ReplicaNotice])
    case answer(client: Int, sentAt: Int64, ClientReply)
    case world(String)

    var text: String {
        switch self {
        case .message(let what, let from, let to, let frame):
            "n\(from + 1) → n\(to + 1) \(what) \((try? PeerMessage(decoding: frame))?.summary ?? "noise")"
        case .node(let node, let what): "n\(node + 1) \(what)"
        case .notices(let node, let notices): "n\(node + 1) \(notices.map { "\($0)" }.joined(separator: ", "))"
        case .answer(let client, let sentAt, let reply):
            "client \(client), who asked at \(sentAt / 1000) µs, gets \(reply)"
        case .world(let what): what
        }
    }
}

/// A hash of everything that happened, and, where it is kept, the last of it in words.
struct Trace {
    /// Whether what happens is kept. A world that breaks no rule is never told.
    let isKept: Bool
    private(set) var hash = Digest()
    private(set) var count = 0
    private var recent: [(time: Int64, event: TraceEvent)] = []
    private var next = 0
    private let keeps = 60
    /// Gets every line as it happens.
    private let sink: ((String) -> Void)?

    init(isKept: Bool, sink: ((String) -> Void)?) {
        self.isKept = isKept || sink != nil
        self.sink = sink
    }

    mutating func note(_ event: @autoclosure () -> TraceEvent, at time: Int64) {
        if isKept { keep(event(), at: time) }
    }

    private mutating func keep(_ event: TraceEvent, at time: Int64) {
        if let sink { sink(Trace.line(time, event)) }
        if recent.count < keeps {
            recent.append((time, event))
        } else {
            recent[next] = (time, event)
        }
        next = (next + 1) % keeps
    }

    mutating func combine(_ kind: Int, _ first: Int, _ second: UInt64, at time: Int64) {
        count += 1
        hash.combine(UInt64(bitPattern: time) ^ UInt64(kind) << 56 ^ UInt64(first) << 48)
        hash.combine(second)
    }

    /// The last events, oldest first.
    var lines: [String] {
        let start = recent.count < keeps ? 0 : next
        return (0..<recent.count).map { place in
            let item = recent[(start + place) % recent.count]
            return Trace.line(item.time, item.event)
        }
    }

    private static func line(_ time: Int64, _ event: TraceEvent) -> String {
        let micros = String(time / 1000)
        let padded = String(repeating: "0", count: max(0, 7 - micros.count)) + micros
        return "\(padded.dropLast(6)).\(padded.suffix(6)) \(Wording.plain(event.text))"
    }
}

extension PeerMessage {
    /// In a few words; entries by their bounds.
    var summary: String {
        switch self {
        case .consensus(.append(let m)):
            "append t\(m.term.rawValue) prev \(m.previousIndex.rawValue)/\(m.previousTerm.rawValue)"
                + " +\(m.entries.count) commit \(m.commit.rawValue) round \(m.round)\(m.roundIsUrgent ? "!" : "")"
        case .consensus(.appendReply(let m)):
            "reply t\(m.term.rawValue) \(m.outcome) round \(m.round)\(m.counts ? "" : " damaged")"
                + (m.needsSnapshot ? " needs snapshot" : "")
        case .consensus(.snapshotChunk(let m)):
            "snapshot t\(m.term.rawValue) at \(m.position.index.rawValue) piece \(m.number)\(m.isLast ? " last" : "")"
        case .consensus(let message): "\(message)"
        case .forward(let m): "forward t\(m.term.rawValue) of \(m.items.count)"
        case .forwardRefused(let m): "refused t\(m.term.rawValue) of \(m.origins.count)"
        case .report(let m): "report t\(m.term.rawValue)"
        }
    }
}
