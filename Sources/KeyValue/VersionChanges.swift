internal import Primitives

/// Which versions came and went since `state.db` was last told.
struct VersionChanges: Sendable {
    /// Everything up to this revision was taken.
    private var taken: Revision
    /// Versions after ``taken``, in the order of their positions.
    private var inserted: [Version] = []
    private var removed: [VersionPosition] = []
    /// Those of ``inserted`` that are gone again.
    private var vanished: Set<VersionPosition> = []

    init(takenAt revision: Revision) { taken = revision }

    /// How many rows the next ``take(at:)`` tells of, or a few more.
    var count: Int { inserted.count + removed.count }

    mutating func insert(_ version: Version) { inserted.append(version) }

    mutating func remove(_ position: VersionPosition) {
        if position.revision > taken { vanished.insert(position) } else { removed.append(position) }
    }

    mutating func take(at revision: Revision) -> (inserted: [Version], removed: [VersionPosition]) {
        let remaining = vanished.isEmpty ? inserted : inserted.filter { !vanished.contains($0.position) }
        let result = (remaining, removed)
        self = VersionChanges(takenAt: revision)
        return result
    }
}
