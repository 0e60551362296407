import DequeModule
internal import Primitives

/// The keys: what is there now, what was there before, and the history of revisions in between.
///
/// A version is retained while it is current, or while the event that ended it is in the history. So every event in the
/// history knows what it replaced, and every revision after ``compacted`` can be read.
struct KeySpace: Sendable {
    typealias Keys = OrderedMap<ByteKey, KeyVersions>
    typealias Place = Keys.Search

    /// The newest sealed revision.
    private(set) var revision = Revision.empty
    /// History up to and including this revision is gone; zero when nothing was compacted.
    private(set) var compacted = Revision.zero
    /// Bytes of all retained versions.
    private(set) var bytes = 0
    /// The part of ``bytes`` that compaction of the whole history would give back.
    private(set) var historyBytes = 0

    /// The living keys, whose newest version is no tombstone.
    private(set) var living = Keys()
    /// Keys that are not there and were within the history: the newest version is a tombstone, and not the only one.
    private(set) var dead = Keys()
    /// The revisions after ``compacted`` without a gap, so that a revision's place follows from its number.
    private(set) var history = Deque<HistoryRevision>()

    /// Events of the revision that is being written.
    private var draft: [Event] = []
    private var draftSuperseded = 0

    /// What `state.db` has not heard of yet.
    private var changes = VersionChanges(takenAt: .empty)
    /// The time of the newest version restored into the open revision.
    private var restoredTime: ClusterTime?

    init() {}

    /// An empty key space whose history begins after `compacted`, to be filled by ``restore(_:)``.
    init(restoringAfter compacted: Revision) {
        self.compacted = compacted
        revision = max(compacted, .empty)
    }

    // MARK: Looking

    /// The revision that the next event belongs to.
    var openRevision: Revision { revision.next }
    /// The newest revision that has an event, the open one included.
    var reachedRevision: Revision { draft.isEmpty ? revision : openRevision }

    func search(_ key: Bytes) -> Place { living.search(ByteKey(key)) }
    func record(at place: Place) -> KeyRecord? { place.found ? living[place.position].newest.record : nil }
    func record(for key: Bytes) -> KeyRecord? { record(at: search(key)) }

    // MARK: Writing

    /// Writes a key into the open revision, at the place a search for it found.
    mutating func put(_ key: Bytes, _ value: Bytes, lease: LeaseID?, at place: Place, time: ClusterTime) -> KeyRecord {
        let previous = record(at: place)
        let version = Version(
            position: nextPosition, time: time, key: previous?.key ?? key, value: value,
            createRevision: previous?.createRevision ?? openRevision, modRevision: openRevision,
            number: (previous?.version ?? 0) &+ 1, lease: lease)
        changes.insert(version)
        enter(version, at: place)
        return KeyRecord(version)
    }

    /// Deletes a key in the open revision, if it is there, and says what was there.
    mutating func delete(_ key: Bytes, reason: DeletionReason, time: ClusterTime) -> KeyRecord? {
        let place = search(key)
        guard let previous = record(at: place) else { return nil }
        let tombstone = Version(position: nextPosition, time: time, endOf: previous.key, reason: reason)
        changes.insert(tombstone)
        end(previous, with: tombstone, reason: reason, at: place)
        return previous
    }

    /// Closes the open revision; `nil` when nothing was written into it.
    mutating func seal(time: ClusterTime) -> RevisionEvents? {
        guard !draft.isEmpty else { return nil }
        revision = openRevision
        let events = RevisionEvents(revision: revision, events: draft)
        history.append(HistoryRevision(events: events, time: time, superseded: draftSuperseded))
        historyBytes += draftSuperseded
        draft = []
        draftSuperseded = 0
        return events
    }

    private mutating func note(_ event: Event) {
        // Most revisions have one: it gets a list of its size.
        if draft.isEmpty { draft = [event] } else { draft.append(event) }
    }

    private var nextPosition: VersionPosition {
        VersionPosition(revision: openRevision, ordinal: UInt32(truncatingIfNeeded: draft.count))
    }

    private mutating func enter(_ version: Version, at place: Place) {
        bytes += version.bytes
        let record = KeyRecord(version)
        if place.found {
            let superseded = living.update(at: place.position) { $0.supersede(with: version) }
            draftSuperseded += superseded.bytes
            note(.put(record, previous: superseded.record))
        } else {
            let key = ByteKey(record.key)
            living.insert(key, versions(of: key, endingWith: version), at: place.position)
            note(.put(record, previous: nil))
        }
    }

    /// Those of a key that comes to life with `version`.
    private mutating func versions(of key: ByteKey, endingWith version: Version) -> KeyVersions {
        let place = dead.search(key)
        guard place.found else { return KeyVersions(version) }
        var versions = dead.remove(at: place.position)
        versions.supersede(with: version)
        return versions
    }

