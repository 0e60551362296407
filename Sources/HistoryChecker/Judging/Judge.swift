/// Holds a recorded history against what the service promises.
///
/// The service's own history orders every write by its revision. So an acknowledged write is looked up at its revision, a
/// read is compared with the state of the revision its answer names, and what must hold beyond that is real time: nothing
/// that was known before a request was sent may be missing from its answer.
package struct Judge {
    let watches: [String: Watched]
    /// When the run ended.
    let end: Int64
    let log: StoreLog
    let offices: OfficeLog
    let sightings: Rising
    /// Operations with all their repetitions as one.
    let requests: [Request]
    /// Each by itself: who repeats a campaign is promised something anew.
    let campaigns: [Operation]
    var verdict = Verdict()

    /// Judges a history; the same one always alike.
    package static func judge(_ history: RecordedHistory) -> Verdict {
        var judge = Judge(history)
        judge.judgeEnds()
        judge.judgeWrites()
        judge.judgeReads()
        judge.judgeWatches()
        judge.judgeLeases()
        judge.judgeOffices()
        judge.search()
        return judge.verdict
    }

    private init(_ history: RecordedHistory) {
        watches = history.watches
        end = history.end
        log = StoreLog(history.log, into: &verdict)
        offices = OfficeLog(history, into: &verdict)
        sightings = history.sightings
        campaigns = history.operations.filter { if case .campaign = $0.invocation.bare { true } else { false } }
        requests = Request.all(of: history.operations, into: &verdict)
        verdict.figures.operations = history.operations.count
        verdict.figures.revisions = Int(log.last - StoreLog.empty)
    }

    /// Nobody knew of more than the history has.
    private mutating func judgeEnds() {
        guard sightings.last > log.last else { return }
        verdict.found(.lost, "revision \(sightings.last) was told, but the history ends at \(log.last)")
    }
}

/// One request with all its repetitions.
struct Request {
    var operation: Operation
    /// Whether it was certainly not carried out, if nothing says that it was.
    var isRefused: Bool

    var call: Int64 { operation.call }
    /// Without what guards it: ``guard``.
    var invocation: Invocation { operation.invocation.bare }
    var `guard`: Office.Guard? { operation.invocation.guard }
    var response: Response { operation.response }

    /// Joins operations that share an idempotency key, which must have been answered alike.
    static func all(of operations: [Operation], into verdict: inout Verdict) -> [Request] {
        var requests: [Request] = []
        requests.reserveCapacity(operations.count)
        var places: [String: Int] = [:]
        for operation in operations {
            let request = Request(operation: operation, isRefused: operation.response.isRefusal)
            guard let key = operation.idempotencyKey, let place = places[key] else {
                if let key = operation.idempotencyKey { places[key] = requests.count }
                requests.append(request)
                continue
            }
            verdict.figures.repetitions += 1
            requests[place].join(request, into: &verdict)
        }
        return requests
    }

    private mutating func join(_ other: Request, into verdict: inout Verdict) {
        if operation.response.isDefinite, other.response.isDefinite, !response.repeats(other.response) {
            verdict.found(.twice, "\(operation.line) was repeated and answered \(other.response.words)")
        }
        let call = min(operation.call, other.call)
        let isFirst =
            operation.response.isDefinite && (operation.end <= other.operation.end || !other.response.isDefinite)
        if !isFirst, other.response.isDefinite || response.isRefusal { operation = other.operation }
        operation.call = call
        isRefused = isRefused && other.isRefused
    }
}

extension Response {
    /// The request changed nothing for certain, unless it was sent more than once.
    var isRefusal: Bool {
        switch self {
        case .failed, .refused, .gone, .offices(.fenced, _), .offices(.denied, _): true
        default: false
        }
    }

    /// Whether another answer to the same request says the same. What is left of a lease, and which state a refusal
    /// names, may differ.
    fileprivate func repeats(_ other: Response) -> Bool {
        switch (self, other) {
        case (.put(let one), .put(let other)):
            one.revision == other.revision && one.created == other.created && one.version == other.version
                && one.isNew == other.isNew && one.grant?.lease == other.grant?.lease
        case (.refused(let one, _), .refused(let other, _)): one == other
        case (.granted(let one, _), .granted(let other, _)): one.lease == other.lease && one.ttl == other.ttl
        case (.gone, .gone): true
        case (.transaction, .transaction): withoutTime == other.withoutTime
        case (.offices(let one, _), .offices(let other, _)): one.repeats(other)
        default: self == other
        }
    }
}

extension OfficeAnswer {
    /// Whether another answer to the same request says the same. Who campaigned hears how that stands now.
    fileprivate func repeats(_ other: OfficeAnswer) -> Bool {
        switch (self, other) {
        case (.candidacy(let one), .candidacy(let other)):
            one.isNew == other.isNew
                && (one.grant?.lease ?? 0 == other.grant?.lease ?? 0 || one.state == .ended || other.state == .ended)
        default: self == other
        }
    }
}
