extension Scanner {
    mutating func response() throws(HistoryFault) -> Response {
        let response = try responseWords()
        guard isAtEnd else { throw fault("there are words after the answer") }
        return response
    }

    private mutating func responseWords() throws(HistoryFault) -> Response {
        if let written = try written() { return .put(written) }
        if take("read") { return .read(try page(), revision: try at()) }
        if take("unknown") { return .unknown }
        if take("deleted") { return .deleted(try count(), revision: try at()) }
        if take("then") { return try transaction(succeeded: true) }
        if take("else") { return try transaction(succeeded: false) }
        if take("granted") { return .granted(try grant(), revision: try at()) }
        if take("renewed") { return try renewed() }
        if take("refused") { return try refused() }
        if take("revoked") { return .revoked(try count(), revision: try at()) }
        if take("leases") { return try leases() }
        if take("lease") { return try keys() }
        if take("gone") { return .gone(revision: try at()) }
        if take("failed") { return .failed(try word()) }
        if take("wrote") {
            let previous = isRecord ? try record() : nil
            return .wrote(over: previous, revision: try at())
        }
        if take("done") { return .done(revision: try at()) }
        if take("seated") { return .seated(try word(), created: try revision(), revision: try at()) }
        if let answer = try officeAnswer() { return .offices(answer, revision: try at()) }
        throw fault("there is no such answer")
    }

    private mutating func at() throws(HistoryFault) -> UInt64 {
        guard take("at") else { throw fault("\"at\" and a revision are expected") }
        return try revision()
    }

    private mutating func written() throws(HistoryFault) -> Response.Written? {
        let isNew = take("created")
        guard isNew || take("replaced") else { return nil }
        var written = Response.Written(
            revision: try revision(), created: try revision(), version: try revision(), isNew: isNew)
        var ahead = self
        if try ahead.field("lease=") != nil { written.grant = try grant() }
        return written
    }

    mutating func grant() throws(HistoryFault) -> Response.Grant {
        guard let lease = try field("lease="), let ttl = try field("ttl="), let valid = try field("valid=") else {
            throw fault("a grant has a lease, a ttl and its validity")
        }
        return Response.Grant(
            lease: try self.lease(lease), ttl: Int64(try decimal(ttl)), valid: Int64(try decimal(valid)))
    }

    private mutating func page() throws(HistoryFault) -> Response.Page {
        var page = Response.Page([], count: try count(), more: take("more"))
        while isRecord { page.records.append(try record()) }
        return page
    }

    private mutating func transaction(succeeded: Bool) throws(HistoryFault) -> Response {
        let results = try stepResults()
        return .transaction(succeeded: succeeded, results, revision: try at())
    }

    private mutating func stepResults() throws(HistoryFault) -> [Response.StepResult] {
        var results: [Response.StepResult] = []
        while true {
            if let written = try written() {
                results.append(.put(written))
            } else if take("read") {
                results.append(.read(try page()))
            } else if take("deleted") {
                results.append(.deleted(try count()))
            } else if take("wrote") {
                results.append(.wrote)
            } else if take("(") {
                results.append(try innerTransaction())
            } else {
                return results
            }
        }
    }

    private mutating func innerTransaction() throws(HistoryFault) -> Response.StepResult {
        guard depth < Self.deepest else { throw fault("transactions stand too deep inside each other") }
        depth += 1
        let succeeded = take("then")
        guard succeeded || take("else") else { throw fault("a transaction comes to \"then\" or \"else\"") }
        let results = try stepResults()
        let revision = try at()
        guard take(")") else { throw fault("a transaction inside does not end") }
        depth -= 1
        return .transaction(succeeded: succeeded, results, revision: revision)
    }

    private mutating func renewed() throws(HistoryFault) -> Response {
        var spans: [Int64?] = []
        while !take("at") { spans.append(take("gone") ? nil : try time()) }
        return .renewed(spans, revision: try revision())
    }

    private mutating func refused() throws(HistoryFault) -> Response {
        let holder = isRecord ? try record() : nil
        return .refused(holder: holder, revision: try at())
    }

    private mutating func leases() throws(HistoryFault) -> Response {
        let more = take("more")
        var ids: [UInt64] = []
        while !take("at") { ids.append(try lease()) }
        return .leases(ids, more: more, revision: try revision())
    }

    private mutating func keys() throws(HistoryFault) -> Response {
        var keys: [String] = []
        for _ in 0..<(try count()) { keys.append(try word()) }
        return .lease(keys, revision: try at())
    }
}
