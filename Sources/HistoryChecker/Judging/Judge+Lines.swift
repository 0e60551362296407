/// Lines of keys, as etcd's elections and locks are: who is told to be at the front is there.
extension Judge {
    /// The record at the front of a line.
    func front(of name: String, at revision: UInt64) -> Record? {
        log.keys(with: name + "/").compactMap { log.record(of: $0, at: revision) }.min { $0.created < $1.created }
    }

    /// A place that was told to be at the front.
    mutating func judgePlace(
        _ request: Request, _ number: Int, key: String, created: UInt64, at revision: UInt64, _ claims: inout Claims
    ) {
        guard case .line(.enter(let name, let lease, _)) = request.invocation else { return }
        guard revision <= log.last else {
            return verdict.found(.lost, "the history ends at \(log.last), before \(request.operation.line)")
        }
        checkFloor(request, at: revision)
        guard let front = front(of: name, at: revision), front.key == key, key == LineRequest.key(name, lease),
            created == 0 || front.created == created
        else { return verdict.found(.line, "it was not at the front: \(request.operation.line)") }
        guard isTaken(request.invocation.place, at: front.created) else {
            return verdict.found(.lost, "revision \(front.created) is not \(request.operation.line)")
        }
        claim(front.created, for: request, number, &claims)
    }

    /// Whether a revision is the taking of a place.
    func isTaken(_ place: (key: String, lease: UInt64, value: String)?, at revision: UInt64) -> Bool {
        let changes = log.changes(at: revision)
        guard let place, changes.count == 1, let record = changes.first?.record else { return false }
        return record.key == place.key && record.lease == place.lease && record.value == place.value
            && record.version == 1
    }

    /// Whether a revision that nobody was answered for is a place that was taken, or given up by a node whose client had
    /// given up waiting.
    func isPlace(_ changes: ArraySlice<Change>, at revision: UInt64, _ claims: Claims) -> Bool {
        guard changes.count == 1, let change = changes.first, let number = claims.places[change.key],
            sightings.floor(before: requests[number].call) < revision
        else { return false }
        return change.reason == .deleted || isTaken(requests[number].invocation.place, at: revision)
    }
}

extension Invocation {
    /// The place in a line that it takes.
    var place: (key: String, lease: UInt64, value: String)? {
        guard case .line(.enter(let name, let lease, let value)) = self else { return nil }
        return (LineRequest.key(name, lease), lease, value ?? "")
    }
}
