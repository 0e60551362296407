package import KeyValue
internal import Primitives

/// What a `state.db` holds, for a person who has nothing else left.
package struct SavedState: Sendable {
    /// The member whose file it is.
    package var nodeName: String
    package var header: StateHeader
    /// The keys that lived, in byte order.
    package var keys: [KeyRecord]

    /// Reads the file at `path`, which another process may be writing meanwhile; `nil` when no state was ever saved in it.
    package static func read(_ path: String) throws(StorageError) -> SavedState? {
        let database = try Database(path: path, settings: [])
        defer { database.close() }
        // The tables that an earlier format lacks, or another's database, are there for as long as this lasts: it is never
        // committed.
        try database.execute("BEGIN")
        let tables = try StateTables(database)
        guard let identity = try tables.readIdentity(path: path) else { return nil }
        guard let state = try tables.read(path: path).state else { return nil }
        return SavedState(nodeName: identity.nodeName, header: state.header, keys: state.livingKeys)
    }
}

extension RecoveredState {
    fileprivate var livingKeys: [KeyRecord] {
        var living: [Bytes: KeyRecord] = [:]
        for case .version(let version) in records {
            switch version.content {
            case .put(let record): living[record.key] = record
            case .tombstone(let key, _): living[key] = nil
            }
        }
        return living.values.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
}
