// Told in full to other modules, as are moments and spans: the compiler inlines nothing else of another module.

/// A generation of leadership; every election begins a new one (Raft §5.1, *term*).
@usableFromInline package struct Term: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(_ value: UInt64) { rawValue = value }
    @inlinable package static var zero: Term { Term(0) }
    @inlinable package var next: Term { Term(rawValue + 1) }
    @inlinable package static func == (a: Term, b: Term) -> Bool { a.rawValue == b.rawValue }
    @inlinable package static func < (a: Term, b: Term) -> Bool { a.rawValue < b.rawValue }
}

/// A position in the replicated log, counted from 1; 0 is the empty log (Raft §5.3, *log index*).
@usableFromInline package struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(_ value: UInt64) { rawValue = value }
    @inlinable package static var zero: LogIndex { LogIndex(0) }
    @inlinable package var next: LogIndex { LogIndex(rawValue + 1) }
    /// The index before this one; zero stays zero.
    @inlinable package var previous: LogIndex { LogIndex(rawValue == 0 ? 0 : rawValue - 1) }
    @inlinable package static func == (a: LogIndex, b: LogIndex) -> Bool { a.rawValue == b.rawValue }
    @inlinable package static func < (a: LogIndex, b: LogIndex) -> Bool { a.rawValue < b.rawValue }
}

/// A server of the cluster. Derived from its name, see ``NodeID/init(name:)``.
@usableFromInline package struct NodeID: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(_ value: UInt64) { rawValue = value }
    /// The id every node computes for a member called `name`: the stable 64-bit hash of its UTF-8 bytes.
    package init(name: String) { rawValue = stableHash(Array(name.utf8)) }
    @inlinable package static func == (a: NodeID, b: NodeID) -> Bool { a.rawValue == b.rawValue }
    @inlinable package static func < (a: NodeID, b: NodeID) -> Bool { a.rawValue < b.rawValue }
}

/// A cluster, so that frames and files of another one are recognised.
@usableFromInline package struct ClusterID: RawRepresentable, Hashable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The id of the cluster with this token and these member names, in any order.
    package init(token: String, memberNames: [String]) {
        var writer = ByteWriter()
        writer.write(string: token)
        for name in memberNames.sorted() { writer.write(string: name) }
        rawValue = stableHash(writer.bytes)
    }
}

/// One life of a node's process: grows by one each time the node starts, and is kept in `log.db`.
@usableFromInline package struct Incarnation: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(_ value: UInt64) { rawValue = value }
    @inlinable package static func == (a: Incarnation, b: Incarnation) -> Bool { a.rawValue == b.rawValue }
    @inlinable package static func < (a: Incarnation, b: Incarnation) -> Bool { a.rawValue < b.rawValue }
}

/// The store-wide version counter: 1 when empty, one more for every write transaction.
@usableFromInline package struct Revision: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(_ value: UInt64) { rawValue = value }
    @inlinable package static var zero: Revision { Revision(0) }
    @inlinable package static var empty: Revision { Revision(1) }
    @inlinable package var next: Revision { Revision(rawValue + 1) }
    @inlinable package static func == (a: Revision, b: Revision) -> Bool { a.rawValue == b.rawValue }
    @inlinable package static func < (a: Revision, b: Revision) -> Bool { a.rawValue < b.rawValue }
}

/// A client's lease; never 0, and below 2^63 so that it is a positive `int64` for etcd clients.
@usableFromInline package struct LeaseID: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(_ value: UInt64) { rawValue = value }
    @inlinable package static func == (a: LeaseID, b: LeaseID) -> Bool { a.rawValue == b.rawValue }
    @inlinable package static func < (a: LeaseID, b: LeaseID) -> Bool { a.rawValue < b.rawValue }
}
