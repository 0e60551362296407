import Primitives
import Testing

@Suite struct PrimitivesTests {
    @Test func crc32cMatchesTheStandardsCheckValue() {
        #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283)
        #expect(crc32c([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    @Test func crc32cContinuesAcrossPieces() {
        let whole = Array("the quick brown fox jumps over the lazy dog".utf8)
        for cut in 0...whole.count {
            #expect(crc32c(whole[cut...], continuing: crc32c(whole[..<cut])) == crc32c(whole))
        }
    }

    @Test func whatAWriterWroteAReaderReads() throws {
        var writer = ByteWriter()
        writer.write(UInt8(7))
        writer.write(true)
        writer.write(UInt32.max)
        writer.write(UInt64.max - 1)
        writer.write(Int64.min)
        for value in [0, 1, 127, 128, 300, UInt64.max] { writer.write(varint: value) }
        writer.write(bytes: [1, 2, 3])
        writer.write(string: "ключ")
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readByte() == 7)
        #expect(try reader.readBool())
        #expect(try reader.readUInt32() == .max)
        #expect(try reader.readUInt64() == .max - 1)
        #expect(try reader.readInt64() == .min)
        for value in [0, 1, 127, 128, 300, UInt64.max] { #expect(try reader.readVarint() == value) }
        #expect(try reader.readBytes() == [1, 2, 3])
        #expect(try reader.readString() == "ключ")
        try reader.expectEnd()
    }

    @Test func aReaderThrowsOnEveryTruncationAndNeverTraps() throws {
        var writer = ByteWriter()
        writer.write(bytes: Array(repeating: 9, count: 200))
        for cut in 0..<writer.bytes.count {
            var reader = ByteReader(writer.bytes[..<cut])
            #expect(throws: DecodingFailure.truncated) { try reader.readBytes() }
        }
        var overlong = ByteReader([UInt8](repeating: 0xFF, count: 11))
        #expect(throws: DecodingFailure.invalid("varint above 64 bits")) { try overlong.readVarint() }
    }

    @Test func anIdIsTheSameInEveryProcess() {
        #expect(NodeID(name: "n1") == NodeID(name: "n1"))
        #expect(NodeID(name: "n1") != NodeID(name: "n2"))
        let one = ClusterID(token: "t", memberNames: ["a", "b", "c"])
        #expect(one == ClusterID(token: "t", memberNames: ["c", "a", "b"]))
        #expect(one != ClusterID(token: "u", memberNames: ["a", "b", "c"]))
    }

    @Test func theSeededGeneratorRepeatsItself() {
        var a = SeededGenerator(seed: 5)
        var b = SeededGenerator(seed: 5)
        #expect((0..<100).allSatisfy { _ in a.next() == b.next() })
    }
}
