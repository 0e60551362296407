package import Primitives

/// One version of a key: its value and the revisions it carries. Copies share one object, which the key space keeps, too.
package struct KeyRecord: Sendable {
    let written: Version

    /// What a version that is no tombstone says of its key.
    init(_ version: Version) { written = version }

    /// - Parameters:
    ///   - version: 1 on creation, one more for each write since.
    package init(
        key: Bytes, value: Bytes, createRevision: Revision, modRevision: Revision, version: UInt64, lease: LeaseID?
    ) {
        written = Version(
            position: VersionPosition(revision: modRevision, ordinal: 0), time: .zero, key: key, value: value,
            createRevision: createRevision, modRevision: modRevision, number: version, lease: lease)
    }

    package var key: Bytes { written.key }
    package var value: Bytes { written.value }
    package var createRevision: Revision { written.createRevision }
    package var modRevision: Revision { written.modRevision }
    /// 1 on creation, one more for each write since.
    package var version: UInt64 { written.number }
    package var lease: LeaseID? { written.lease }

    /// The same without its value.
    package var withoutValue: KeyRecord {
        KeyRecord(
            key: key, value: [], createRevision: createRevision, modRevision: modRevision, version: version,
            lease: lease)
    }
}

extension KeyRecord: Hashable {
    package static func == (a: KeyRecord, b: KeyRecord) -> Bool {
        a.written === b.written
            || a.modRevision == b.modRevision && a.createRevision == b.createRevision && a.version == b.version
                && a.lease == b.lease && a.key == b.key && a.value == b.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(value)
        hasher.combine(modRevision)
    }
}
