import NIOCore
import Primitives
import Testing

@testable import PeerTransport

@Suite struct FrameTests {
    private let origin = PeerFrame.Origin(
        cluster: ClusterID(rawValue: 7), incarnation: Incarnation(3), node: NodeID(name: "a"))

    /// Decodes `bytes` as they come in pieces; what was wrong, or `nil`.
    private func decode(_ bytes: Bytes, piece: Int) -> (frames: [PeerFrame], error: PeerFrameError?) {
        var decoder = PeerFrameDecoder()
        var buffer = ByteBuffer()
        var frames: [PeerFrame] = []
        do {
            for start in stride(from: 0, to: bytes.count, by: piece) {
                buffer.writeBytes(bytes[start..<min(start + piece, bytes.count)])
                while let frame = try decoder.decode(buffer: &buffer) { frames.append(frame) }
            }
        } catch {
            return (frames, error as? PeerFrameError)
        }
        return (frames, nil)
    }

    private func encoded(_ bodies: [Bytes]) -> Bytes {
        var buffer = ByteBuffer()
        for body in bodies { buffer.writeFrame(body, from: origin) }
        return Bytes(buffer.readableBytesView)
    }

    @Test func theProcessorAndTheTablesGiveTheSameChecksum() {
        var generator = SeededGenerator(seed: 32)
        let bytes = (0..<300).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        for start in 0..<8 {
            for end in start...bytes.count {
                let ours = bytes.withUnsafeBytes { processorsCRC32C(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
                #expect(ours == crc32c(bytes[start..<end]))
            }
        }
    }

    @Test(arguments: [1, 3, 31, 32, 33, 4096])
    func framesComeBackHoweverTheyAreCut(piece: Int) {
        let bodies: [Bytes] = [[], [1], Bytes(repeating: 2, count: 900), Bytes(repeating: 3, count: 5000)]
        let (frames, error) = decode(encoded(bodies), piece: piece)
        #expect(frames == bodies.map { PeerFrame(origin: origin, body: $0) })
        #expect(error == nil)
    }

    @Test func everyFlippedBitIsNoticed() {
        let whole = encoded([[1, 2, 3, 4, 5]])
        for bit in 0..<whole.count * 8 {
            var bytes = whole
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(decode(bytes, piece: bytes.count).frames.isEmpty, "bit \(bit)")
        }
    }

    @Test func theFirstFrameHasToBeSmall() {
        let bytes = encoded([Bytes(repeating: 0, count: Limits.helloBytes)])
        #expect(decode(Bytes(bytes[..<4]), piece: 4).error == .length(bytes.count - 4, limit: Limits.helloBytes))
    }

    @Test func aLengthAboveTheLimitIsRefusedBeforeItsBytesCome() {
        var bytes = encoded([[1]])
        bytes += [0xFF, 0xFF, 0xFF, 0x7F]
        let (frames, error) = decode(bytes, piece: bytes.count)
        #expect(frames.count == 1)
        #expect(error == .length(0x7FFF_FFFF, limit: Limits.frameBytes))
    }

    @Test func aLengthBelowTheHeaderIsRefused() {
        for length in 0..<28 as Range<UInt8> {
            #expect(decode([length, 0, 0, 0], piece: 4).error == .length(Int(length), limit: Limits.helloBytes))
        }
    }

    @Test func randomBytesAreNeverAFrameAndNeverATrap() {
        var random = SeededGenerator(seed: .random(in: 0 ... .max))
        for _ in 0..<2_000 {
            let count = Int.random(in: 0...200, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Half of them with a length that is believed.
            if count > 40, Bool.random(using: &random) {
                bytes.replaceSubrange(0..<4, with: [UInt8(count / 2), 0, 0, 0])
            }
            #expect(decode(bytes, piece: Int.random(in: 1...200, using: &random)).frames.isEmpty)
        }
    }

    @Test func aHelloSurvivesItsCodingAndRandomBytesDoNotTrapIt() throws {
        let hello = PeerHello(recipient: NodeID(name: "b"), name: "zoë")
        #expect(try PeerHello(hello.encoded()) == hello)
        var random = SeededGenerator(seed: .random(in: 0 ... .max))
        for _ in 0..<2_000 {
            var bytes = hello.encoded()
            for _ in 0..<3 {
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            bytes.removeLast(.random(in: 0...bytes.count, using: &random))
            _ = try? PeerHello(bytes)
        }
        #expect(throws: DecodingFailure.self) { try PeerHello([]) }
    }
}
