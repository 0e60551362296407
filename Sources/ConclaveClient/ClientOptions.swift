/// How a ``ClusterClient`` behaves: time limits, retries and memory bounds.
public struct ClientOptions: Sendable {
    /// The time a request may take in all, every retry included.
    public var requestTimeout: Duration = .seconds(5)
    /// The time one node gets to answer before a request that may be repeated goes to another.
    public var attemptTimeout: Duration = .milliseconds(1500)
    /// The time a connection may take to be established.
    public var connectTimeout: Duration = .seconds(1)
    /// Whether every write carries an idempotency key, so that it can be repeated when a node dies while it is under
    /// way. Without one, such a write fails with ``ConclaveError/Outcome/unknown`` and is never repeated.
    public var idempotentWrites = true
    /// How often a watched node is asked to show that it is alive.
    public var heartbeat: Duration = .seconds(5)
    /// How long a watched node may be silent before the watch goes on from another; at least twice ``heartbeat``.
    public var watchSilence: Duration = .seconds(12)
    /// Bytes of one answer at most.
    public var maximumResponseBytes = 64 * 1024 * 1024
    /// Bytes of one event of a stream at most.
    public var maximumEventBytes = 64 * 1024 * 1024
    /// Connections to one node at most, for requests; each watch has one more of its own.
    public var connectionsPerNode = 64

    /// The defaults, as documented on each property.
    public init() {}
}
