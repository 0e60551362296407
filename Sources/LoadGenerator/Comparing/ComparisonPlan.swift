/// What to compare, and for how long.
package struct ComparisonPlan: Sendable {
    package var contestants: [Contestant]
    package var trials: [Trial]
    package var rounds: Int
    package var connections: Int
    package var loops: Int
    package var keys: Int
    package var valueSize: Int
    /// Where the servers' data goes; a memory file system would make every sync free.
    package var directory: String
    package var scale: Scale

    /// How much of everything.
    package struct Scale: Sendable {
        package var warmUpSeconds: Int64
        package var seconds: Int64
        package var watchers: Int
        package var changes: Int
        package var leases: Int
        /// Leases that end together, contenders for one key, clients that reconnect together.
        package var crowd: Crowd
        /// Leaders hit per round and signal.
        package var hits: Int

        /// Sizes of the workloads with many of everything.
        package struct Crowd: Sendable {
            package var leases: Int
            /// Clients that renew, each one lease on a connection of its own.
            package var renewers: Int
            package var contenders: Int
            package var clients: Int
            /// Seconds that a lease of a storm lives: long enough to prepare all of them.
            package var leaseSeconds: Int
        }

        package static let full = Scale(
            warmUpSeconds: 2, seconds: 10, watchers: 2_000, changes: 7, leases: 100,
            crowd: Crowd(leases: 10_000, renewers: 1_000, contenders: 2_000, clients: 5_000, leaseSeconds: 40), hits: 5)
        package static let quick = Scale(
            warmUpSeconds: 1, seconds: 3, watchers: 500, changes: 3, leases: 30,
            crowd: Crowd(leases: 1_000, renewers: 200, contenders: 200, clients: 500, leaseSeconds: 15), hits: 1)
    }

    package init(
        contestants: [Contestant], trials: [Trial], rounds: Int, connections: Int, loops: Int, keys: Int,
        valueSize: Int, directory: String, scale: Scale
    ) {
        self.contestants = contestants
        self.trials = trials
        self.rounds = rounds
        self.connections = connections
        self.loops = loops
        self.keys = keys
        self.valueSize = valueSize
        self.directory = directory
        self.scale = scale
    }

    /// A generator without optimisation is the bottleneck, and so is a Conclave server of the same build.
    private static var build: String {
        #if DEBUG
            "DEBUG BUILD, rates mean nothing; "
        #else
            ""
        #endif
    }

    package var settings: String {
        Self.build
            + "\(rounds) round\(rounds == 1 ? "" : "s"), 3 nodes, \(connections) requests in flight (\(scale.crowd.renewers)"
            + " by many) on \(loops) event loop\(loops == 1 ? "" : "s"), \(scale.seconds) s per workload after \(scale.warmUpSeconds) s of"
            + " warm-up, values of \(valueSize) bytes, \(keys) keys, \(scale.watchers) watchers, \(scale.leases) leases,"
            + " \(scale.hits) leader\(scale.hits == 1 ? "" : "s") hit per round and signal; cells: median of the rounds"
            + " (smallest – largest sample)"
    }
}
