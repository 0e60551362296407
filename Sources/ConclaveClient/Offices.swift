extension ClusterClient {
    /// An election or a lock as it stands, or `nil` when nobody ever contended for it.
    ///
    /// - Parameters:
    ///   - office: which one.
    ///   - limit: how many of those who wait are listed, at most 10 000.
    ///   - consistency: how current the answer must be.
    /// - Throws: ``ConclaveError`` when the cluster cannot be asked.
    public func state(
        of office: Office, limit: Int? = nil, consistency: Consistency = .linearizable
    ) async throws -> OfficeState? {
        var call = Call(path: office.path, headers: ["Accept": "application/json"])
        if let limit { call.query.append(("limit", String(limit))) }
        if consistency == .stale { call.query.append(("consistency", "stale")) }
        do {
            let answer = try await perform(call)
            guard let state = try answer.decode(WireOffice.self).state(office.kind) else {
                throw answer.malformed("the node's answer tells nothing of the \(office)")
            }
            return state
        } catch let error as ConclaveError where error.code == .notFound {
            return nil
        }
    }

    /// Reads a page of the elections or of the locks, by name.
    ///
    /// - Parameters:
    ///   - kind: which of the two.
    ///   - prefix: what the names begin with; empty for all.
    ///   - limit: how many at most; the node's own bound when `nil`.
    ///   - start: the first name of the page; the range's own beginning when `nil`.
    /// - Throws: ``ConclaveError`` when the cluster cannot be asked.
    public func list(
        _ kind: Office.Kind, prefix: String = "", limit: Int? = nil, from start: String? = nil
    ) async throws -> OfficePage {
        var call = Call(path: kind.path)
        if !prefix.isEmpty { call.query.append(("prefix", ByteString(prefix).queryEscaped)) }
        if let limit { call.query.append(("limit", String(limit))) }
        if let start { call.query.append(("start", ByteString(start).queryEscaped)) }
        return try await perform(call).decode(WireOffices.self).page(kind)
    }

    /// Who led an election or held a lock, newest first, and why each leadership ended; the cluster keeps the last 64.
    ///
    /// - Parameters:
    ///   - office: which one.
    ///   - limit: how many at most; all that are kept when `nil`.
    /// - Returns: `nil` when nobody ever contended for it.
    /// - Throws: ``ConclaveError`` when the cluster cannot be asked.
    public func history(of office: Office, limit: Int? = nil) async throws -> [PastLeadership]? {
        var call = Call(path: office.path + "/history")
        if let limit { call.query.append(("limit", String(limit))) }
        do {
            return try await perform(call).decode(WireHistory.self).history
        } catch let error as ConclaveError where error.code == .notFound {
            return nil
        }
    }
}

private struct WireHistory: Decodable {
    var history: [PastLeadership]
}
