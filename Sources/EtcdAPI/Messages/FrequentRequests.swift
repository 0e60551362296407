import Foundation
internal import NIOCore
internal import Primitives

/// `PutRequest`.
struct PutRequest: FrequentRequest, Hashable {
    var key: Bytes = []
    var value: Bytes = []
    var lease: Int64 = 0
    var wantsPrevious = false
    var ignoresValue = false
    var ignoresLease = false

    init(_ message: Etcdserverpb_PutRequest) {
        key = Bytes(message.key)
        value = Bytes(message.value)
        lease = message.lease
        wantsPrevious = message.prevKv
        ignoresValue = message.ignoreValue
        ignoresLease = message.ignoreLease
    }

    init?(protobuf: ByteBuffer) {
        let isUsual = protobuf.readProtobufFields { number, value in
            switch (number, value) {
            case (1, .bytes(let bytes)): key = Bytes(bytes)
            case (2, .bytes(let bytes)): self.value = Bytes(bytes)
            case (3, .number(let number)): lease = Int64(bitPattern: number)
            case (4, .number(let number)): wantsPrevious = number != 0
            case (5, .number(let number)): ignoresValue = number != 0
            case (6, .number(let number)): ignoresLease = number != 0
            default: return false
            }
            return true
        }
        guard isUsual else { return nil }
    }

    init?(json: Bytes) {
        var seen = SeenFields()
        let isUsual = readGatewayFields(json) { name, value in
            if name == "key" {
                return seen.first(1) && value.bytes.map { key = $0 } != nil
            } else if name == "value" {
                return seen.first(2) && value.bytes.map { self.value = $0 } != nil
            } else if name == "lease" {
                return seen.first(3) && value.integer.map { lease = $0 } != nil
            } else if name == "prev_kv" || name == "prevKv" {
                return seen.first(4) && value.flag.map { wantsPrevious = $0 } != nil
            } else if name == "ignore_value" || name == "ignoreValue" {
                return seen.first(5) && value.flag.map { ignoresValue = $0 } != nil
            } else if name == "ignore_lease" || name == "ignoreLease" {
                return seen.first(6) && value.flag.map { ignoresLease = $0 } != nil
            }
            return false
        }
        guard isUsual else { return nil }
    }
}

/// `RangeRequest`.
struct RangeRequest: FrequentRequest, Hashable {
    typealias SortOrder = Etcdserverpb_RangeRequest.SortOrder
    typealias SortTarget = Etcdserverpb_RangeRequest.SortTarget

    var key: Bytes = []
    var rangeEnd: Bytes = []
    var limit: Int64 = 0
    var revision: Int64 = 0
    var sortOrder = SortOrder.none
    var sortTarget = SortTarget.key
    var isSerializable = false
    var wantsKeysOnly = false
    var wantsCountOnly = false
    var leastModRevision: Int64 = 0
    var mostModRevision: Int64 = 0
    var leastCreateRevision: Int64 = 0
    var mostCreateRevision: Int64 = 0

    init(_ message: Etcdserverpb_RangeRequest) {
        key = Bytes(message.key)
        rangeEnd = Bytes(message.rangeEnd)
        limit = message.limit
        revision = message.revision
        sortOrder = message.sortOrder
        sortTarget = message.sortTarget
        isSerializable = message.serializable
        wantsKeysOnly = message.keysOnly
        wantsCountOnly = message.countOnly
        leastModRevision = message.minModRevision
        mostModRevision = message.maxModRevision
        leastCreateRevision = message.minCreateRevision
        mostCreateRevision = message.maxCreateRevision
    }

    init?(protobuf: ByteBuffer) {
        let isUsual = protobuf.readProtobufFields { number, value in
            switch (number, value) {
            case (1, .bytes(let bytes)): key = Bytes(bytes)
            case (2, .bytes(let bytes)): rangeEnd = Bytes(bytes)
            case (3, .number(let number)): limit = Int64(bitPattern: number)
            case (4, .number(let number)): revision = Int64(bitPattern: number)
            // Above are no values, or what only looks like one.
            case (5, .number(let number)) where number <= 2: sortOrder = SortOrder(rawValue: Int(number)) ?? .none
            case (6, .number(let number)) where number <= 4: sortTarget = SortTarget(rawValue: Int(number)) ?? .key
            case (7, .number(let number)): isSerializable = number != 0
            case (8, .number(let number)): wantsKeysOnly = number != 0
            case (9, .number(let number)): wantsCountOnly = number != 0
            case (10, .number(let number)): leastModRevision = Int64(bitPattern: number)
            case (11, .number(let number)): mostModRevision = Int64(bitPattern: number)
            case (12, .number(let number)): leastCreateRevision = Int64(bitPattern: number)
            case (13, .number(let number)): mostCreateRevision = Int64(bitPattern: number)
            default: return false
            }
            return true
        }
        guard isUsual else { return nil }
    }

    /// Sorts and filters are unusual.
    init?(json: Bytes) {
        var seen = SeenFields()
        let isUsual = readGatewayFields(json) { name, value in
            if name == "key" {
                return seen.first(1) && value.bytes.map { key = $0 } != nil
            } else if name == "range_end" || name == "rangeEnd" {
                return seen.first(2) && value.bytes.map { rangeEnd = $0 } != nil
            } else if name == "limit" {
                return seen.first(3) && value.integer.map { limit = $0 } != nil
            } else if name == "revision" {
                return seen.first(4) && value.integer.map { revision = $0 } != nil
            } else if name == "serializable" {
                return seen.first(7) && value.flag.map { isSerializable = $0 } != nil
            } else if name == "keys_only" || name == "keysOnly" {
                return seen.first(8) && value.flag.map { wantsKeysOnly = $0 } != nil
            } else if name == "count_only" || name == "countOnly" {
                return seen.first(9) && value.flag.map { wantsCountOnly = $0 } != nil
            }
            return false
        }
        guard isUsual else { return nil }
    }
}

/// `LeaseKeepAliveRequest`.
struct KeepAliveRequest: FrequentRequest, Hashable {
    var id: Int64 = 0

    init(_ message: Etcdserverpb_LeaseKeepAliveRequest) { id = message.id }

    init?(protobuf: ByteBuffer) {
        let isUsual = protobuf.readProtobufFields { number, value in
            guard number == 1, case .number(let number) = value else { return false }
            id = Int64(bitPattern: number)
            return true
        }
        guard isUsual else { return nil }
    }

    init?(json: Bytes) {
        var seen = SeenFields()
        let isUsual = readGatewayFields(json) { name, value in
            name == "ID" && seen.first(1) && value.integer.map { id = $0 } != nil
        }
        guard isUsual else { return nil }
    }
}

/// Which fields of an object came already: what comes twice is unusual.
private struct SeenFields {
    private var bits: UInt32 = 0
    mutating func first(_ number: UInt32) -> Bool {
        defer { bits |= 1 << number }
        return bits & (1 << number) == 0
    }
}
