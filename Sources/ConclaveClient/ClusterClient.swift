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
    /// What is still to be said to the cluster before the connections close.
    private let farewells = Mutex<[Int: Task<Void, Never>]>([:])
    private let nextFarewell = Atomic<Int>(0)

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

    /// Closes all connections; requests under way fail. Offices that were given up a moment ago are made known first, for
    /// two seconds at most.
    public func shutdown() async {
        for farewell in farewells.withLock({ Array($0.values) }) { await farewell.value }
        await connections.shutdown()
    }

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

    /// Says something to the cluster in the background; whether it arrives is nobody's concern.
    func bidFarewell(_ say: @escaping @Sendable () async throws -> Void) -> Task<Void, Never> {
        let number = nextFarewell.wrappingAdd(1, ordering: .relaxed).oldValue
        return farewells.withLock { farewells in
            let task = Task {
                try? await say()
                self.farewells.withLock { _ = $0.removeValue(forKey: number) }
            }
            farewells[number] = task
            return task
        }
    }

    /// Makes `call` safe to repeat, with the caller's key or one of its own, unless the options say otherwise.
    func identified(_ call: Call, by key: IdempotencyKey? = nil, fence: Fence? = nil) -> Call {
        var call = call.guarded(by: fence)
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

    /// The next request goes where this answer came from.
    func note(answerFrom index: Int) { rotation.withLock { $0.answered(index) } }

    /// Returns where to try next.
    func note(failureOf index: Int) -> Int {
        rotation.withLock {
            $0.failed(index)
            return $0.next(after: index)
        }
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
