import Foundation
internal import KeyValue
internal import Primitives

extension Bytes {
    init(_ data: Data) { self = data.withUnsafeBytes { Bytes($0) } }
}

extension KeyRecord {
    /// The record as etcd's clients are told of it.
    var message: Mvccpb_KeyValue {
        var message = Mvccpb_KeyValue()
        message.key = Data(key)
        message.value = Data(value)
        message.createRevision = Int64(clamping: createRevision.rawValue)
        message.modRevision = Int64(clamping: modRevision.rawValue)
        message.version = Int64(clamping: version)
        message.lease = Int64(bitPattern: lease?.rawValue ?? 0)
        return message
    }
}

extension KeySelection {
    /// etcd's pair of a key and an end of a range: no end is the key alone, `\0` everything from the key on.
    init(key: Bytes, rangeEnd: Bytes) {
        if rangeEnd.isEmpty {
            self = .key(key)
        } else {
            self = .range(from: key, to: rangeEnd == [0] ? nil : rangeEnd)
        }
    }

    init(key: Data, rangeEnd: Data) { self.init(key: Bytes(key), rangeEnd: Bytes(rangeEnd)) }
}

extension Etcdserverpb_ResponseHeader {
    /// The header of an answer inside a transaction's: nothing but the revision.
    static func inner(_ revision: Revision) -> Etcdserverpb_ResponseHeader {
        var header = Etcdserverpb_ResponseHeader()
        header.revision = Int64(clamping: revision.rawValue)
        return header
    }
}
