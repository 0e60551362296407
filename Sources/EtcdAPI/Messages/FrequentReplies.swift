import Foundation
internal import HTTPAPI
internal import KeyValue
internal import NIOCore
internal import Primitives
internal import ReplicaCore

/// The header of an answer.
struct ReplyHeader: Hashable {
    var cluster: UInt64
    var member: UInt64
    var revision: Revision
    var term: Term

    var message: Etcdserverpb_ResponseHeader {
        var header = Etcdserverpb_ResponseHeader()
        header.clusterID = cluster
        header.memberID = member
        header.revision = Int64(clamping: revision.rawValue)
        header.raftTerm = term.rawValue
        return header
    }

    fileprivate func writeProtobuf(into buffer: inout ByteBuffer) {
        buffer.writeLengthDelimited(1) { buffer in
            buffer.writeField(1, cluster)
            buffer.writeField(2, member)
            buffer.writeField(3, revision.rawValue)
            buffer.writeField(4, term.rawValue)
        }
    }

    fileprivate func write(into writer: inout JSONWriter) {
        writer.object("header") { header in
            header.unlessZero("cluster_id", cluster)
            header.unlessZero("member_id", member)
            header.unlessZero("revision", revision.rawValue)
            header.unlessZero("raft_term", term.rawValue)
        }
    }
}

/// `PutResponse` that tells nothing of what was there before.
struct PutReply: RPCMessage {
    var header: ReplyHeader

    func writeProtobuf(into buffer: inout ByteBuffer) { header.writeProtobuf(into: &buffer) }

    func json() -> ByteBuffer { .json(capacity: 160) { header.write(into: &$0) } }
}

/// `RangeResponse`.
struct RangeReply: RPCMessage {
    /// `nil` inside a transaction, which has a header of its own kind.
    var header: ReplyHeader?
    var records: [KeyRecord] = []
    /// Whether the records are told without their values.
    var keysOnly = false
    var more = false
    var count: Int

    var message: Etcdserverpb_RangeResponse {
        var message = Etcdserverpb_RangeResponse()
        if let header { message.header = header.message }
        message.kvs = records.map { record in
            var message = record.message
            if keysOnly { message.value.removeAll() }
            return message
        }
        message.more = more
        message.count = Int64(count)
        return message
    }

    func writeProtobuf(into buffer: inout ByteBuffer) {
        header?.writeProtobuf(into: &buffer)
        for record in records { buffer.writeLengthDelimited(2) { $0.write(record, withValue: !keysOnly) } }
        buffer.writeField(3, more ? 1 : 0)
        buffer.writeField(4, UInt64(count))
    }

    func json() -> ByteBuffer {
        let bytes = records.reduce(0) { $0 + ($1.key.count + $1.value.count) * 4 / 3 + 160 }
        return .json(capacity: 192 + bytes) { writer in
            header?.write(into: &writer)
            if !records.isEmpty {
                writer.array("kvs") { kvs in
                    for record in records { kvs.object { record.write(into: &$0, withValue: !keysOnly) } }
                }
            }
            if more { writer.field("more", true) }
            writer.unlessZero("count", UInt64(count))
        }
    }
}

/// `LeaseKeepAliveResponse`.
struct KeepAliveReply: RPCMessage {
    var header: ReplyHeader
    var lease: LeaseID
    /// 0 when there is no such lease.
    var seconds: Int64

    func writeProtobuf(into buffer: inout ByteBuffer) {
        header.writeProtobuf(into: &buffer)
        buffer.writeField(2, lease.rawValue)
        buffer.writeField(3, UInt64(seconds))
    }

    func json() -> ByteBuffer {
        .json(capacity: 192) { writer in
            header.write(into: &writer)
            if lease.rawValue != 0 { writer.field("ID", number: Int64(bitPattern: lease.rawValue)) }
            writer.unlessZero("TTL", UInt64(seconds))
        }
    }
}

extension KeyRecord {
    fileprivate func write(into writer: inout JSONWriter, withValue: Bool) {
        if !key.isEmpty { writer.field("key", base64: key) }
        writer.unlessZero("create_revision", createRevision.rawValue)
        writer.unlessZero("mod_revision", modRevision.rawValue)
        writer.unlessZero("version", version)
        if withValue, !value.isEmpty { writer.field("value", base64: value) }
        if let lease { writer.field("lease", number: Int64(bitPattern: lease.rawValue)) }
    }
}

extension JSONWriter {
    /// A 64-bit number is a text, and left out when it is zero.
    fileprivate mutating func unlessZero(_ name: StaticString, _ value: UInt64) {
        if value != 0 { field(name, number: value) }
    }
}

extension ByteBuffer {
    fileprivate static func json(capacity: Int, _ fields: (inout JSONWriter) -> Void) -> ByteBuffer {
        var writer = JSONWriter(into: ByteBufferAllocator().buffer(capacity: capacity))
        writer.object(fields)
        return writer.buffer
    }
}