    private mutating func end(
        _ previous: KeyRecord, with tombstone: Version, reason: DeletionReason, at place: Place
    ) {
        bytes += tombstone.bytes
        var versions = living.remove(at: place.position)
        let superseded = versions.supersede(with: tombstone)
        let key = ByteKey(previous.key)
        dead.insert(key, versions, at: dead.search(key).position)
        draftSuperseded += superseded.bytes + tombstone.bytes
        note(.delete(key: previous.key, revision: openRevision, reason: reason, previous: previous))
    }

    // MARK: Compacting

    /// Forgets the history through `target`, which is not after ``revision``; costs what it removes.
    mutating func compact(through target: Revision) {
        while let revision = history.first?.events.revision, revision <= target {
            let oldest = history.removeFirst()
            historyBytes -= oldest.superseded
            bytes -= oldest.superseded
            let events = oldest.events.events
            // Asked where they are: what a copy would hold on to has not been touched for long.
            for place in events.indices { forgetVersions(endedBy: events[place].end) }
        }
        compacted = max(compacted, target)
    }

    /// Drops the version that an event replaced, and the tombstone that it is.
    private mutating func forgetVersions(endedBy end: Event.End) {
        let key = ByteKey(end.key)
        let place = living.search(key)
        if place.found { return Self.forget(endedBy: end, of: &living, at: place.position, &changes) }
        let deadPlace = dead.search(key)
        guard deadPlace.found else { return }
        Self.forget(endedBy: end, of: &dead, at: deadPlace.position, &changes)
        let left = dead[deadPlace.position]
        guard left.past.isEmpty, left.newest.revision == end.revision else { return }
        changes.remove(left.newest.position)
        dead.remove(at: deadPlace.position)
    }

    private static func forget(
        endedBy end: Event.End, of keys: inout Keys, at position: Keys.Position, _ changes: inout VersionChanges
    ) {
        var isLast = false
        while !isLast, let version = keys.update(at: position, { $0.popOldest(endedBy: end.revision) }) {
            changes.remove(version.position)
            isLast = version.revision == end.overwritten
        }
    }

    // MARK: Keeping

    /// How many versions came or went since the last ``takeChanges()``, or a few more.
    var changeCount: Int { changes.count }

    /// What changed since the last call: versions inserted and still retained, in order, and versions removed.
    mutating func takeChanges() -> (inserted: [Version], removed: [VersionPosition]) { changes.take(at: revision) }

    /// Takes in a version as it was kept: per key the oldest first, and the revisions after ``compacted`` in order.
    /// The last one is sealed by ``finishRestoring(at:)``.
    mutating func restore(_ stored: StoredVersion) throws(RestoreFailure) {
        let version = stored.kept
        guard stored.position.revision > compacted else { return try restoreBase(version) }
        if stored.position.revision > openRevision, let last = restoredTime { _ = seal(time: last) }
        guard stored.position == nextPosition, restoredTime.map({ $0 <= stored.time }) ?? true else {
            throw .outOfOrder(stored.position)
        }
        restoredTime = stored.time
        let place = search(version.key)
        let superseded = place.found ? living[place.position].newest : nil
        if let reason = version.ending {
            guard let previous = superseded?.record else { throw .inconsistent(stored.position) }
            end(previous, with: version, reason: reason, at: place)
        } else {
            guard version.modRevision == version.revision else { throw .inconsistent(stored.position) }
            if let superseded, superseded.revision == openRevision { throw .inconsistent(stored.position) }
            enter(version, at: place)
        }
    }

    /// A version from before the history: the only one of its key there.
    private mutating func restoreBase(_ version: Version) throws(RestoreFailure) {
        let position = version.position
        let place = search(version.key)
        guard let record = version.record, record.modRevision == position.revision, !place.found else {
            throw .inconsistent(position)
        }
        bytes += version.bytes
        living.insert(ByteKey(record.key), KeyVersions(version), at: place.position)
    }

    /// Ends the restoration, which must have reached `last`.
    mutating func finishRestoring(at last: Revision) throws(RestoreFailure) {
        if let time = restoredTime { _ = seal(time: time) }
        restoredTime = nil
        guard revision == last else { throw .missingRevision(openRevision) }
        changes = VersionChanges(takenAt: revision)
    }
}

extension Event {
    /// What the compaction of an event has to know.
    fileprivate struct End {
        var key: Bytes
        var revision: Revision
        /// The revision of the version that a write replaced: behind it nothing has ended, and is not looked at.
        var overwritten: Revision?
    }

    fileprivate var end: End {
        switch self {
        case .put(let record, let previous):
            End(key: record.key, revision: record.modRevision, overwritten: previous?.modRevision)
        case .delete(let key, let revision, _, _): End(key: key, revision: revision, overwritten: nil)
        }
    }
}
