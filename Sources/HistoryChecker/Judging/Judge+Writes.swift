/// Writes: each acknowledged one is in the history at its revision, each change of the history is somebody's, and none
/// is there twice.
extension Judge {
    mutating func judgeWrites() {
        var claims = Claims(log)
        let changeOf = changesByValue()
        for (number, request) in requests.enumerated() where request.invocation.isWrite {
            verdict.figures.writes += 1
            judge(request, number, changeOf, &claims)
        }
        settle(&claims)
    }

    /// Where each value was written; values are unique, but for the empty one that locks write, and a key may be written anew
    /// with the one it has.
    private mutating func changesByValue() -> [String: UInt64] {
        let keepers = keysOfKeptValues
        var places: [String: UInt64] = [:]
        places.reserveCapacity(log.changes.count)
        for change in log.changes {
            guard let record = change.record, !record.value.isEmpty else { continue }
            if keepers.contains(change.key),
                log.record(of: change.key, at: change.revision - 1)?.value == record.value
            {
                continue
            }
            if let before = places.updateValue(record.revision, forKey: record.value) {
                verdict.found(
                    .twice, "\(record.value) was written at revision \(before) and again at \(record.revision)")
            }
        }
        return places
    }

    private var keysOfKeptValues: Set<String> {
        var keys: Set<String> = []
        for request in requests {
            if case .transaction(let transaction) = request.invocation { keys.formUnion(transaction.keysOfKeptValues) }
        }
        return keys
    }

    private mutating func judge(
        _ request: Request, _ number: Int, _ changeOf: [String: UInt64], _ claims: inout Claims
    ) {
        let places = Set(request.invocation.values.compactMap { changeOf[$0] }).sorted()
        switch request.response {
        case .refused(let holder, let revision):
            judgeRefusal(request, holder: holder, at: revision)
            fallthrough
        case .failed, .gone, .offices(.fenced, _):
            if request.isRefused {
                for place in places {
                    verdict.found(.refused, "revision \(place) carries out \(request.operation.line)")
                }
            } else {
                settleUnknown(request, number, places, &claims)
            }
        case .unknown: settleUnknown(request, number, places, &claims)
        case .seated(let key, let created, let revision):
            judgePlace(request, number, key: key, created: created, at: revision, &claims)
        default: judgeAcknowledged(request, number, &claims)
        }
    }

    /// The operation is what its revision shows, or changed nothing in the state of its revision.
    private mutating func judgeAcknowledged(_ request: Request, _ number: Int, _ claims: inout Claims) {
        guard let revision = request.response.revision else { return }
        guard revision >= StoreLog.empty, revision <= log.last else {
            return verdict.found(
                .lost, "the history goes from 1 to \(log.last), without \(request.operation.line)")
        }
        var writing = Replay(in: log, at: revision - 1)
        let answer = writing.carryOut(request.invocation)
        let isWritten = !writing.changes.isEmpty && writing.matches(log.changes(at: revision))
        let told = request.response
        let before = request.invocation.writtenKey.flatMap { log.record(of: $0, at: revision - 1) }
        let isRight = answer?.agrees(with: told, before: before) ?? false
        var idle = Replay(in: log, at: revision)
        let idleAnswer = idle.carryOut(request.invocation)
        let mayBeIdle = idle.changes.isEmpty && idleAnswer?.agrees(with: told, before: nil) == true
        // Who gives up what was given up already is told of the revision that did it, which is another's or was known before.
        let isOthers = claims.owner[revision] != nil || sightings.floor(before: request.call) >= revision
        if mayBeIdle, !isWritten || !isRight || isOthers { return checkFloor(request, at: revision) }
        guard isWritten, let answer else {
            let found = log.changes(at: revision).map(\.line)
            return verdict.found(.lost, "revision \(revision) is \(found), and not \(request.operation.line)")
        }
        claim(revision, for: request, number, &claims)
        if !isRight { verdict.found(.answer, "\(answer.words) is right: \(request.operation.line)") }
    }

