import Dispatch
import KeyValue
import NIOCore
import NIOPosix
import Primitives
import ReplicaCore
import Testing

@testable import Node

@Suite("The end of a node") struct EndTests {
    @Test func whatIsPostedLastMayHaveItsTurnWhenTheNodeIsGone() async throws {
        let folder = try Folder()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let goesOn = DispatchSemaphore(value: 0)
        weak let gone = try await postAndLeave(folder, on: loop, holding: goesOn)
        #expect(gone == nil)
        goesOn.signal()
        try await loop.submit {}.get()
    }

    @Test func whoStillWaitsWhenTheNodeEndsIsToldOnItsOwnLoop() async throws {
        let folder = try Folder()
        var alone = options(folder)
        alone.members += ["n2", "n3"].map { NodeOptions.Member(name: $0, host: "127.0.0.1", port: 1) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (core, client) = (group.next(), group.next())
        let node = try NodeRuntime(options: alone, loop: core, logger: quiet)
        let told = client.makePromise(of: Bool.self)
        node.submit(
            .read(.leases(from: LeaseID(1), limit: 0), .linearizable), timeout: .seconds(60), on: client
        ) { _ in told.succeed(client.inEventLoop) }
        await node.stop()
        #expect(try await told.futureResult.get())
        try await group.shutdownGracefully()
    }

    /// - Returns: a node that nobody here holds, with a message that waits for its loop.
    private func postAndLeave(
        _ folder: Folder, on loop: any EventLoop, holding goesOn: DispatchSemaphore
    ) async throws -> NodeCore {
        let options = options(folder)
        let opened = try OpenedNode.open(
            options, in: .system(options.dataDirectory), seed: 1, now: monotonicNow(), logger: quiet)
        let core = NodeCore(opened, options: options, loop: loop, logger: quiet) { _ in }
        await core.stopTransport()
        await core.stopLog()
        await core.stopState(writing: nil)
        loop.execute { goesOn.wait() }
        core.post(.closeWatch(WatchID(1)))
        return core
    }
}
