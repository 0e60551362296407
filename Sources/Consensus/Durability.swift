internal import Primitives

/// Numbers the writes of one node's life, growing by one.
package struct WriteID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ value: UInt64) { rawValue = value }
    package static func < (a: WriteID, b: WriteID) -> Bool { a.rawValue < b.rawValue }
}

/// One step for `log.db`. Writes are carried out in the order of their ids; several may share one transaction and one sync.
/// The shell answers with ``Consensus/Input/persisted(_:)`` once the write is durable.
package struct LogWrite: Hashable, Sendable {
    package var id: WriteID
    /// The term and vote to keep, when they changed.
    package var hardState: HardState?
    /// What happens to the entries, when they changed.
    package var change: Change?
    /// The doubt that ends with this write.
    package var settles: Settlement?

    /// Why a member need not doubt any longer that it remembers all it promised. It must outlive a crash, and nothing else
    /// ends the doubt.
    package enum Settlement: Hashable, Sendable {
        /// The data directory is its member's first one; what its log lost, if anything, is still missing.
        case isFirst
        /// A leader has brought all that the log, or an earlier directory, held.
        case isRepaired
    }

    package enum Change: Hashable, Sendable {
        /// Everything from the first of these entries on is replaced by them (an append, or a truncation and an append).
        /// Never empty; their indexes follow each other.
        case replaceSuffix([Entry])
        /// The whole log is dropped: it now begins after this position, whose state is already durable.
        case reset(to: SnapshotPosition)
        /// The log is dropped and begins after the position with these entries.
        case resetAndAppend(to: SnapshotPosition, [Entry])
    }

    package init(id: WriteID, hardState: HardState?, change: Change?, settles: Settlement? = nil) {
        self.id = id
        self.hardState = hardState
        self.change = change
        self.settles = settles
    }
}

/// The part of the log below a position is covered by durable state and may go.
package struct LogTruncation: Hashable, Sendable {
    /// The last position that goes; it becomes the base the log continues from.
    package var base: SnapshotPosition
    package init(base: SnapshotPosition) { self.base = base }
}

/// What a node finds on its disk when it starts.
package struct RecoveredLog: Hashable, Sendable {
    package var hardState: HardState
    /// The position before the first entry; `nil` when the log begins at index 1.
    package var base: SnapshotPosition?
    /// The entries after `base`, without a gap.
    package var entries: [Entry]
    /// Whether the log holds, or once held, less than this node may have acknowledged. Such a node neither votes nor campaigns
    /// nor counts until a leader has repaired it (`invariants.md` 15), and that is durable.
    package var isDamaged: Bool
    /// Set while the data directory has not joined the cluster: it may be a member's first one, or have taken the place of
    /// one that was lost. Such a node neither votes nor campaigns nor counts until that is settled.
    package var blank: DirectoryID?

    package init(
        hardState: HardState = HardState(), base: SnapshotPosition? = nil, entries: [Entry] = [],
        isDamaged: Bool = false, blank: DirectoryID? = nil
    ) {
        self.hardState = hardState
        self.base = base
        self.entries = entries
        self.isDamaged = isDamaged
        self.blank = blank
    }
}
