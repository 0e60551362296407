internal import Primitives

/// One version of a key, or the tombstone that is its end: immutable, and one object for the key space, its history, what
/// is told of it and what is kept of it.
final class Version: Sendable {
    let position: VersionPosition
    /// When it was applied.
    let time: ClusterTime
    let key: Bytes
    let value: Bytes
    let createRevision: Revision
    let modRevision: Revision
    /// 1 on creation, one more for each write since.
    let number: UInt64
    let lease: LeaseID?
    /// Why the key is no more, if this is a tombstone.
    let ending: DeletionReason?

    init(
        position: VersionPosition, time: ClusterTime, key: Bytes, value: Bytes, createRevision: Revision,
        modRevision: Revision, number: UInt64, lease: LeaseID?
    ) {
        self.position = position
        self.time = time
        self.key = key
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.number = number
        self.lease = lease
        ending = nil
    }

    /// A tombstone.
    init(position: VersionPosition, time: ClusterTime, endOf key: Bytes, reason: DeletionReason) {
        self.position = position
        self.time = time
        self.key = key
        value = []
        createRevision = .zero
        modRevision = position.revision
        number = 0
        lease = nil
        ending = reason
    }

    var revision: Revision { position.revision }
    var isTombstone: Bool { ending != nil }

    /// `nil` for a tombstone.
    var record: KeyRecord? { isTombstone ? nil : KeyRecord(self) }

    /// What the version counts towards the store's bytes.
    var bytes: Int { Version.bytes(key: key, value: value) }

    static func bytes(key: Bytes, value: Bytes) -> Int { key.count + value.count + Limits.versionBytes }
}

/// A revision in the history: its events, and what its compaction gives back.
struct HistoryRevision: Sendable {
    let events: RevisionEvents
    let time: ClusterTime
    /// Bytes of the versions that these events superseded, and of their own tombstones.
    let superseded: Int
}
