import KeyValue
internal import NIOCore
internal import Primitives

/// The text of server-sent events (WHATWG HTML §9.2). JSON has no raw line ends, so one `data:` line holds it.
extension ByteBuffer {
    /// All events of a revision; only the last carries the id, so that a broken stream resumes at whole revisions.
    mutating func writeEvents(_ revision: RevisionEvents, showsPrevious: Bool) {
        for (place, event) in revision.events.enumerated() {
            let isLast = place == revision.events.count - 1
            write(event, showsPrevious: showsPrevious, id: isLast ? revision.revision.rawValue : nil)
        }
    }

    private mutating func write(_ event: Event, showsPrevious: Bool, id: UInt64?) {
        switch event {
        case .put(let record, let previous):
            writeEvent("put", id: id) { json in
                json.recordFields(record)
                if showsPrevious { json.previous(previous) }
            }
        case .delete(let key, let revision, let reason, let previous):
            writeEvent("delete", id: id) { json in
                json.field("key", or: "key_base64", key)
                json.field("mod_revision", revision.rawValue)
                json.field("reason", reason.name)
                if showsPrevious { json.previous(previous) }
            }
        }
    }

    /// What is there at the start of a watch.
    mutating func writeState(_ records: [KeyRecord], at revision: Revision) {
        writeEvent("state", id: revision.rawValue) { json in
            json.array("kvs") { json in for record in records { json.record(record) } }
            json.field("revision", revision.rawValue)
        }
    }

    /// The change of an election; its fence is the event's id.
    mutating func write(_ event: ElectionEvent) {
        guard let leader = event.leader else {
            return writeEvent("vacant", id: event.fence.rawValue) { json in
                json.field("fence", event.fence.rawValue)
                json.previous(event.ended)
            }
        }
        writeEvent(event.election.kind == .lock ? "holder" : "leader", id: event.fence.rawValue) { json in
            json.leadershipFields(leader)
            json.previous(event.ended)
        }
    }

    /// How far back a stream can begin: the name of a revision or a fence, and the oldest one.
    mutating func writeCompacted(_ name: StaticString, oldest: UInt64) {
        writeEvent("compacted", id: nil) { $0.field(name, oldest) }
    }

    mutating func writeNoLeader(_ name: StaticString, reached: UInt64) {
        writeEvent("no-leader", id: nil) { $0.field(name, reached) }
    }

    /// A comment: it wakes no handler of a browser, but keeps proxies from closing the stream.
    mutating func writeHeartbeat(_ name: StaticString, reached: UInt64) {
        writeStaticString(": ")
        writeStaticString(name)
        writeStaticString(" ")
        writeDecimal(reached)
        writeStaticString("\n\n")
    }

    /// - Parameter id: where a broken stream resumes; `nil` where it cannot.
    private mutating func writeEvent(_ name: StaticString, id: UInt64?, _ fields: (inout JSONWriter) -> Void) {
        writeStaticString("event: ")
        writeStaticString(name)
        writeStaticString("\ndata: ")
        // Exchanged, not assigned: with a second reference to the memory each event would copy all before it.
        var json = JSONWriter(into: ByteBuffer())
        json.exchangeBuffer(&self)
        json.object(fields)
        json.exchangeBuffer(&self)
        if let id {
            writeStaticString("\nid: ")
            writeDecimal(id)
        }
        writeStaticString("\n\n")
    }
}

extension JSONWriter {
    fileprivate mutating func previous(_ record: KeyRecord?) {
        if let record { object("prev") { $0.recordFields(record) } } else { null("prev") }
    }

    /// The leadership that ended with an event.
    fileprivate mutating func previous(_ leadership: Leadership?) {
        guard let leadership, let end = leadership.end else { return null("previous") }
        object("previous") { json in
            json.field("id", or: "id_base64", leadership.candidate)
            json.field("fence", leadership.fence.rawValue)
            json.field("reason", end.reason.name)
        }
    }
}

extension DeletionReason {
    /// How an event says it.
    var name: StaticString {
        switch self {
        case .deleted: "deleted"
        case .expired: "expired"
        case .revoked: "revoked"
        }
    }
}
