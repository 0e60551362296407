internal import Primitives

/// One retained version of a key: immutable, and one object for the key space, its history and the deltas.
final class Version: Sendable {
    let stored: StoredVersion

    init(position: VersionPosition, content: StoredVersion.Content, time: ClusterTime) {
        stored = StoredVersion(position: position, content: content, time: time)
    }

    init(_ stored: StoredVersion) { self.stored = stored }

    var revision: Revision { stored.position.revision }

    /// `nil` for a tombstone.
    var record: KeyRecord? {
        if case .put(let record) = stored.content { record } else { nil }
    }

    var key: Bytes {
        switch stored.content {
        case .put(let record): record.key
        case .tombstone(let key, _): key
        }
    }

    /// What the version counts towards the store's bytes.
    var bytes: Int {
        switch stored.content {
        case .put(let record): Version.bytes(key: record.key, value: record.value)
        case .tombstone(let key, _): Version.bytes(key: key, value: [])
        }
    }

    static func bytes(key: Bytes, value: Bytes) -> Int { key.count + value.count + Limits.versionBytes }
}

/// A revision in the history: its events, and what its compaction gives back.
struct HistoryRevision: Sendable {
    let events: RevisionEvents
    let time: ClusterTime
    /// Bytes of the versions that these events superseded, and of their own tombstones.
    let superseded: Int
}
