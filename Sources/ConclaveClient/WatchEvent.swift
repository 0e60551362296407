/// What a watch tells.
public enum WatchEvent: Hashable, Sendable {
    /// What there is when the watch begins; everything after it is told as events. Not sent to a watch that begins at a
    /// revision.
    case state([KeyRecord], revision: UInt64)
    /// A key was written; `previous` is what it replaced, where the watch asked for it and the history still has it.
    case put(KeyRecord, previous: KeyRecord?)
    /// A key is gone.
    case delete(Deletion)
    /// Everything up to this revision was told.
    case progress(revision: UInt64)
    /// Nothing is being told at the moment; the watch goes on by itself, and misses nothing.
    case interrupted(Interruption)

    /// The end of a key.
    public struct Deletion: Hashable, Sendable {
        /// The key.
        public var key: ByteString
        /// The revision that ended it.
        public var modRevision: UInt64
        /// Why it ended.
        public var reason: Reason
        /// What it was, where the watch asked for it and the history still has it.
        public var previous: KeyRecord?
    }

    /// Why a key ended.
    public enum Reason: String, Hashable, Sendable, Codable {
        /// Somebody deleted it.
        case deleted
        /// Its lease ran out.
        case expired
        /// Its lease was ended by its holder.
        case revoked
    }

    /// Why a watch is silent.
    public enum Interruption: Hashable, Sendable {
        /// The watched node has lost its leader, and goes on when there is one.
        case noLeader
        /// The connection to the node broke; another is being asked.
        case disconnected(String)
    }
}

/// What to watch.
public enum WatchSelection: Hashable, Sendable {
    /// One key.
    case key(ByteString)
    /// All keys that begin with these bytes; all keys when there are none.
    case prefix(ByteString)
}

extension WatchEvent {
    /// Reads one event of a stream; `nil` for one this library does not know.
    init?(name: String, data: [UInt8]) throws {
        switch name {
        case "state":
            let state = try JSON.decode(WireState.self, from: data)
            self = .state(state.kvs, revision: state.revision)
        case "put":
            self = .put(
                try JSON.decode(KeyRecord.self, from: data),
                previous: try JSON.decode(WirePrevious.self, from: data).prev)
        case "delete": self = .delete(try JSON.decode(WireDeletion.self, from: data).deletion)
        case "no-leader": self = .interrupted(.noLeader)
        case "compacted":
            var error = ConclaveError(.compacted, "the history this watch would go on from is gone")
            error.oldestRevision = try JSON.decode(WireCompacted.self, from: data).oldestRevision
            throw error
        default: return nil
        }
    }

    /// The revision of a change; `nil` for what is none.
    var changeRevision: UInt64? {
        switch self {
        case .put(let record, _): record.modRevision
        case .delete(let deletion): deletion.modRevision
        case .state, .progress, .interrupted: nil
        }
    }
}

private struct WireState: Decodable {
    var kvs: [KeyRecord]
    var revision: UInt64
}

private struct WireCompacted: Decodable {
    var oldestRevision: UInt64

    init(from decoder: any Decoder) throws {
        oldestRevision = try decoder.container(keyedBy: Field.self).decode(UInt64.self, forKey: "oldest_revision")
    }
}

private struct WirePrevious: Decodable {
    var prev: KeyRecord?
}

private struct WireDeletion: Decodable {
    var deletion: WatchEvent.Deletion

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        deletion = WatchEvent.Deletion(
            key: try fields.bytes("key"), modRevision: try fields.decode(UInt64.self, forKey: "mod_revision"),
            reason: try fields.decode(WatchEvent.Reason.self, forKey: "reason"),
            previous: try fields.decodeIfPresent(KeyRecord.self, forKey: "prev"))
    }
}

/// The revision or fence that a heartbeat comment carries: its first word that is a number.
func number(in comment: String) -> UInt64? {
    comment.split(whereSeparator: { !$0.isLetter && !$0.isNumber }).lazy.compactMap { UInt64($0) }.first
}
