import Primitives
import Testing

@testable import PeerTransport

/// Random bytes, strangers and ghosts on the peer port (`invariants.md` 10, "Parsers and doors").
@Suite(.serialized) struct HostileTests {
    /// Runs `body` against a member whose peer b is played by the test.
    private func withListening(
        change: (inout PeerTransportConfiguration) -> Void = { _ in }, _ body: (Member, Int) async throws -> Void
    ) async throws {
        let a = Member("a", port: freePort(), peers: ["b": freePort()], change: change)
        try await a.transport.start()
        do {
            try await body(a, a.transport.configuration.listenPort)
        } catch {
            await a.transport.stop()
            throw error
        }
        await a.transport.stop()
    }

    /// Whether b, in some life, is taken and its frame received.
    private func expectAlive(_ a: Member, _ port: Int, incarnation: UInt64 = 1) async throws {
        let connection = RawConnection(port: port)
        defer { connection.close() }
        connection.introduce(as: "b", to: nodeA, incarnation: incarnation)
        #expect(connection.read()?.isEmpty == false)
        let body = Bytes("alive \(incarnation)".utf8)
        connection.write(frameBytes(body, from: "b", incarnation: incarnation))
        try await eventually("a good frame is received") { a.recorder.bodies.contains(body) }
    }

    @Test func strangersAreRefusedWithoutAnAnswer() async throws {
        try await withListening { a, port in
            let strangers: [(String, Bytes)] = [
                ("another cluster", helloBytes("b", to: nodeA, cluster: ClusterID(rawValue: 1))),
                ("itself", helloBytes("a", to: nodeA)),
                ("no member", helloBytes("x", to: nodeA)),
                ("meant for another", helloBytes("b", to: NodeID(name: "c"))),
                ("no introduction", frameBytes([1, 2, 3], from: "b")),
            ]
            for (who, hello) in strangers {
                let connection = RawConnection(port: port)
                connection.write(hello + frameBytes([9], from: "b"))
                #expect(connection.isRefused, "\(who)")
                connection.close()
            }
            #expect(a.recorder.bodies.isEmpty)
            try await expectAlive(a, port)
        }
    }

    @Test func anEarlierLifeIsRefusedAndClosedDown() async throws {
        try await withListening { a, port in
            let old = RawConnection(port: port)
            old.introduce(as: "b", to: nodeA, incarnation: 5)
            #expect(old.read()?.isEmpty == false)
            try await expectAlive(a, port, incarnation: 6)
            // The connection of the earlier life was replaced; a new one of it is not taken.
            old.write(frameBytes([5], from: "b", incarnation: 5))
            #expect(old.isRefused)
            let ghost = RawConnection(port: port)
            ghost.introduce(as: "b", to: nodeA, incarnation: 5)
            #expect(ghost.isRefused)
            try await expectAlive(a, port, incarnation: 7)
            #expect(!a.recorder.bodies.contains([5]))
            old.close()
            ghost.close()
        }
    }

    @Test func aFrameOfAnotherSenderOrLifeEndsTheConnection() async throws {
        try await withListening { a, port in
            let frames = [
                frameBytes([5], from: "b", incarnation: 2), frameBytes([5], from: "a"),
                frameBytes([5], from: "b", cluster: ClusterID(rawValue: 1)),
            ]
            for frame in frames {
                let connection = RawConnection(port: port)
                connection.introduce(as: "b", to: nodeA)
                #expect(connection.read()?.isEmpty == false)
                connection.write(frame)
                #expect(connection.isRefused)
                connection.close()
            }
            #expect(a.recorder.bodies.isEmpty)
        }
    }

    @Test func anOversizedLengthEndsTheConnectionAtOnce() async throws {
        try await withListening { a, port in
            let stranger = RawConnection(port: port)
            stranger.write([0xFF, 0xFF, 0xFF, 0xFF])
            #expect(stranger.isRefused)
            let connection = RawConnection(port: port)
            connection.introduce(as: "b", to: nodeA)
            #expect(connection.read()?.isEmpty == false)
            connection.write([0x01, 0x00, 0x80, 0x00])
            #expect(connection.isRefused)
            stranger.close()
            connection.close()
        }
    }

    @Test func aConnectionThatDoesNotIntroduceItselfIsClosed() async throws {
        try await withListening(change: { $0.handshakeTimeout = .milliseconds(50) }) { _, port in
            let silent = RawConnection(port: port)
            #expect(silent.isRefused)
            silent.close()
        }
    }

    @Test func aCrowdIsBounded() async throws {
        try await withListening { a, port in
            let crowd = (0..<Limits.peerConnections + 20).map { _ in RawConnection(port: port) }
            // The last ones were turned away; the first still wait for their turn to speak.
            #expect(crowd.last!.isRefused)
            for connection in crowd { connection.close() }
            var isTaken = false
            try await eventually("there is room again") {
                let connection = RawConnection(port: port)
                defer { connection.close() }
                connection.introduce(as: "b", to: nodeA)
                isTaken = connection.read()?.isEmpty == false
                return isTaken
            }
            #expect(isTaken)
        }
    }

    @Test func randomBytesDoNotHarm() async throws {
        var random = SeededGenerator(seed: .random(in: 0 ... .max))
        try await withListening { a, port in
            for round in 0..<200 {
                let connection = RawConnection(port: port)
                if round % 2 == 0 { connection.introduce(as: "b", to: nodeA) }
                let count = Int.random(in: 1...3_000, using: &random)
                connection.write((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
                connection.finish()
            }
            #expect(a.recorder.bodies.isEmpty)
            try await expectAlive(a, port)
        }
    }

    @Test func anAlteredFrameIsNeverDelivered() async throws {
        var random = SeededGenerator(seed: .random(in: 0 ... .max))
        let body = Bytes("the one and only body".utf8)
        let conversation = helloBytes("b", to: nodeA) + frameBytes(body, from: "b")
        try await withListening { a, port in
            for _ in 0..<300 {
                var altered = conversation
                let at = Int.random(in: 0..<altered.count, using: &random)
                altered[at] ^= UInt8.random(in: 1...255, using: &random)
                let connection = RawConnection(port: port)
                connection.write(altered)
                connection.finish()
            }
            try await expectAlive(a, port)
            #expect(a.recorder.bodies.allSatisfy { $0 == body || $0 == Bytes("alive 1".utf8) })
        }
    }
}
