/// Decides what follows an attempt: a pure function, so that every case can be tested.
enum RetryRule {
    enum Verdict: Hashable, Sendable {
        case done
        /// The answer is final, or a repetition could apply the request twice.
        case fail(ConclaveError)
        /// Another attempt is safe; `after` is what the node asked for.
        case retry(ConclaveError, after: Duration?)
    }

    static func verdict(on answer: Answer, repeatable: Call.Repeatability) -> Verdict {
        if answer.status < 400 { return .done }
        let error = ConclaveError(answer: answer)
        switch answer.status {
        case 429, 500, 502, 503, 504: return again(error, repeatable: repeatable)
        default: return .fail(error)
        }
    }

    static func verdict(on failure: TransportFailure, repeatable: Call.Repeatability) -> Verdict {
        let error = ConclaveError(
            failure.timedOut ? .timeout : .unreachable, failure.reason, outcome: failure.sent ? .unknown : .notApplied)
        return again(error, repeatable: repeatable)
    }

    private static func again(_ error: ConclaveError, repeatable: Call.Repeatability) -> Verdict {
        repeatable == .always || error.outcome == .notApplied
            ? .retry(error, after: error.retryAfter) : .fail(error)
    }

    /// The outcome after several attempts: an earlier one that may have been applied makes the whole unknown, unless the
    /// state machine itself has now answered.
    static func outcome(of last: ConclaveError, earlierUnknown: Bool) -> ConclaveError.Outcome {
        let final = last.status.map { $0 < 429 } ?? false
        return earlierUnknown && !final ? .unknown : last.outcome
    }

    /// The pause before attempt `number` (from 1) at `endpoints` nodes: none while there are nodes not tried yet, then
    /// doubling from 25 ms to 400 ms, each drawn from its upper half so that clients do not march in step.
    static func pause(
        before number: Int, endpoints: Int, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        guard number >= endpoints else { return .zero }
        let round = min(number / endpoints - 1, 4)
        let longest = 25 << round
        return .milliseconds(Int.random(in: (longest + 1) / 2...longest, using: &generator))
    }
}
