internal import NIOCore
internal import NIOHTTP1

/// etcd's gRPC. Bodies are messages with their prefix, as they go onto the wire.
package struct GRPCDialect: RequestDialect {
    package init() {}

    private func call(_ method: String, _ message: ByteBuffer, expecting needle: [UInt8] = []) -> LoadRequest {
        var body = ByteBuffer()
        body.writeInteger(UInt8(0))
        body.writeInteger(UInt32(message.readableBytes))
        body.writeImmutableBuffer(message)
        return LoadRequest(
            .POST, "/etcdserverpb." + method, body: body,
            expected: Expectation(status: 0...0, body: .revision(then: needle)))
    }

    private func putRequest(_ key: String, _ value: Value) -> ByteBuffer {
        var put = ByteBuffer()
        put.writeField(1, ByteBuffer(string: key))
        put.writeField(2, value.raw)
        return put
    }

    package func put(key: String, value: Value) -> LoadRequest { call("KV/Put", putRequest(key, value)) }

    package func get(key: String, expecting value: Value) -> LoadRequest {
        var range = ByteBuffer()
        range.writeField(1, ByteBuffer(string: key))
        var expected = ByteBuffer()
        expected.writeField(5, value.raw)
        return call("KV/Range", range, expecting: Array(expected.readableBytesView))
    }

    package func create(key: String, value: Value) -> LoadRequest {
        var compare = ByteBuffer()
        compare.writeField(2, 1)  // CREATE
        compare.writeField(3, ByteBuffer(string: key))
        compare.writeField(5, 0)  // A revision of 0 has to be there: it says which of the targets is given.
        var operation = ByteBuffer()
        operation.writeField(2, putRequest(key, value))
        var transaction = ByteBuffer()
        transaction.writeField(1, compare)
        transaction.writeField(2, operation)
        // succeeded: true
        return call("KV/Txn", transaction, expecting: [0x10, 1])
    }

    /// Over the one stream of `LeaseKeepAlive`, whose answers come in the order of its requests.
    package func renew(lease: String, seconds: Int) -> LoadRequest {
        guard let id = UInt64(lease) else { preconditionFailure("\(lease) is no lease of etcd's") }
        var renewal = ByteBuffer()
        renewal.writeField(1, id)
        var expected = ByteBuffer()
        expected.writeField(2, id)
        expected.writeField(3, UInt64(seconds))
        return call("Lease/LeaseKeepAlive", renewal, expecting: Array(expected.readableBytesView))
    }
}

extension ByteBuffer {
    fileprivate mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(truncatingIfNeeded: rest))
    }

    fileprivate mutating func writeField(_ number: UInt64, _ value: UInt64) {
        writeVarint(number << 3)
        writeVarint(value)
    }

    fileprivate mutating func writeField(_ number: UInt64, _ content: ByteBuffer) {
        writeVarint(number << 3 | 2)
        writeVarint(UInt64(content.readableBytes))
        writeImmutableBuffer(content)
    }

    /// What follows the header of an answer of etcd's; `nil` when there is none, or it has no revision.
    var afterHeader: ByteBuffer? {
        var rest = self
        guard rest.readInteger(as: UInt8.self) == 0x0A, let length = rest.readVarint(),
            var header = rest.readSlice(length: Int(clamping: length))
        else { return nil }
        while let tag = header.readInteger(as: UInt8.self), let value = header.readVarint() {
            if tag == 3 << 3 { return value > 0 ? rest : nil }
        }
        return nil
    }

    private mutating func readVarint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64, let byte = readInteger(as: UInt8.self) {
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }
}
