/// How a contender waits: who leads meanwhile, and its place in the line.
public struct Waiting: Hashable, Sendable {
    /// Who leads, or holds the lock.
    public var leader: Leader?
    /// The contender's place in the line; 1 is next.
    public var position: Int
}

/// One contender's way through the line to its turn: what to ask next, and what an answer means. A value, with the time
/// as an argument.
struct Line: Sendable {
    /// What follows an answer.
    enum Step: Hashable, Sendable {
        case leads(fence: UInt64, Tenure)
        case again(after: Duration)
        /// What is held cannot be used: it is to be given up, and contended for anew.
        case afresh
        case failed(ConclaveError)
    }

    private let contest: Contest
    private let lastFence: UInt64
    private let patienceEnds: ContinuousClock.Instant?
    /// Whether the cluster has ever answered: the first request must succeed in time, later ones are tried for ever.
    private(set) var wasHeard = false
    private var place = Place.none
    private var failures = 0
    private var told: Waiting?

    private enum Place: Hashable, Sendable {
        case none
        /// In the line, as of this number of the office.
        case waiting(UInt64)
        /// Leads, by an answer that was held for so long that it promises little.
        case leading
    }

    init(_ contest: Contest, after lastFence: UInt64, begin: ContinuousClock.Instant) {
        self.contest = contest
        self.lastFence = lastFence
        patienceEnds = contest.patience.map { begin + $0 }
    }

    /// What to ask the cluster next.
    func request(_ candidacy: Candidacy, at now: ContinuousClock.Instant) -> Call {
        switch place {
        case .none: candidacy.beginning
        case .waiting(let fence): candidacy.listening(after: fence, for: patienceEnds.map { $0 - now } ?? .seconds(30))
        case .leading: candidacy.renewal
        }
    }

    /// What an answer tells of the line, when it differs from what was told before.
    mutating func news(in result: Result<Standing, ConclaveError>) -> Waiting? {
        guard case .success(let standing) = result, standing.state == .waiting else { return nil }
        let news = Waiting(leader: standing.leader, position: standing.position ?? 0)
        let isNew = told?.position != news.position || told?.leader?.fence != news.leader?.fence
        told = news
        return isNew ? news : nil
    }

    mutating func step(
        after result: Result<Standing, ConclaveError>, sent: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Step {
        switch result {
        case .success(let standing):
            wasHeard = true
            failures = 0
            return step(after: standing, sent: sent, at: now)
        case .failure(let error): return step(after: error, at: now)
        }
    }

    private mutating func step(
        after standing: Standing, sent: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Step {
        switch standing.state {
        case .leading, .holding:
            let wasConfirmed = place == .leading
            place = .none
            let tenure = Tenure(ttl: contest.ttl, margin: contest.margin, sent: sent, validFor: standing.validFor)
            // An earlier leadership of its own, whose work was told to stop, is not taken up again.
            guard standing.fence > lastFence else { return .afresh }
            if now - sent > contest.ttl / 3, !wasConfirmed {
                place = .leading
                return .again(after: .zero)
            }
            return tenure.isCurrent(at: now) ? .leads(fence: standing.fence, tenure) : .afresh
        case .waiting:
            place = .waiting(standing.fence)
            return isOutOfPatience(at: now) ? .failed(taken(by: standing.leader)) : .again(after: .zero)
        case .ended:
            place = .none
            return .again(after: .zero)
        }
    }

    private mutating func step(after error: ConclaveError, at now: ContinuousClock.Instant) -> Step {
        if place != .none, error.endsCandidacy, error.code != .conflict {
            // The place was lost while the cluster could not be reached: at the end of the line, then.
            place = .none
            return .again(after: .zero)
        }
        guard error.isPassing, wasHeard, !isOutOfPatience(at: now) else { return .failed(error) }
        failures += 1
        var generator = SystemRandomNumberGenerator()
        return .again(after: RetryRule.pause(before: failures, endpoints: 1, using: &generator))
    }

    private func isOutOfPatience(at now: ContinuousClock.Instant) -> Bool {
        patienceEnds.map { now >= $0 } ?? false
    }

    private func taken(by leader: Leader?) -> ConclaveError {
        let verb = contest.office.kind == .elections ? "led" : "held"
        var error = ConclaveError(
            .preconditionFailed, "the \(contest.office) is \(verb) by \(leader?.id ?? "somebody else")")
        error.incumbent = leader
        return error
    }
}