    mutating func claim(_ revision: UInt64, for request: Request, _ number: Int, _ claims: inout Claims) {
        if let other = claims.owner[revision] {
            verdict.found(
                .twice, "revision \(revision) is \(requests[other].operation.line) and \(request.operation.line)")
        }
        claims.owner[revision] = number
        judgeGuard(of: request, at: revision)
        let floor = sightings.floor(before: request.call)
        guard revision <= floor else { return }
        verdict.found(.early, "\(floor) was known before \(request.operation.line) was sent")
    }

    /// What is answered reflects all that was known before it was asked.
    mutating func checkFloor(_ request: Request, at revision: UInt64) {
        let floor = sightings.floor(before: request.call)
        guard revision < floor else { return }
        verdict.found(.stale, "\(floor) was known before \(request.operation.line)")
    }

    /// A condition that did not hold: at some moment since the request was sent the key was as the answer says.
    private mutating func judgeRefusal(_ request: Request, holder: Record?, at revision: UInt64) {
        guard let (key, condition) = request.invocation.condition else { return }
        guard !condition.holds(for: holder) else {
            return verdict.found(.answer, "the condition holds: \(request.operation.line)")
        }
        checkFloor(request, at: revision)
        let floor = min(sightings.floor(before: request.call), revision)
        guard !log.states(of: key, from: floor, through: revision).contains(holder) else { return }
        verdict.found(.answer, "\(key) was not so from \(floor) to \(revision): \(request.operation.line)")
    }

    /// Whether the history has it is the outcome.
    private mutating func settleUnknown(
        _ request: Request, _ number: Int, _ places: [UInt64], _ claims: inout Claims
    ) {
        verdict.figures.unknown += 1
        if case .line(.enter(let name, let lease, _)) = request.invocation {
            claims.places[LineRequest.key(name, lease)] = number
        }
        guard let place = places.first else { return claims.open.append(number) }
        verdict.figures.unknownCarriedOut += 1
        if places.count > 1 {
            verdict.found(.twice, "revisions \(places) carry out \(request.operation.line)")
        }
        guard mayBe(request, place) else {
            return verdict.found(
                .lost, "revision \(place) is \(log.changes(at: place).map(\.line)), and not \(request.operation.line)")
        }
        claim(place, for: request, number, &claims)
    }
}

/// Which request made which revision.
struct Claims {
    /// Numbers of requests.
    var owner: [UInt64: Int] = [:]
    /// Requests of unknown outcome whose values are not in the history: if they did anything, they deleted.
    var open: [Int] = []
    /// Requests of unknown outcome for a place in a line, by its key: they may have taken it, and their node may have given it up.
    var places: [String: Int] = [:]

    init(_ log: StoreLog) { owner.reserveCapacity(Int(log.last)) }
}

extension Invocation {
    fileprivate var isWrite: Bool {
        switch self {
        case .put, .delete, .clear, .transaction, .revoke: true
        case .line(.front): false
        case .line: true
        case .under(_, let bare): bare.isWrite
        case .get, .wait, .list, .grant, .renew, .lease, .leases, .campaign, .resign, .offices, .compact: false
        }
    }

    /// The key that it writes, if it may write one only.
    fileprivate var writtenKey: String? {
        switch self {
        case .put(let put): put.key
        default: nil
        }
    }

    /// The values it may write, by which it is known again.
    var values: [String] {
        switch self {
        case .put(let put): [put.value]
        case .transaction(let transaction): transaction.values
        case .line(.enter(_, _, let value?)), .line(.proclaim(_, let value)): [value]
        case .under(_, let bare): bare.values
        default: []
        }
    }

    fileprivate var condition: (key: String, condition: Condition)? {
        switch self {
        case .put(let put): (put.key, put.condition)
        case .delete(let key, let condition): (key, condition)
        default: nil
        }
    }
}

extension Transaction {
    fileprivate var values: [String] { (then + otherwise).flatMap(\.values) }

    /// The keys that it may write anew with the values they have.
    fileprivate var keysOfKeptValues: [String] {
        (then + otherwise).flatMap { step -> [String] in
            switch step {
            case .keep(let key, nil, _): [key]
            case .transaction(let inner): inner.keysOfKeptValues
            default: []
            }
        }
    }
}

extension Transaction.Step {
    fileprivate var values: [String] {
        switch self {
        case .put(_, let value, _), .keep(_, let value?, _): [value]
        case .transaction(let inner): inner.values
        default: []
        }
    }
}
