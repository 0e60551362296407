internal import Primitives
import Synchronization

/// What all connections of a server share and count against its limits.
final class Doors: Sendable {
    private let openConnections = Atomic<Int>(0)
    private let openStreams = Atomic<Int>(0)
    private let openHolds = Atomic<Int>(0)
    private let arrivingBytes = Atomic<Int>(0)
    private let closing = Atomic<Bool>(false)
    /// Connections at most.
    private let connectionLimit: Int

    init(connectionLimit: Int) { self.connectionLimit = connectionLimit }

    var connections: Int { openConnections.load(ordering: .relaxed) }
    var streams: Int { openStreams.load(ordering: .relaxed) }
    /// Of the streams, the requests that wait for a change.
    var heldAnswers: Int { openHolds.load(ordering: .relaxed) }
    /// Whether the server is stopping: every answer is the last one of its connection.
    var isClosing: Bool { closing.load(ordering: .relaxed) }
    func close() { closing.store(true, ordering: .relaxed) }

    /// Counts a connection; false when there are too many. It is to be left in either case.
    func enter() -> Bool { openConnections.wrappingAdd(1, ordering: .relaxed).newValue <= connectionLimit }
    func leave() { openConnections.wrappingSubtract(1, ordering: .relaxed) }

    /// Counts a watch; false, and not counted, when there are too many.
    func openStream() -> Bool {
        if openStreams.wrappingAdd(1, ordering: .relaxed).newValue <= Limits.watches { return true }
        closeStream()
        return false
    }
    func closeStream() { openStreams.wrappingSubtract(1, ordering: .relaxed) }

    /// Counts a request that waits for a change as a watch; false, and not counted, when there are too many.
    func holdAnswer() -> Bool {
        guard openStream() else { return false }
        openHolds.wrappingAdd(1, ordering: .relaxed)
        return true
    }
    func releaseAnswer() {
        openHolds.wrappingSubtract(1, ordering: .relaxed)
        closeStream()
    }

    /// Counts bytes of a body that arrived; false, and not counted, when all bodies together are too many.
    func hold(bytes: Int) -> Bool {
        if arrivingBytes.wrappingAdd(bytes, ordering: .relaxed).newValue <= Limits.arrivingBodyBytes { return true }
        release(bytes: bytes)
        return false
    }
    func release(bytes: Int) { arrivingBytes.wrappingSubtract(bytes, ordering: .relaxed) }
}
