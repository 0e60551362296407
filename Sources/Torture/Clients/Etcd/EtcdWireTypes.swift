import FoundationEssentials
internal import HistoryChecker

// The JSON of etcd's gateway: zeros are left out, and 64-bit numbers are texts.

/// A number of 64 bits.
struct EtcdNumber: Decodable {
    var text: String

    init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }
}

extension EtcdNumber? {
    var unsigned: UInt64 { self.flatMap { UInt64($0.text) } ?? 0 }
    var signed: Int64 { self.flatMap { Int64($0.text) } ?? 0 }
}

struct EtcdHeader: Decodable {
    var revision: EtcdNumber?
}

/// What every answer has.
struct EtcdHeaded: Decodable {
    var header: EtcdHeader

    var revision: UInt64 { header.revision.unsigned }
}

struct EtcdRecord: Decodable {
    var key: Data
    var value: Data?
    var create_revision: EtcdNumber?
    var mod_revision: EtcdNumber?
    var version: EtcdNumber?
    var lease: EtcdNumber?

    var record: Record {
        Record(
            key: escaped(key), value: escapedValue(value ?? Data()), revision: mod_revision.unsigned,
            created: create_revision.unsigned, version: version.unsigned, lease: lease.unsigned)
    }
}

struct EtcdRange: Decodable {
    var kvs: [EtcdRecord]?
    var more: Bool?
    var count: EtcdNumber?

    var page: Response.Page {
        Response.Page((kvs ?? []).map(\.record), count: Int(count.signed), more: more ?? false)
    }
}

struct EtcdPut: Decodable {
    var prev_kv: EtcdRecord?
}

struct EtcdDelete: Decodable {
    var deleted: EtcdNumber?
}

struct EtcdTransaction: Decodable {
    var succeeded: Bool?
    var responses: [Step]?

    struct Step: Decodable {
        var response_range: EtcdRange?
        var response_put: EtcdPut?
        var response_delete_range: EtcdDelete?

        var result: Response.StepResult {
            get throws {
                if let response_range { return .read(response_range.page) }
                if response_put != nil { return .wrote }
                guard let response_delete_range else { throw Missing(what: "a step's result") }
                return .deleted(Int(response_delete_range.deleted.signed))
            }
        }
    }
}

struct EtcdLease: Decodable {
    var ID: EtcdNumber?
    var TTL: EtcdNumber?
    var keys: [Data]?
}

struct EtcdLeases: Decodable {
    var leases: [EtcdLease]?
}

struct EtcdLeader: Decodable {
    var leader: Place

    struct Place: Decodable {
        var key: Data
        var rev: EtcdNumber?
        var lease: EtcdNumber?
    }
}

struct EtcdLock: Decodable {
    var key: Data
}

struct EtcdFront: Decodable {
    var kv: EtcdRecord
}

struct EtcdError: Decodable {
    var message: String
    var code: Int
}

/// One line of a stream.
struct EtcdPiece<Result: Decodable>: Decodable {
    var result: Result?
    var error: EtcdError?
}

struct EtcdWatchAnswer: Decodable {
    var header: EtcdHeader
    var created: Bool?
    var canceled: Bool?
    var cancel_reason: String?
    var compact_revision: EtcdNumber?
    var events: [Event]?

    struct Event: Decodable {
        var type: String?
        var kv: EtcdRecord
        var prev_kv: EtcdRecord?

        var told: Watched.Event {
            let record = kv.record
            let change =
                type == "DELETE" ? Change(delete: record.key, at: record.revision, .untold) : Change(put: record)
            return .change(change, previous: prev_kv?.record)
        }
    }
}
