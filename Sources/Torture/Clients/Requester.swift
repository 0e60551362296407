internal import HistoryChecker
import LoadGenerator
import NIOCore

/// One client: sends requests to one node after the other, repeats what is safe to repeat, and records what came of it.
///
/// One request at a time.
struct Requester {
    let name: String
    let file: HistoryFile
    let api: SpokenAPI
    private let nodes: [Node]
    /// The node that is asked next.
    private var preferred: Int
    private var nextKey: UInt64 = 0
    private var sent = 0

    private struct Node {
        var name: String
        var endpoint: Endpoint
        var client: Client
    }

    /// How long a request may take in all, and one node of that.
    private static let patience = Duration.seconds(4)
    private static let attemptTime = Duration.milliseconds(900)
    private static let pause = Duration.milliseconds(15)
    /// Values are asked for as they are every so many requests.
    private static let plainEvery = 4

    init(
        name: String, _ api: SpokenAPI = .native, nodes: [Endpoint], preferring preferred: Int, file: HistoryFile
    ) {
        self.name = name
        self.api = api
        self.file = file
        self.nodes = nodes.enumerated().map { Node(name: "n\($0 + 1)", endpoint: $1, client: Client($1)) }
        self.preferred = preferred % nodes.count
    }

    func close() async {
        for node in nodes { await node.client.close() }
    }

    /// Sends a request until its outcome is known or its time is over; one without an idempotency key only as long as it
    /// was certainly not carried out; etcd's API has no such keys. Sometimes a request that was answered is sent once more, elsewhere.
    @discardableResult
    mutating func perform(
        _ wish: Invocation, idempotent: Bool = false, again: Bool = false, attempts: Int = .max
    ) async -> Response {
        let invocation = api.invocation(for: wish)
        var key: String?
        if idempotent, invocation.changes, api == .native {
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
            let time = min(invocation.isLong ? Self.patience : Self.attemptTime, deadline - .now)
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

    private mutating func send(_ invocation: Invocation, _ key: String?, within time: Duration) async -> Attempt {
        sent += 1
        let request = api.request(
            invocation, idempotencyKey: key, time: time * 0.9, plain: sent % Self.plainEvery == 0)
        do {
            let answer =
                invocation.isStream
                ? try await EtcdStream.first(of: request, at: nodes[preferred].endpoint, within: TimeAmount(time))
                : try await nodes[preferred].client.send(request, within: TimeAmount(time))
            return api.attempt(answer, to: invocation)
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
        case .get, .wait, .list, .lease, .leases, .offices, .line(.front): false
        default: true
        }
    }

    /// Whether it waits for its turn.
    fileprivate var isLong: Bool { if case .line(.enter) = self { true } else { false } }

    /// Whether its answer does not end, and the first piece is wanted.
    fileprivate var isStream: Bool { if case .line(.front(_, observing: true)) = self { true } else { false } }
}
