package import Primitives

/// What ``Raft`` wants done; filled by its methods, carried out and emptied by whoever drives it.
package struct RaftOutbox: Sendable {
    /// May leave at once.
    package var sends: [Envelope] = []
    /// At most one a flush.
    package var write: LogWrite?
    /// May leave only after ``write`` is durable: they are promises about it.
    package var thenSend: [Envelope] = []
    /// Reads that may be answered once everything up to the index is applied.
    package var readyReads: [(ReadID, LogIndex)] = []
    /// Pieces of a snapshot to hand to ``Raft/sendSnapshotChunk(_:to:at:into:)``; number 0 begins a new one.
    package var wantedChunks: [(to: NodeID, number: UInt64)] = []
    /// A whole snapshot arrived: make it durable, then call ``Raft/snapshotInstalled(at:now:into:)``.
    package var receivedSnapshot: (position: SnapshotPosition, bytes: Bytes)?
    /// A leader's digest to compare the own one with.
    package var digestToCompare: (index: LogIndex, digest: UInt64)?
    package var notices: [Notice] = []
    package init() {}
}

/// Numbers the read batches of one node's life.
package struct ReadID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static func < (a: ReadID, b: ReadID) -> Bool { a.rawValue < b.rawValue }
}
