import NIOCore
import NIOEmbedded
import NIOHTTP2
import Primitives
import Testing

@testable import EtcdAPI

/// A client that is told that its connection ends has some time to answer, and no more.
@Suite struct FarewellTests {
    private func openChannel() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: FarewellHandler())
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func write(_ payload: HTTP2Frame.FramePayload, on channel: EmbeddedChannel) throws {
        try channel.writeOutbound(HTTP2Frame(streamID: .rootStream, payload: payload))
    }

    private let farewell = TimeAmount.nanoseconds(Limits.farewell.nanoseconds)
    private let goAway = HTTP2Frame.FramePayload.goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil)

    @Test func aClientThatDoesNotAnswerIsGivenUp() throws {
        let channel = try openChannel()
        try write(goAway, on: channel)
        try write(.ping(HTTP2PingData(), ack: false), on: channel)
        channel.embeddedEventLoop.advanceTime(by: farewell - .milliseconds(1))
        #expect(channel.isActive)
        // That it is told more exactly gives it no more time.
        try write(.goAway(lastStreamID: 1, errorCode: .noError, opaqueData: nil), on: channel)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test func aClientThatIsOnlyPingedIsNot() throws {
        let channel = try openChannel()
        try write(.ping(HTTP2PingData(), ack: false), on: channel)
        channel.embeddedEventLoop.advanceTime(by: farewell * 10)
        #expect(channel.isActive)
        _ = try channel.finish()
    }

    @Test func aClientThatHangsUpIsNotClosedAgain() throws {
        let channel = try openChannel()
        try write(goAway, on: channel)
        _ = try channel.finish()
        channel.embeddedEventLoop.advanceTime(by: farewell * 2)
        #expect(!channel.isActive)
    }
}
