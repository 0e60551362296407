package import Consensus
package import Primitives

/// What a data directory is given when it is begun.
package struct NewDirectory: Hashable, Sendable {
    /// Tells it from every other one of its member.
    package var id: DirectoryID
    /// The one before its first: the others drop what comes from an earlier life than the newest that they have heard of,
    /// also when that was in a directory that is lost.
    package var incarnation: Incarnation

    package init(id: DirectoryID, incarnation: Incarnation) {
        self.id = id
        self.incarnation = incarnation
    }

    /// A random number, and milliseconds by the wall clock: no member starts that often.
    package static func begunNow() -> NewDirectory {
        NewDirectory(
            id: DirectoryID(UInt64.random(in: 1 ... .max)), incarnation: Incarnation(wallClockMilliseconds()))
    }
}
