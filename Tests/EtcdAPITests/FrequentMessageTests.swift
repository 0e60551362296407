import Foundation
import KeyValue
import NIOCore
import Primitives
import SwiftProtobuf
import Testing

@testable import EtcdAPI

/// The messages that are read and written without SwiftProtobuf, held against it.
@Suite struct FrequentMessageTests {
    @Test(arguments: [UInt64(1), 2, .random(in: .min ... .max)])
    func bothWaysReadTheSame(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            try compare(random.put(), as: PutRequest.self, jsonIsUsual: true, &random)
            let range = random.range()
            let isPlain =
                range.sortOrder == .none && range.sortTarget == .key && range.minModRevision == 0
                && range.maxModRevision == 0 && range.minCreateRevision == 0 && range.maxCreateRevision == 0
            try compare(range, as: RangeRequest.self, jsonIsUsual: isPlain, &random)
            try compare(
                Etcdserverpb_LeaseKeepAliveRequest.with { $0.id = random.number() }, as: KeepAliveRequest.self,
                jsonIsUsual: true, &random)
        }
    }

    private func compare<Request: FrequentRequest & Equatable>(
        _ message: Request.Message, as type: Request.Type, jsonIsUsual: Bool, _ random: inout SeededGenerator
    ) throws {
        let bytes: Bytes = try message.serializedBytes()
        #expect(Request(protobuf: ByteBuffer(bytes: bytes)) == Request(message))
        let json = Bytes(try GatewayJSON.encode(message).readableBytesView)
        let short = Request(json: json)
        #expect(short == Request(message) || short == nil && !jsonIsUsual, "\(String(decoding: json, as: UTF8.self))")

        var spoilt = bytes
        random.spoil(&spoilt)
        if let short = Request(protobuf: ByteBuffer(bytes: spoilt)) {
            #expect(try short == Request(Request.Message(serializedBytes: spoilt)), "\(spoilt)")
        }
        var odd = json
        random.spoil(&odd)
        if let short = Request(json: odd) {
            let long: Request.Message = try GatewayJSON.decode(odd)
            #expect(short == Request(long), "\(String(decoding: odd, as: UTF8.self))")
        }
    }

    @Test(arguments: [
        #"{"key":"YQ==","key":"Yg=="}"#, #"{"key":null}"#, #"{"key":"YQ"}"#, #"{"key":"Y_E="}"#, #"{"lease":1e3}"#,
        #"{"lease":"007"}"#, #"{"prev_kv":"true"}"#, #"{"key":"\u0059Q=="}"#, #"{"foo":{}}"#, "", "[]",
        #"{"key":"YQ=="} x"#,
        #"{"lease":9223372036854775808}"#,
    ])
    func whatIsUnusualIsLeftToSwiftProtobuf(json: String) {
        #expect(PutRequest(json: Bytes(json.utf8)) == nil)
    }

    @Test(arguments: [UInt64(1), .random(in: .min ... .max)])
    func repliesAreWrittenAsSwiftProtobufWritesThem(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<1_000 {
            let header = ReplyHeader(
                cluster: random.next(), member: random.next(), revision: Revision(random.positive()),
                term: Term(random.next() & 7))
            try compare(PutReply(header: header), with: Etcdserverpb_PutResponse.with { $0.header = header.message })
            var range = RangeReply(count: Int(random.next() & 3))
            if random.coin() { range.header = header }
            range.keysOnly = random.coin()
            range.more = random.coin()
            range.records = (0..<random.next() % 3).map { _ in random.record() }
            try compare(range, with: range.message)
            let lease = LeaseID(random.positive())
            let seconds = Int64(random.next() & 3)
            try compare(
                KeepAliveReply(header: header, lease: lease, seconds: seconds),
                with: Etcdserverpb_LeaseKeepAliveResponse.with {
                    $0.header = header.message
                    $0.id = Int64(lease.rawValue)
                    $0.ttl = seconds
                })
        }
    }

    private func compare(_ reply: some RPCMessage, with message: some SwiftProtobuf.Message) throws {
        var buffer = ByteBuffer()
        try reply.writeProtobuf(into: &buffer)
        #expect(try Bytes(buffer.readableBytesView) == message.serializedBytes())
        #expect(try String(buffer: reply.json()) == String(buffer: GatewayJSON.encode(message)))
    }
}

extension SeededGenerator {
    fileprivate mutating func coin() -> Bool { next() & 1 == 0 }
    fileprivate mutating func positive() -> UInt64 { (next() >> (next() & 63)) & UInt64(Int64.max) }

    /// Small, large and negative ones, but none whose JSON is longer than what is usual.
    fileprivate mutating func number() -> Int64 {
        let number = Int64(next() >> (next() % 59 + 5))
        return coin() ? number : -number
    }

    fileprivate mutating func bytes() -> Data { Data((0..<next() % 40).map { _ in UInt8(truncatingIfNeeded: next()) }) }

    fileprivate mutating func put() -> Etcdserverpb_PutRequest {
        var put = Etcdserverpb_PutRequest()
        if coin() { put.key = bytes() }
        if coin() { put.value = bytes() }
        if coin() { put.lease = number() }
        put.prevKv = coin()
        put.ignoreValue = coin()
        put.ignoreLease = coin()
        return put
    }

    fileprivate mutating func range() -> Etcdserverpb_RangeRequest {
        var range = Etcdserverpb_RangeRequest()
        if coin() { range.key = bytes() }
        if coin() { range.rangeEnd = bytes() }
        if coin() { range.limit = number() }
        if coin() { range.revision = number() }
        range.serializable = coin()
        range.keysOnly = coin()
        range.countOnly = coin()
        guard coin() else { return range }
        range.sortOrder = [.none, .ascend, .descend].randomElement(using: &self) ?? .none
        range.sortTarget = [.key, .version, .create, .mod, .value].randomElement(using: &self) ?? .key
        range.minModRevision = number()
        range.maxModRevision = number()
        range.minCreateRevision = number()
        range.maxCreateRevision = number()
        return range
    }

    fileprivate mutating func record() -> KeyRecord {
        KeyRecord(
            key: Bytes(bytes()), value: Bytes(bytes()), createRevision: Revision(positive()),
            modRevision: Revision(positive()), version: positive(), lease: coin() ? LeaseID(positive() | 1) : nil)
    }

    /// Changes, removes or inserts a few bytes.
    fileprivate mutating func spoil(_ bytes: inout Bytes) {
        for _ in 0...next() % 3 where !bytes.isEmpty {
            let place = Int(next() % UInt64(bytes.count))
            switch next() % 4 {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
            case 2: bytes[place] ^= UInt8(1) << (next() & 7)
            default: bytes[place] = UInt8(truncatingIfNeeded: next())
            }
        }
    }
}
