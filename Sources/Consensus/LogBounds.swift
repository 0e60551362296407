internal import Primitives

/// How much of the log is kept and sent at a time. Each member's own business: safety does not depend on it.
package struct LogBounds: Hashable, Sendable {
    /// See ``Limits/trailingEntries``.
    package var trailingEntries: Int
    /// See ``Limits/trailingBytes``.
    package var trailingBytes: Int
    /// See ``Limits/appendBytes``.
    package var appendBytes: Int
    /// See ``Limits/appendsInFlight``.
    package var appendsInFlight: Int
    /// See ``Limits/snapshotChunkBytes``.
    package var snapshotChunkBytes: Int

    package init(
        trailingEntries: Int = Limits.trailingEntries, trailingBytes: Int = Limits.trailingBytes,
        appendBytes: Int = Limits.appendBytes, appendsInFlight: Int = Limits.appendsInFlight,
        snapshotChunkBytes: Int = Limits.snapshotChunkBytes
    ) {
        self.trailingEntries = trailingEntries
        self.trailingBytes = trailingBytes
        self.appendBytes = appendBytes
        self.appendsInFlight = appendsInFlight
        self.snapshotChunkBytes = snapshotChunkBytes
    }
}
