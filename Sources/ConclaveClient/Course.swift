/// One request's way from node to node: counts its attempts and knows what may still be tried.
struct Course: Sendable {
    /// What follows an attempt.
    enum Step: Hashable, Sendable {
        case finished
        case failed(ConclaveError)
        /// Another attempt, at the next node.
        case again(after: Duration)
    }

    private let call: Call
    private let endpoints: Int
    private let deadline: ContinuousClock.Instant
    /// How many attempts there were.
    private var attempts = 0
    /// An attempt before the last may have been applied.
    private var earlierUnknown = false

    init(_ call: Call, endpoints: Int, deadline: ContinuousClock.Instant) {
        self.call = call
        self.endpoints = endpoints
        self.deadline = deadline
    }

    /// How long one node gets: all that is left for what cannot be repeated, else a share of it. The only node there is
    /// gets a share where the call has one of its own: another connection to it may do better.
    func patience(share: Duration, now: ContinuousClock.Instant) -> Duration {
        let left = max(deadline - now, .milliseconds(1))
        let isShared = endpoints > 1 || call.attemptTimeout != nil
        return call.repeatable == .always && isShared ? min(left, share + call.wait) : left
    }

    mutating func step(
        after verdict: RetryRule.Verdict, now: ContinuousClock.Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Step {
        attempts += 1
        switch verdict {
        case .done: return .finished
        case .fail(let error): return .failed(final(error))
        case .retry(let error, let asked):
            var pause = RetryRule.pause(before: attempts, endpoints: endpoints, using: &generator)
            // What a node asks for is waited once every node was tried.
            if attempts % endpoints == 0, let asked { pause = max(pause, asked) }
            guard now + pause < deadline else { return .failed(final(error)) }
            earlierUnknown = earlierUnknown || error.outcome == .unknown
            return .again(after: pause)
        }
    }

    /// The error as the whole request's: a read changes nothing, whatever became of it.
    private func final(_ error: ConclaveError) -> ConclaveError {
        var error = error
        error.outcome = call.isRead ? .notApplied : RetryRule.outcome(of: error, earlierUnknown: earlierUnknown)
        return error
    }
}

extension ClusterClient {
    /// Sends `call` until a node has given a final answer, a repetition would be unsafe, or the time is over.
    func perform(_ call: Call) async throws -> Answer {
        let start = ContinuousClock.now
        let limit = min(options.requestTimeout, call.timeout ?? options.requestTimeout)
        let share = min(options.attemptTimeout, call.attemptTimeout ?? options.attemptTimeout)
        var course = Course(call, endpoints: endpoints.count, deadline: start + limit + call.wait)
        var generator = SystemRandomNumberGenerator()
        var index = currentRotation.preferred
        while true {
            let patience = course.patience(share: share, now: .now)
            let attempt = try await attempt(call, at: endpoints[index], patience: patience)
            switch course.step(after: verdict(on: attempt, call), now: .now, using: &generator) {
            case .finished: return answered(try attempt.get(), by: index, since: start)
            case .failed(let error):
                if case .success = attempt { note(answerFrom: index) }
                throw error
            case .again(let pause):
                index = note(failureOf: index)
                try await Task.sleep(for: pause)
            }
        }
    }

    private func attempt(
        _ call: Call, at endpoint: Endpoint, patience: Duration
    ) async throws -> Result<Answer, TransportFailure> {
        do {
            return .success(try await connections.attempt(call, at: endpoint, timeout: patience))
        } catch let failure as TransportFailure {
            return .failure(failure)
        }
    }

    private func verdict(on attempt: Result<Answer, TransportFailure>, _ call: Call) -> RetryRule.Verdict {
        switch attempt {
        case .success(let answer): RetryRule.verdict(on: answer, repeatable: call.repeatable)
        case .failure(let failure): RetryRule.verdict(on: failure, repeatable: call.repeatable)
        }
    }

    private func answered(_ answer: Answer, by index: Int, since start: ContinuousClock.Instant) -> Answer {
        note(answerFrom: index)
        var answer = answer
        answer.firstSent = start
        return answer
    }
}
