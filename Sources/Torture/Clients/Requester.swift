internal import HistoryChecker
import LoadGenerator
import NIOCore

/// One client: sends requests to one node after the other, repeats what is safe to repeat, and records what came of it.
///
/// One request at a time.
struct Requester {
    let name: String
    let file: HistoryFile
    private let nodes: [(name: String, client: Client)]
    /// The node that is asked next.
    private var preferred: Int
    private var nextKey: UInt64 = 0

    /// How long a request may take in all, and one node of that.
    private static let patience = Duration.seconds(4)
    private static let attemptTime = Duration.milliseconds(900)
    private static let pause = Duration.milliseconds(15)

    init(name: String, nodes: [Endpoint], preferring preferred: Int, file: HistoryFile) {
        self.name = name
        self.file = file
        self.nodes = nodes.enumerated().map { ("n\($0 + 1)", Client($1)) }
        self.preferred = preferred % nodes.count
    }

    func close() async {
        for node in nodes { await node.client.close() }
    }

    /// Sends a request until its outcome is known or its time is over; one without an idempotency key only as long as it
    /// was certainly not carried out. Sometimes a request that was answered is sent once more, elsewhere.
    @discardableResult
    mutating func perform(
        _ invocation: Invocation, idempotent: Bool = false, again: Bool = false, attempts: Int = .max
    ) async -> Response {
        var key: String?
        if idempotent, invocation.changes {
            nextKey += 1
            key = "\(name)/\(nextKey)"
        }
        let response = await record(invocation, key, attempts)
        if again, key != nil, response.isDefinite {
            preferred = (preferred + 1) % nodes.count
            _ = await record(invocation, key, 1)
        }
        return response
    }

    private mutating func record(_ invocation: Invocation, _ key: String?, _ attempts: Int) async -> Response {
        let call = file.now
        let response = await settle(invocation, key, attempts, until: .now + Self.patience)
        file.add(
            HistoryChecker.Operation(
                client: name, node: nodes[preferred].name, call: call, end: file.now, idempotencyKey: key, invocation,
                response))
        return response
    }

    private mutating func settle(
        _ invocation: Invocation, _ key: String?, _ attempts: Int, until deadline: ContinuousClock.Instant
    ) async -> Response {
        var mayBeApplied = false
        var reason = "cancelled"
        for attempt in 1...attempts {
            let time = min(Self.attemptTime, deadline - .now)
            guard time > .milliseconds(1), !Task.isCancelled else { break }
            switch await send(invocation, key, within: time) {
            case .answered(let response): return response
            case .nonsense(let text):
                file.complain("\(name) at \(nodes[preferred].name): \(text)")
                mayBeApplied = true
            case .notApplied(let code): reason = code
            case .unknown(let code):
                reason = code
                mayBeApplied = true
            }
            if mayBeApplied, key == nil, invocation.changes { break }
            guard attempt < attempts else { break }
            preferred = (preferred + 1) % nodes.count
            if attempt % nodes.count == 0 { try? await Task.sleep(for: Self.pause) }
        }
        return mayBeApplied && invocation.changes ? .unknown : .failed(reason)
    }

    private func send(_ invocation: Invocation, _ key: String?, within time: Duration) async -> Attempt {
        let request = WireRequest(invocation, idempotencyKey: key, time: time * 0.9).loadRequest
        do {
            let answer = try await nodes[preferred].client.send(request, within: TimeAmount(time))
            return WireAnswer(answer, to: invocation).attempt
        } catch LoadFailure.connect(let reason) {
            return .notApplied("unreachable:\(escaped(reason.utf8))")
        } catch {
            return .unknown("no-answer")
        }
    }
}

extension Invocation {
    /// Whether a copy that arrives late may still do something.
    fileprivate var changes: Bool {
        switch self {
        case .get, .wait, .list, .lease, .leases: false
        default: true
        }
    }
}
