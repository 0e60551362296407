/// Revisions that no acknowledged or recognised request made: expiries, and requests whose outcome nobody knew.
extension Judge {
    mutating func settle(_ claims: inout Claims) {
        var unexplained: [UInt64] = []
        for revision in (StoreLog.empty + 1)..<max(log.last + 1, StoreLog.empty + 2) where revision <= log.last {
            if claims.owner[revision] != nil { continue }
            let changes = log.changes(at: revision)
            if changes.isEmpty || isPlace(changes, at: revision, claims) { continue }
            if changes.allSatisfy({ $0.reason == .expired }) {
                judgeExpiry(changes, at: revision)
            } else {
                unexplained.append(revision)
            }
        }
        explain(unexplained, claims)
    }

    /// Finds for each revision a request of its own that may have made it.
    private mutating func explain(_ revisions: [UInt64], _ claims: Claims) {
        var maker: [Int: UInt64] = [:]
        var candidates: [UInt64: [Int]] = [:]
        for revision in revisions {
            candidates[revision] = claims.open.filter { mayHaveMade(revision, requests[$0]) }
        }
        for revision in revisions {
            var seen: Set<Int> = []
            if assign(revision, candidates, &maker, &seen) {
                verdict.figures.unknownCarriedOut += 1
            } else {
                verdict.found(.invented, "nobody asked for \(log.changes(at: revision).map(\.line))")
            }
        }
    }

    private func mayHaveMade(_ revision: UInt64, _ request: Request) -> Bool {
        sightings.floor(before: request.call) < revision && mayBe(request, revision)
    }

    /// Whether a revision is what the request comes to there.
    func mayBe(_ request: Request, _ revision: UInt64) -> Bool {
        if let place = request.invocation.place { return isTaken(place, at: revision) }
        var writing = Replay(in: log, at: revision - 1)
        _ = writing.carryOut(request.invocation)
        return writing.matches(log.changes(at: revision))
    }

    /// Gives a revision a maker, moving others to makers of their own where that helps (Kuhn's algorithm).
    private func assign(
        _ revision: UInt64, _ candidates: [UInt64: [Int]], _ maker: inout [Int: UInt64], _ seen: inout Set<Int>
    ) -> Bool {
        for request in candidates[revision] ?? [] where seen.insert(request).inserted {
            if let other = maker[request], !assign(other, candidates, &maker, &seen) { continue }
            maker[request] = revision
            return true
        }
        return false
    }

    /// All keys of each lease go together.
    private mutating func judgeExpiry(_ changes: ArraySlice<Change>, at revision: UInt64) {
        let gone = Set(changes.map(\.key))
        var leases: Set<UInt64> = []
        for change in changes {
            let lease = log.record(of: change.key, at: revision - 1)?.lease ?? 0
            if lease == 0 {
                verdict.found(.invented, "\(change.key) expired at \(revision), but hung on no lease")
            } else {
                leases.insert(lease)
            }
        }
        for lease in leases.sorted() {
            let kept = log.keys(on: lease, at: revision - 1).filter { !gone.contains($0) }
            if !kept.isEmpty {
                verdict.found(.leaseKept, "lease \(String(lease, radix: 16)) expired at \(revision) but for \(kept)")
            }
        }
    }
}
