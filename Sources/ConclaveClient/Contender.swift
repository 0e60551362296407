import Synchronization

/// What somebody contends for, and how.
struct Contest: Sendable {
    var client: ClusterClient
    var office: Office
    var id: String
    var value: ByteString
    var ttl: Duration
    var priority: Int
    var margin: Duration
    var patience: Duration?
    var onWaiting: (@Sendable (Waiting) -> Void)?

    /// As people ask for it: without an id one is drawn, without a margin it is a tenth of the time to live.
    init(
        _ client: ClusterClient, _ office: Office, _ id: String?, _ value: ByteString, _ ttl: Duration, _ priority: Int,
        _ margin: Duration?, _ patience: Duration?, _ onWaiting: (@Sendable (Waiting) -> Void)?
    ) {
        self.client = client
        self.office = office
        self.id = id ?? "swift-" + String(UInt64.random(in: .min ... .max), radix: 36)
        self.value = value
        self.ttl = ttl
        self.priority = priority
        self.margin = margin ?? ttl / 10
        self.patience = patience
        self.onWaiting = onWaiting
    }

    /// Waits for its turn, runs `work` while it lasts, gives it up, and returns what `work` came to.
    func withLeadership<Result: Sendable>(
        _ work: @escaping @Sendable (Leadership) async throws -> Result
    ) async throws -> Result {
        let contender = Contender(self)
        let leadership = try await contender.next()
        do {
            let result = try await leadership.run { try await work(leadership) }
            await contender.leave()
            return result
        } catch {
            await contender.leave()
            throw error
        }
    }

    func validate() throws {
        func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
            guard condition else { throw ConclaveError(.badRequest, sentence()) }
        }
        try require(
            (1...256).contains(office.name.utf8.count),
            "a name has 1 to 256 bytes, this one has \(office.name.utf8.count)")
        try require((1...128).contains(id.utf8.count), "an id has 1 to 128 bytes, this one has \(id.utf8.count)")
        try require(
            ttl >= .milliseconds(100) && ttl <= .seconds(24 * 3600),
            "a time to live is 100ms to 24h, this one is \(ttl.parameter)")
        try require(
            margin >= .zero && margin <= ttl * 2 / 3,
            "a margin is at most two thirds of the time to live, \(ttl.parameter); this one is \(margin.parameter)")
    }
}

/// One contender through all its turns. When it goes, what it holds ends.
final class Contender: Sendable {
    private let contest: Contest
    private let candidacy: Candidacy
    private let state = Mutex(State())

    private struct State {
        var current: Leadership?
        /// The number of the last leadership; the next one's is larger.
        var lastFence: UInt64 = 0
        /// Whether the cluster may know of the candidacy.
        var isCandidate = false
    }

    init(_ contest: Contest) {
        self.contest = contest
        candidacy = Candidacy(
            office: contest.office, id: contest.id, value: contest.value, ttl: contest.ttl, priority: contest.priority)
    }

    /// Whoever stops iterating does not lead any more: the cluster is told in the background, and before the client is
    /// shut down.
    deinit {
        let (current, isCandidate) = state.withLock { ($0.current, $0.isCandidate) }
        current?.finish(.resigned)
        if isCandidate { _ = bidFarewell() }
    }

    /// Gives up what it holds or waits for, as far as the cluster can be told; the lease's end does the rest. Does so also
    /// when the task is cancelled.
    func leave() async {
        let (current, isCandidate) = state.withLock { state in
            defer {
                state.current = nil
                state.isCandidate = false
            }
            return (state.current, state.isCandidate)
        }
        current?.finish(.resigned)
        guard isCandidate else { return }
        await bidFarewell().value
    }

    private func bidFarewell() -> Task<Void, Never> {
        contest.client.bidFarewell { [contest, candidacy] in try await contest.client.withdraw(candidacy) }
    }

    /// Gives up the last turn and waits for the next one.
    func next() async throws -> Leadership {
        try contest.validate()
        await leave()
        do {
            let leadership = try await contend()
            state.withLock { state in
                state.current = leadership
                state.lastFence = leadership.fence.number
            }
            leadership.begin()
            return leadership
        } catch {
            await leave()
            throw error
        }
    }

    private func contend() async throws -> Leadership {
        var line = Line(contest, after: state.withLock { $0.lastFence }, begin: .now)
        while true {
            state.withLock { $0.isCandidate = true }
            let answer = try await ask(line.request(candidacy, at: .now))
            if let news = line.news(in: answer.result) { contest.onWaiting?(news) }
            switch line.step(after: answer.result, sent: answer.sent, at: .now) {
            case .leads(let fence, let tenure):
                return Leadership(candidacy, fence: fence, tenure: tenure, client: contest.client)
            case .again(let pause): try await Task.sleep(for: pause)
            case .afresh:
                try? await contest.client.withdraw(candidacy)
                // A time to live too short for this network must not keep the cluster busy.
                try await Task.sleep(for: contest.ttl / 10)
            case .failed(let error):
                if !line.wasHeard && error.outcome == .notApplied { state.withLock { $0.isCandidate = false } }
                throw error
            }
        }
    }

    private func ask(
        _ call: Call
    ) async throws -> (result: Result<Standing, ConclaveError>, sent: ContinuousClock.Instant) {
        do {
            let (standing, sent) = try await contest.client.ask(call)
            return (.success(standing), sent)
        } catch let error as ConclaveError {
            return (.failure(error), .now)
        }
    }
}
