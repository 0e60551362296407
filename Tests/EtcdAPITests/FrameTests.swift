import NIOCore
import NIOHPACK
import Primitives
import SwiftProtobuf
import Testing

@testable import EtcdAPI

@Suite struct FrameTests {
    private func framed(_ message: [UInt8], flag: UInt8 = 0) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(flag)
        buffer.writeInteger(UInt32(message.count))
        buffer.writeBytes(message)
        return buffer
    }

    @Test func messagesComeWholeHoweverTheyAreCut() throws {
        let messages: [[UInt8]] = [[1, 2, 3], [], [UInt8](repeating: 7, count: 300)]
        var whole = ByteBuffer()
        for message in messages { whole.writeImmutableBuffer(framed(message)) }
        for size in [1, 2, 3, 5, 7, 64, 1000] {
            var deframer = MessageDeframer()
            var rest = whole
            var found: [[UInt8]] = []
            while rest.readableBytes > 0 {
                var piece = rest.readSlice(length: min(size, rest.readableBytes))!
                deframer.append(&piece)
                while let message = try deframer.next() { found.append(Array(message.readableBytesView)) }
            }
            #expect(found == messages)
            #expect(deframer.pendingBytes == 0)
        }
    }

    @Test func whatIsNoMessageIsRefused() {
        func failure(_ buffer: ByteBuffer) -> RPCCode? {
            var deframer = MessageDeframer(limit: 10)
            var buffer = buffer
            deframer.append(&buffer)
            do throws(RPCStatus) { _ = try deframer.next() } catch { return error.code }
            return nil
        }
        #expect(failure(framed([1], flag: 1)) == .unimplemented)
        #expect(failure(framed([1], flag: 2)) == .internalError)
        #expect(failure(framed([UInt8](repeating: 0, count: 11))) == .resourceExhausted)
        #expect(failure(framed([UInt8](repeating: 0, count: 10))) == nil)
    }

    @Test(arguments: [
        ("1S", TimeSpan.seconds(1)), ("250m", .milliseconds(250)), ("99999999H", TimeSpan(nanoseconds: .max / 4)),
        ("7u", TimeSpan(nanoseconds: 7_000)), ("5n", TimeSpan(nanoseconds: 5)), ("2M", .seconds(120)),
    ])
    func timeoutsAreRead(_ text: String, _ span: TimeSpan) {
        #expect(TimeSpan(grpcTimeout: text) == span)
    }

    @Test(arguments: ["", "S", "1", "123456789S", "-1S", "1.5S", "1x", "１S"])
    func otherTimeoutsAreNot(_ text: String) {
        #expect(TimeSpan(grpcTimeout: text) == nil)
    }

    @Test func statusTextsAreEncoded() {
        #expect("plain text".percentEncodedForGRPC == "plain text")
        #expect("100% ü\n".percentEncodedForGRPC == "100%25 %C3%BC%0A")
    }

    @Test func eventsReadAsTheGeneratedMessageWritesThem() throws {
        for size in [0, 1, 100, 127, 128, 300, 20_000] {
            let record = KeyRecordSample.record(valueBytes: size)
            let events: [KeyValueEvent] = [
                .put(record, previous: KeyRecordSample.record(valueBytes: size / 2)),
                .delete(key: record.key, revision: record.modRevision, reason: .deleted, previous: record),
            ]
            let encoded = EncodedEvents(events, EventSelection(puts: true, deletes: true, previous: true))
            let read = try Etcdserverpb_WatchResponse(serializedBytes: Array(encoded.protobuf.readableBytesView))
            #expect(read.events == encoded.messages)
            #expect(read.events.count == 2)
        }
    }

    @Test func fragmentsHaveEveryEventOnce() throws {
        let events = (0..<50).map { KeyValueEvent.put(KeyRecordSample.record(valueBytes: 10 * $0), previous: nil) }
        let encoded = EncodedEvents(events, EventSelection(puts: true, deletes: true, previous: false))
        let parts = encoded.fragments(of: 1_000)
        #expect(parts.count > 5)
        var read: [Mvccpb_Event] = []
        for part in parts {
            read += try Etcdserverpb_WatchResponse(serializedBytes: Array(part.protobuf.readableBytesView)).events
        }
        #expect(read == encoded.messages)
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func hashesAreSHA256(_ text: String, _ hash: String) {
        var whole = SHA256()
        whole.update(Array(text.utf8))
        var pieces = SHA256()
        for byte in text.utf8 { pieces.update([byte]) }
        for bytes in [whole.finish(), pieces.finish()] {
            #expect(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == hash)
        }
    }
}
