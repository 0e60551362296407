/// Reads: each shows the state of the revision it names, and that is not older than what was known before.
extension Judge {
    mutating func judgeReads() {
        var staleReads: [String: [Request]] = [:]
        for request in requests {
            guard case .read(let page, let revision) = request.response else {
                judgeLeaseRead(request)
                continue
            }
            guard let point = request.invocation.point else { continue }
            verdict.figures.reads += 1
            if point == .stale {
                verdict.figures.staleReads += 1
                staleReads[request.operation.node, default: []].append(request)
            } else {
                checkFloor(request, at: revision)
            }
            judge(request, page, at: point.revision(reached: revision))
        }
        for (_, reads) in staleReads.sorted(by: { $0.key < $1.key }) { judgeMemory(reads) }
    }

    private mutating func judge(_ request: Request, _ page: Response.Page, at revision: UInt64) {
        if case .wait(_, let after, _) = request.invocation, let record = page.records.first, record.revision <= after {
            verdict.found(.answer, "the key was to change after \(after): \(request.operation.line)")
        }
        guard revision <= log.last else {
            return verdict.found(.lost, "the history ends at \(log.last), before \(request.operation.line)")
        }
        guard let right = rightPage(of: request.invocation, at: revision), right != page else { return }
        verdict.found(.answer, "\(Response.read(right, revision: revision).words) is right: \(request.operation.line)")
    }

    private func rightPage(of invocation: Invocation, at revision: UInt64) -> Response.Page? {
        switch invocation {
        case .line(.front(let name, _)):
            return Response.Page(all: front(of: name, at: revision).map { [$0] } ?? [])
        case .get(let key, _), .wait(let key, _, _):
            return Response.Page(all: log.record(of: key, at: revision).map { [$0] } ?? [])
        case .list(let listing):
            return listing.page(of: log.keys(with: listing.prefix).compactMap { log.record(of: $0, at: revision) })
        default: return nil
        }
    }

    private mutating func judgeLeaseRead(_ request: Request) {
        switch (request.invocation, request.response) {
        case (.lease(let lease), .lease(let keys, let revision)):
            checkFloor(request, at: revision)
            let right = log.keys(on: lease, at: revision)
            if right != keys { verdict.found(.answer, "\(right) hang on it: \(request.operation.line)") }
        case (.lease, .gone(let revision)), (.leases, .leases(_, _, let revision)),
            (.compact, .done(let revision)), (.renew, .renewed(_, let revision)), (.grant, .granted(_, let revision)):
            checkFloor(request, at: revision)
        default: break
        }
    }

    /// A node's memory only goes forward, also across its restarts.
    private mutating func judgeMemory(_ reads: [Request]) {
        let byEnd = reads.sorted { $0.operation.end < $1.operation.end }
        var passed = byEnd[...]
        var newest: (revision: UInt64, line: String)?
        for read in reads.sorted(by: { $0.call < $1.call }) {
            while let earlier = passed.first, earlier.operation.end < read.call {
                let revision = earlier.response.revision ?? 0
                if revision > newest?.revision ?? 0 { newest = (revision, earlier.operation.line) }
                passed.removeFirst()
            }
            if let newest, let revision = read.response.revision, revision < newest.revision {
                verdict.found(.backwards, "\(read.operation.line) after \(newest.line)")
            }
        }
    }
}

extension Invocation {
    fileprivate var point: Point? {
        switch self {
        case .get(_, let point): point
        case .wait, .line(.front): .newest
        case .list(let listing): listing.point
        default: nil
        }
    }
}

extension Invocation.Listing {
    /// The page that it takes of all records with its prefix.
    func page(of all: [Record]) -> Response.Page {
        var records = all
        if let start { records.removeAll { $0.key.utf8.lexicographicallyPrecedes(start.utf8) } }
        let count = records.count
        if countOnly { return Response.Page([], count: count, more: false) }
        if let limit { records = Array(records.prefix(limit)) }
        if keysOnly { for place in records.indices { records[place].value = "" } }
        return Response.Page(records, count: count, more: records.count < count)
    }
}

extension Invocation.Point {
    /// The revision whose state is shown.
    fileprivate func revision(reached: UInt64) -> UInt64 {
        if case .at(let revision) = self { revision } else { reached }
    }
}
