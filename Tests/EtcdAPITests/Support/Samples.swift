import Foundation
import KeyValue
import Primitives

@testable import EtcdAPI

typealias KeyValueEvent = KeyValue.Event

enum KeyRecordSample {
    static func record(valueBytes: Int) -> KeyRecord {
        KeyRecord(
            key: Array("key".utf8), value: [UInt8](repeating: 0xFF, count: valueBytes), createRevision: Revision(300),
            modRevision: Revision(70_000), version: 129, lease: LeaseID(1 << 62))
    }
}

func put(_ key: String, _ value: String, lease: Int64 = 0) -> Etcdserverpb_PutRequest {
    .with {
        $0.key = Data(key.utf8)
        $0.value = Data(value.utf8)
        $0.lease = lease
    }
}

func range(_ key: String, to end: String = "") -> Etcdserverpb_RangeRequest {
    .with {
        $0.key = Data(key.utf8)
        $0.rangeEnd = Data(end.utf8)
    }
}

extension Data {
    var text: String { String(decoding: self, as: UTF8.self) }
}
