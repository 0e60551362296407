internal import Consensus
internal import KeyValue
internal import Primitives

extension StateTables {
    func readIdentity(path: String) throws(StorageError) -> StoreIdentity? {
        var found: StoreIdentity?
        try selectMeta.rows([]) { row throws(StorageError) in
            guard row.integer(1) == Self.format else { throw .unknownFormat(path: path, format: row.integer(1)) }
            try verify(row, of: "meta", path: path)
            found = StoreIdentity(
                cluster: ClusterID(rawValue: row.number(2)), node: NodeID(row.number(3)), nodeName: row.text(4),
                clusterDescription: row.text(5))
            return false
        }
        return found
    }

    /// The whole state; `nil` when none was ever written.
    func readState(path: String) throws(StorageError) -> RecoveredState? {
        guard let (header, configuration) = try readHeader(path: path) else { return nil }
        var records: [StateRecord] = []
        try read(selectVersions, "versions", path, into: &records) { StoredVersion($0).map(StateRecord.version) }
        try read(selectLeases, "leases", path, into: &records) { .lease(StoredLease($0)) }
        try read(selectElections, "elections", path, into: &records) { StoredElection($0).map(StateRecord.election) }
        try read(selectCandidacies, "candidacies", path, into: &records) {
            StoredCandidacy($0).map(StateRecord.candidacy)
        }
        try read(selectRequests, "requests", path, into: &records) { StoredRequest($0).map(StateRecord.remembered) }
        return RecoveredState(header: header, configuration: configuration, records: records)
    }

    private func readHeader(path: String) throws(StorageError) -> (StateHeader, Configuration)? {
        var found: (StateHeader, Configuration)?
        try selectMeta.rows([]) { row throws(StorageError) in
            guard !row.isNull(6) else { return false }
            var reader = ByteReader(row.blob(12))
            guard let configuration = try? Configuration(from: &reader) else {
                throw .corrupt(path: path, detail: "the configuration in meta does not decode")
            }
            found = (StateHeader(meta: row), configuration)
            return false
        }
        return found
    }

    private func read(
        _ statement: Statement, _ table: String, _ path: String, into records: inout [StateRecord],
        record: (Row) -> StateRecord?
    ) throws(StorageError) {
        try statement.rows([]) { row throws(StorageError) in
            try verify(row, of: table, path: path)
            guard let record = record(row) else {
                throw .corrupt(path: path, detail: "a row of \(table) does not decode")
            }
            records.append(record)
            return true
        }
    }

    private func verify(_ row: Row, of table: String, path: String) throws(StorageError) {
        guard row.hasItsChecksum else {
            throw .corrupt(path: path, detail: "a row of \(table) differs from its checksum")
        }
    }
}
