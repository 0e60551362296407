import NIOCore
import NIOEmbedded
import NIOHTTP1
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

/// A connection on a loop whose time stands still, so that deadlines are looked at and not waited for.
private struct EmbeddedConnection {
    let node = ScriptedNode()
    let channel = EmbeddedChannel()
    let handler: ConnectionHandler
    let doors = Doors(connectionLimit: 10)
    let context: LoopContext

    init() throws {
        context = LoopContext(
            loop: channel.eventLoop, service: node, doors: doors,
            metrics: RequestMetrics(factory: PrometheusRegistry()), registry: PrometheusRegistry())
        handler = ConnectionHandler(shared: context)
        try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(HTTPRequestDecoder()), handler,
        ])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    func send(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

    func received() throws -> String {
        channel.embeddedEventLoop.run()
        var text = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
        return text
    }

    /// Lets the handler look at the clock as it will be.
    @discardableResult
    func pass(_ span: TimeSpan) -> NIODeadline? { handler.timePassed(.now() + TimeAmount(span)) }
}

@Suite("Deadlines of connections", .serialized)
struct DeadlineTests {
    @Test func anIdleConnectionIsClosed() throws {
        let connection = try EmbeddedConnection()
        #expect(connection.pass(Limits.idleConnection - .seconds(1)) != nil)
        #expect(connection.channel.isActive)
        #expect(connection.pass(Limits.idleConnection + .seconds(1)) == nil)
        #expect(!connection.channel.isActive)
    }

    @Test func aHeadThatBeganMustEndSoon() throws {
        let connection = try EmbeddedConnection()
        try connection.send("GET /livez HT")
        #expect(connection.pass(Limits.slowRequest + .seconds(1)) == nil)
        #expect(!connection.channel.isActive)
    }

    @Test func aBodyThatDoesNotComeIsAnsweredWith400() throws {
        let connection = try EmbeddedConnection()
        try connection.send("PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc")
        #expect(connection.pass(Limits.slowRequest - .seconds(1)) != nil)
        try #expect(connection.received() == "")
        connection.pass(Limits.slowRequest + .seconds(1))
        let answer = try connection.received()
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(answer.contains("the request did not arrive within 20s"))
        #expect(connection.pass(Limits.slowRequest + .seconds(30)) == nil)
        #expect(!connection.channel.isActive)
    }

    @Test(arguments: [
        "PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc",
        "PUT /v1/kv/a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "POST /v1/txn HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n",
    ])
    func aNodeThatStopsDoesNotWaitForTheRestOfARequest(_ beginning: String) throws {
        let connection = try EmbeddedConnection()
        try connection.send(beginning)
        connection.doors.close()
        connection.context.endConnections()
        let answer = try connection.received()
        #expect(answer.hasPrefix("HTTP/1.1 503 "))
        #expect(answer.contains("\"outcome\":\"not_applied\""))
        #expect(!connection.channel.isActive)
        #expect(connection.node.revision == Revision.empty)
    }

    @Test func aNodeThatStopsClosesAConnectionWhoseRequestHasBarelyBegun() throws {
        let connection = try EmbeddedConnection()
        try connection.send("PUT /v1/kv/a HT")
        connection.doors.close()
        connection.context.endConnections()
        #expect(connection.channel.isActive)
        connection.context.hangUp()
        #expect(!connection.channel.isActive)
    }

    @Test func aNodeThatNeverAnswersIsNotWaitedForForever() throws {
        let connection = try EmbeddedConnection()
        connection.node.hold()
        try connection.send("PUT /v1/kv/a?timeout=1s HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
        connection.pass(.seconds(2))
        try #expect(connection.received() == "")
        connection.pass(.seconds(1) + Limits.slowRequest + .seconds(1))
        let answer = try connection.received()
        #expect(answer.hasPrefix("HTTP/1.1 504 "))
        #expect(answer.contains("\"outcome\":\"unknown\""))
        // The late answer belongs to nobody; the connection goes on.
        connection.node.release()
        try connection.send("GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
        let next = try connection.received()
        #expect(next.hasPrefix("HTTP/1.1 200 "))
        #expect(next.ranges(of: "HTTP/1.1").count == 1)
    }

    @Test func aStreamWhoseReaderStandsStillIsGivenUp() throws {
        let connection = try EmbeddedConnection()
        try connection.send("GET /v1/watch?prefix= HTTP/1.1\r\nHost: t\r\n\r\n")
        try #expect(connection.received().contains("event: state"))
        guard case .streaming(let open) = connection.handler.state, let stream = open as? EventStream else {
            Issue.record("the connection is no stream")
            return
        }
        stream.writabilityChanged(false)
        #expect(connection.node.state.withLock { $0.pauses } == 1)
        #expect(stream.timePassed(.now() + TimeAmount(Limits.idleConnection - .seconds(1))) != nil)
        try #expect(connection.received() == "", "nothing is added for a reader that does not read")
        #expect(stream.timePassed(.now() + TimeAmount(Limits.idleConnection + .seconds(1))) == nil)
        #expect(!connection.channel.isActive)
        #expect(connection.node.watchCount == 0)
    }

    @Test func bodiesThatArriveAreCountedAndLetGo() throws {
        let doors = Doors(connectionLimit: 1)
        #expect(doors.hold(bytes: Limits.arrivingBodyBytes))
        #expect(!doors.hold(bytes: 1))
        doors.release(bytes: 1)
        #expect(doors.hold(bytes: 1))
    }

    @Test func theWheelCallsEverybodyInTimeAndOnlyAsOftenAsAsked() {
        final class Counter: Timed {
            var calls: [NIODeadline] = []
            let due: NIODeadline
            init(due: NIODeadline) { self.due = due }
            func timePassed(_ now: NIODeadline) -> NIODeadline? {
                calls.append(now)
                return now < due ? due : nil
            }
        }
        let loop = EmbeddedEventLoop()
        let wheel = TimingWheel(loop: loop)
        let near = Counter(due: .uptimeNanoseconds(0))
        let never = Counter(due: .distantFuture)
        wheel.schedule(near, at: .now())
        wheel.schedule(never, at: .distantFuture)
        for _ in 0..<640 { loop.advanceTime(by: TimingWheel.tick) }
        #expect(near.calls.count == 1)
        #expect((9...12).contains(never.calls.count), "once around the wheel, again and again")
        wheel.stop()
    }
}
