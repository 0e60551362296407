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
