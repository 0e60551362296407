import NIOCore
import Primitives
import Testing

@testable import PeerTransport

@Suite struct TransportTests {
    @Test func framesArriveWholeAndInOrderBothWays() async throws {
        try await withPair { a, b in
            let bodies = (0..<500).map { Bytes(repeating: UInt8($0 % 251), count: $0 * 7) }
            try await a.send(bodies, to: nodeB)
            for body in bodies { try await b.send([body], to: nodeA) }
            try await eventually("all arrive") {
                a.recorder.bodies.count == bodies.count && b.recorder.bodies.count == bodies.count
            }
            #expect(a.recorder.bodies == bodies)
            #expect(b.recorder.bodies == bodies)
        }
    }

    @Test func theLargestFrameArrives() async throws {
        try await withPair { a, b in
            let body = Bytes(repeating: 0xC5, count: Limits.frameBytes - PeerFrame.headerBytes)
            try await a.send([body, [1]], to: nodeB)
            try await eventually("both arrive") { b.recorder.bodies.count == 2 }
            #expect(b.recorder.bodies == [body, [1]])
        }
    }

    @Test func nothingLeavesBeforeTheFlush() async throws {
        try await withPair { a, b in
            try await a.transport.eventLoop.submit { a.transport.send([1], to: nodeB) }.get()
            try await b.send([[7]], to: nodeA)
            try await eventually("the other direction works") { a.recorder.bodies == [[7]] }
            #expect(b.recorder.bodies.isEmpty)
            try await a.send([[2]], to: nodeB)
            try await eventually("both arrive") { b.recorder.bodies == [[1], [2]] }
        }
    }

    @Test func aFrameToNobodyIsDropped() async throws {
        try await withPair { a, b in
            try await a.send([[1]], to: NodeID(name: "nobody"))
            try await a.send([[2]], to: nodeA)
            try await a.send([[3]], to: nodeB)
            try await eventually("the good one arrives") { b.recorder.bodies == [[3]] }
        }
    }

    @Test func namesAreResolved() async throws {
        let (portA, portB) = (freePort(), freePort())
        let a = Member("a", port: portA, peers: ["b": portB]) { $0.peers[nodeB]!.host = "localhost" }
        let b = Member("b", port: portB, peers: ["a": portA])
        try await a.transport.start()
        try await b.transport.start()
        try await eventually("a reaches b by its name") { a.recorder.events.contains(.connected(nodeB)) }
        await a.transport.stop()
        await b.transport.stop()
    }

    @Test func aPortInUseIsSaidSo() async throws {
        let listener = RawListener(port: 0)
        defer { listener.close() }
        let a = Member("a", port: listener.port, peers: [:])
        await #expect(throws: PeerTransportError.addressInUse(host: "127.0.0.1", port: listener.port)) {
            try await a.transport.start()
        }
        await a.transport.stop()
    }

    @Test func aHostThatIsNotThisMachineIsSaidSo() async throws {
        let a = Member("a", port: freePort(), peers: [:]) { $0.listenHost = "192.0.2.1" }
        do throws(PeerTransportError) {
            try await a.transport.start()
            Issue.record("it listens on somebody else's address")
        } catch {
            guard case .cannotListen(host: "192.0.2.1", _, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
        await a.transport.stop()
    }

    @Test func nothingIsReceivedAfterStopping() async throws {
        try await withPair { a, b in
            await b.transport.stop()
            try await eventually("a knows") { a.recorder.events.contains(.disconnected(nodeB, processIsGone: true)) }
            #expect(b.recorder.events == [.connected(nodeA)])
            try await b.transport.eventLoop.submit { b.transport.send([1], to: nodeA) }.get()
        }
    }

    @Test func aPeerThatDoesNotReadCostsNoMoreThanTheBuffer() async throws {
        let listener = RawListener(port: 0)
        let bound = 4 * 1024 * 1024
        let a = Member("a", port: freePort(), peers: ["b": listener.port]) { $0.bufferBytes = bound }
        try await a.transport.start()
        let connection = try #require(listener.accept())
        connection.introduce(as: "b", to: nodeA)
        try await eventually("connected") { a.recorder.events == [.connected(nodeB)] }
        let body = Bytes(repeating: 1, count: 100_000)
        for _ in 0..<200 { try await a.send([body], to: nodeB) }
        await a.transport.stop()
        var received = 0
        while let bytes = connection.read(), !bytes.isEmpty { received += bytes.count }
        // What a kernel takes for the two sockets comes on top.
        #expect(received > 0 && received < bound + 12 * 1024 * 1024)
        listener.close()
        connection.close()
    }
}
