import KeyValue
internal import Primitives

extension JSONWriter {
    /// A key as an object of its own; without its value when only keys were asked for.
    mutating func record(_ record: KeyRecord, withValue: Bool = true) {
        object { $0.recordFields(record, withValue: withValue) }
    }

    mutating func recordFields(_ record: KeyRecord, withValue: Bool = true) {
        field("key", or: "key_base64", record.key)
        if withValue { field("value", or: "value_base64", record.value) }
        field("mod_revision", record.modRevision.rawValue)
        field("create_revision", record.createRevision.rawValue)
        field("version", record.version)
        if let lease = record.lease { field("lease", lease) }
    }

    /// What a writer is told of the key it wrote.
    mutating func putFields(_ put: PutResult) {
        field("key", or: "key_base64", put.record.key)
        field("revision", put.record.modRevision.rawValue)
        field("create_revision", put.record.createRevision.rawValue)
        field("version", put.record.version)
        field("created", put.created)
        if let grant = put.lease {
            field("lease", grant.id)
            leaseTimes(grant)
        }
    }

    mutating func leaseTimes(_ grant: LeaseGrant) {
        field("ttl_ms", UInt64(clamping: grant.ttl.milliseconds))
        field("valid_for_ms", validForMilliseconds(grant))
    }

    /// A lease as the holder that granted or renewed it is told of it.
    mutating func grant(_ grant: LeaseGrant) {
        object {
            $0.field("id", grant.id)
            $0.leaseTimes(grant)
        }
    }

    /// A lease as anybody who asks is told of it.
    mutating func leaseFields(_ grant: LeaseGrant) {
        field("id", grant.id)
        field("ttl_ms", UInt64(clamping: grant.ttl.milliseconds))
        field("remaining_ms", UInt64(clamping: max(0, grant.remaining.milliseconds)))
    }

    /// A page of keys; `revision` where it is a document of its own.
    mutating func pageFields(_ range: RangeResult, keysOnly: Bool) {
        array("kvs") { for record in range.records { $0.record(record, withValue: !keysOnly) } }
        field("count", range.count)
        field("more", range.more)
    }
}
