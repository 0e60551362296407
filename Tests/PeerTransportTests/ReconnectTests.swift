import NIOCore
import Primitives
import Testing

@testable import PeerTransport

@Suite(.serialized) struct ReconnectTests {
    @Test func aPeerThatComesBackIsReachedAgain() async throws {
        try await withPair { a, b in
            await b.transport.stop()
            try await eventually("the loss is told, and that the process is gone") {
                a.recorder.events == [.connected(nodeB), .disconnected(nodeB, processIsGone: true)]
            }
            let (portA, portB) = (a.transport.configuration.listenPort, b.transport.configuration.listenPort)
            let reborn = Member("b", port: portB, incarnation: 2, peers: ["a": portA])
            try await reborn.transport.start()
            try await eventually("both reach each other again") {
                a.recorder.events.last == .connected(nodeB) && reborn.recorder.events.last == .connected(nodeA)
            }
            try await a.send([[1]], to: nodeB)
            try await reborn.send([[2]], to: nodeA)
            try await eventually("frames go both ways") {
                reborn.recorder.bodies == [[1]] && a.recorder.bodies == [[2]]
            }
            await reborn.transport.stop()
        }
    }

    @Test(arguments: [false, true])
    func aLostConnectionToALivingPeerIsNoDeath(byReset: Bool) async throws {
        let listener = RawListener(port: 0)
        let a = Member("a", port: freePort(), peers: ["b": listener.port])
        try await a.transport.start()
        let first = try #require(listener.accept())
        first.introduce(as: "b", to: nodeA)
        try await eventually("connected") { a.recorder.events == [.connected(nodeB)] }
        if byReset { first.reset() } else { first.close() }
        let second = try #require(listener.accept())
        second.introduce(as: "b", to: nodeA)
        try await eventually("connected again") { a.recorder.events.count == 3 }
        #expect(
            a.recorder.events == [
                .connected(nodeB), .disconnected(nodeB, processIsGone: false), .connected(nodeB),
            ])
        await a.transport.stop()
        second.close()
        listener.close()
    }

    /// A dying process closes its sockets one after the other: one more connection may be accepted and die with it.
    @Test func aProcessThatDiesWhileItIsDialledIsGone() async throws {
        let listener = RawListener(port: 0)
        let a = Member("a", port: freePort(), peers: ["b": listener.port])
        try await a.transport.start()
        let first = try #require(listener.accept())
        first.introduce(as: "b", to: nodeA)
        try await eventually("connected") { a.recorder.events == [.connected(nodeB)] }
        first.close()
        let second = try #require(listener.accept())
        listener.close()
        second.reset()
        try await eventually("the death is told") { a.recorder.events.count == 2 }
        #expect(a.recorder.events.last == .disconnected(nodeB, processIsGone: true))
        await a.transport.stop()
    }

    @Test func theEndOfThePeersOwnConnectionTellsItsDeathToo() async throws {
        // Nobody listens at b's address, but b has dialled.
        let a = Member("a", port: freePort(), peers: ["b": freePort()])
        try await a.transport.start()
        let connection = RawConnection(port: a.transport.configuration.listenPort)
        connection.introduce(as: "b", to: nodeA)
        #expect(connection.read()?.isEmpty == false)
        connection.reset()
        try await eventually("the death is told") { !a.recorder.events.isEmpty }
        #expect(a.recorder.events == [.disconnected(nodeB, processIsGone: true)])
        await a.transport.stop()
    }

    @Test func aPeerThatAcceptsAndSaysNothingIsGivenUpAndDialledAgain() async throws {
        let listener = RawListener(port: 0)
        let a = Member("a", port: freePort(), peers: ["b": listener.port]) { $0.handshakeTimeout = .milliseconds(50) }
        try await a.transport.start()
        let silent = (0..<3).map { _ in listener.accept() }
        #expect(silent.allSatisfy { $0 != nil })
        #expect(a.recorder.events.isEmpty)
        let last = try #require(listener.accept())
        last.introduce(as: "b", to: nodeA)
        try await eventually("connected at last") { a.recorder.events == [.connected(nodeB)] }
        await a.transport.stop()
        for connection in silent + [last] { connection?.close() }
        listener.close()
    }

    @Test func onlyTheRightMemberAnswersADial() async throws {
        let listener = RawListener(port: 0)
        let a = Member("a", port: freePort(), peers: ["b": listener.port, "c": freePort()])
        try await a.transport.start()
        for wrong in ["c", "a", "nobody"] {
            let connection = try #require(listener.accept())
            _ = connection.read()
            connection.introduce(as: wrong, to: nodeA)
            #expect(connection.isRefused, "\(wrong)")
            connection.close()
        }
        #expect(a.recorder.events.isEmpty)
        await a.transport.stop()
        listener.close()
    }
}
