import KeyValue
internal import NIOCore
internal import Primitives

/// The text of server-sent events (WHATWG HTML §9.2). JSON has no raw line ends, so one `data:` line holds it.
extension ByteBuffer {
    /// All events of a revision; only the last carries the id, so that a broken stream resumes at whole revisions.
    mutating func writeEvents(_ revision: RevisionEvents, showsPrevious: Bool) {
        for (place, event) in revision.events.enumerated() {
            let isLast = place == revision.events.count - 1
            write(event, showsPrevious: showsPrevious, id: isLast ? revision.revision : nil)
        }
    }

    private mutating func write(_ event: Event, showsPrevious: Bool, id: Revision?) {
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
        writeEvent("state", id: revision) { json in
            json.array("kvs") { json in for record in records { json.record(record) } }
            json.field("revision", revision.rawValue)
        }
    }

    mutating func writeCompacted(oldest: Revision) {
        writeEvent("compacted", id: nil) { $0.field("oldest_revision", oldest.rawValue) }
    }

    mutating func writeNoLeader(reached: Revision) {
        writeEvent("no-leader", id: nil) { $0.field("revision", reached.rawValue) }
    }

    /// A comment: it wakes no handler of a browser, but keeps proxies from closing the stream.
    mutating func writeHeartbeat(reached: Revision) {
        writeStaticString(": revision ")
        writeDecimal(reached.rawValue)
        writeStaticString("\n\n")
    }

    private mutating func writeEvent(_ name: StaticString, id: Revision?, _ fields: (inout JSONWriter) -> Void) {
        writeStaticString("event: ")
        writeStaticString(name)
        writeStaticString("\ndata: ")
        var json = JSONWriter(into: self)
        // The writer must hold the only reference to the memory, or each event would copy all before it.
        self = ByteBuffer()
        json.object(fields)
        self = json.buffer
        if let id {
            writeStaticString("\nid: ")
            writeDecimal(id.rawValue)
        }
        writeStaticString("\n\n")
    }
}

extension JSONWriter {
    fileprivate mutating func previous(_ record: KeyRecord?) {
        if let record { object("prev") { $0.recordFields(record) } } else { null("prev") }
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
