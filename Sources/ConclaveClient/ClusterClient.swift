import NIOCore
import Synchronization

/// A client of a Conclave cluster: speaks to any live node, moves on when one dies, and repeats what is safe to repeat.
///
/// ```swift
/// try await ClusterClient.withClient(endpoints: ["127.0.0.1:2379", "127.0.0.1:2479"]) { client in
///     let mine = try await client.put("controller", "me", when: .absent, lease: .new(ttl: .seconds(3)))
///     print("in charge until", mine.lease!.validUntil)
/// }
/// ```
///
/// One client serves any number of tasks at once. Every method throws ``ConclaveError``, or `CancellationError` when its
/// task is cancelled.
public final class ClusterClient: Sendable {
    /// The nodes it knows, in the order given.
    public let endpoints: [Endpoint]
    /// How it behaves.
    public let options: ClientOptions

    let connections: Connections
    private let rotation: Mutex<EndpointRotation>
    /// Who this client is in its idempotency keys: drawn at random, so that no two clients share it.
    private let identity = "swift-" + String(UInt64.random(in: .min ... .max), radix: 16)
    private let nextNumber = Atomic<UInt64>(1)

    /// A client of the cluster with these nodes. End it with ``shutdown()``.
    ///
    /// - Parameters:
    ///   - endpoints: at least one node's client address; the first is asked first.
    ///   - options: time limits, retries and bounds.
    public init(endpoints: [Endpoint], options: ClientOptions = ClientOptions()) {
        self.endpoints = endpoints
        self.options = options
        connections = Connections(options: options)
        rotation = Mutex(EndpointRotation(endpoints))
    }

    /// Closes all connections; requests under way fail.
    public func shutdown() async { await connections.shutdown() }

    /// Runs `body` with a client that is shut down afterwards.
    ///
    /// - Parameter endpoints: addresses as ``Endpoint/init(_:)`` reads them.
    public static func withClient<Result>(
        endpoints: [String], options: ClientOptions = ClientOptions(),
        _ body: (ClusterClient) async throws -> Result
    ) async throws -> Result {
        let client = ClusterClient(endpoints: try Endpoint.list(endpoints.joined(separator: ",")), options: options)
        do {
            let result = try await body(client)
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// A copy of where the next request goes, for a watch to go its own way from.
    var currentRotation: EndpointRotation { rotation.withLock { $0 } }

    /// Makes `call` safe to repeat, with the caller's key or one of its own, unless the options say otherwise.
    func identified(_ call: Call, by key: IdempotencyKey?) -> Call {
        var call = call
        if let key = key ?? (options.idempotentWrites ? drawKey() : nil) {
            call.headers.replaceOrAdd(name: "Idempotency-Key", value: key.description)
            call.repeatable = .always
        } else {
            call.repeatable = .ifNotApplied
        }
        return call
    }

    private func drawKey() -> IdempotencyKey {
        IdempotencyKey(client: identity, number: nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    /// Sends `call` until a node has given a final answer, a repetition would be unsafe, or the time is over.
    func perform(_ call: Call) async throws -> Answer {
        let start = ContinuousClock.now
        let deadline = start + options.requestTimeout + call.wait
        var generator = SystemRandomNumberGenerator()
        var index = currentRotation.preferred
        var earlierUnknown = false
        for number in 1... {
            let verdict: RetryRule.Verdict
            do {
                var answer = try await connections.attempt(
                    call, at: endpoints[index], timeout: patience(for: call, until: deadline))
                answer.firstSent = start
                verdict = RetryRule.verdict(on: answer, repeatable: call.repeatable)
                if verdict == .done {
                    rotation.withLock { $0.answered(index) }
                    return answer
                }
            } catch let failure as TransportFailure {
                verdict = RetryRule.verdict(on: failure, repeatable: call.repeatable)
            }
            let (error, pause) = try next(
                verdict, number: number, earlierUnknown: earlierUnknown, using: &generator)
            earlierUnknown = earlierUnknown || error.outcome == .unknown
            index = rotation.withLock {
                $0.failed(index)
                return $0.next(after: index)
            }
            guard ContinuousClock.now + pause < deadline else {
                throw finished(error, earlierUnknown: earlierUnknown)
            }
            try await Task.sleep(for: pause)
        }
        preconditionFailure("attempts are counted without end")
    }

    /// What a failed attempt leads to: the pause before the next, or the final error.
    private func next(
        _ verdict: RetryRule.Verdict, number: Int, earlierUnknown: Bool,
        using generator: inout some RandomNumberGenerator
    ) throws -> (ConclaveError, pause: Duration) {
        switch verdict {
        case .done: preconditionFailure("a final answer is returned, not retried")
        case .fail(let error): throw finished(error, earlierUnknown: earlierUnknown)
        case .retry(let error, let asked):
            let pause = RetryRule.pause(before: number, endpoints: endpoints.count, using: &generator)
            let wished = number % endpoints.count == 0 ? asked ?? .zero : .zero
            return (error, max(pause, wished))
        }
    }

    private func finished(_ error: ConclaveError, earlierUnknown: Bool) -> ConclaveError {
        var error = error
        error.outcome = RetryRule.outcome(of: error, earlierUnknown: earlierUnknown)
        return error
    }

    /// How long one node gets: all that is left for what cannot be repeated, else a share of it.
    private func patience(for call: Call, until deadline: ContinuousClock.Instant) -> Duration {
        let left = max(deadline - .now, .milliseconds(1))
        guard call.repeatable == .always, endpoints.count > 1 else { return left }
        return min(left, options.attemptTimeout + call.wait)
    }
}

/// `Idempotency-Key: <client>/<number>`: a write with a key that was used before is answered as the first was, and
/// changes nothing.
public struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
    /// Who writes; unique among all writers, 1 to 128 printable ASCII characters.
    public var client: String
    /// Which of its writes this is; below 2^63.
    public var number: UInt64

    /// The key of a client's write with this number.
    public init(client: String, number: UInt64) {
        self.client = client
        self.number = number
    }

    /// Reads `<client>/<number>`; `nil` when it is not that.
    public init?(_ text: some StringProtocol) {
        guard let slash = text.lastIndex(of: "/"), slash != text.startIndex,
            let number = UInt64(text[text.index(after: slash)...])
        else { return nil }
        self.init(client: String(text[..<slash]), number: number)
    }

    /// As the header carries it.
    public var description: String { "\(client)/\(number)" }
}
