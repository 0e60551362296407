internal import Consensus
internal import KeyValue
internal import Primitives

extension StateTables {
    func readIdentity(path: String) throws(StorageError) -> StoreIdentity? {
        var found: StoreIdentity?
        try selectMeta.rows([]) { row throws(StorageError) in
            guard row.hasChecksum(at: Self.metaChecksum), row.has("iiiittIIIIIIBi") else {
                throw .corrupt(path: path, detail: "the row of meta differs from its checksum")
            }
            guard (1...Self.format).contains(row.integer(1)) else {
                throw .unknownFormat(path: path, format: row.integer(1))
            }
            found = StoreIdentity(
                cluster: ClusterID(rawValue: row.number(2)), node: NodeID(row.number(3)), nodeName: row.text(4),
                clusterDescription: row.text(5))
            return false
        }
        return found
    }

    /// What all tables hold.
    struct Content {
        /// `nil` when no state was ever written.
        var state: RecoveredState?
        /// See ``StateTables``.
        var rowSum: UInt64
        /// Whether the file is of a format that had no such sum, or another one.
        var isOfEarlierFormat: Bool
    }

    /// Reads everything. Rows that are not those that `meta` was written with are damage.
    func read(path: String) throws(StorageError) -> Content {
        let (format, kept) = try readRowSum()
        let header = try readHeader(path: path)
        var rows = RowReading(path: path)
        try rows.read(versions.rows, "versions", { VersionPosition($0).rowSum }) {
            StoredVersion($0).map(StateRecord.version)
        }
        try rows.read(leases, "leases") { StoredLease($0).map(StateRecord.lease) }
        try rows.read(elections, "elections") { StoredElection($0).map(StateRecord.election) }
        try rows.read(candidacies, "candidacies") { StoredCandidacy($0).map(StateRecord.candidacy) }
        try rows.read(requests, "requests") { StoredRequest($0).map(StateRecord.remembered) }
        guard kept == nil || kept == (format == 2 ? rows.checksums : rows.sum) else {
            throw .corrupt(path: path, detail: "its rows are not those that belong to its applied index")
        }
        let state = header.map { RecoveredState(header: $0, configuration: $1, records: rows.records) }
        return Content(state: state, rowSum: rows.sum, isOfEarlierFormat: format != Self.format)
    }

    /// The first format had no sum; the second one of the checksums of all rows.
    private func readRowSum() throws(StorageError) -> (format: Int64, sum: UInt64?) {
        var found: (Int64, UInt64?) = (Self.format, nil)
        try selectMeta.rows([]) { row in
            let format = row.integer(1)
            found = (format, format == 1 ? nil : row.number(Self.metaChecksum + 1))
            return false
        }
        return found
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
}

/// What the tables held so far.
private struct RowReading {
    let path: String
    private(set) var records: [StateRecord] = []
    /// What they add to the sum of all rows.
    private(set) var sum: UInt64 = 0
    /// The sum of their checksums.
    private(set) var checksums: UInt64 = 0

    init(path: String) { self.path = path }

    /// - Parameter rowSum: what a row adds to the sum of all rows.
    mutating func read(
        _ table: RowTable, _ name: String, _ rowSum: (Row) -> UInt64 = { $0.number($0.last) },
        record: (Row) -> StateRecord?
    ) throws(StorageError) {
        try table.rows { row throws(StorageError) in
            guard row.hasChecksum(at: row.last) else {
                throw .corrupt(path: path, detail: "a row of \(name) differs from its checksum")
            }
            guard let record = record(row) else {
                throw .corrupt(path: path, detail: "a row of \(name) does not decode")
            }
            records.append(record)
            checksums &+= row.number(row.last)
            sum &+= rowSum(row)
        }
    }
}

extension VersionPosition {
    /// From a row of `versions`, if that makes a version.
    fileprivate init(_ row: Row) {
        self.init(revision: Revision(row.number(0)), ordinal: UInt32(truncatingIfNeeded: row.integer(1)))
    }
}
