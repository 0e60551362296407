package import KeyValue
package import NIOCore
package import Primitives
package import ReplicaCore

/// What the client-facing doors (the HTTP API, later the etcd API) may ask of a node. Safe from any thread.
package protocol NodeService: AnyObject, Sendable {
    /// Who this is; fixed for the process's life.
    var identity: NodeIdentity { get }

    /// Hands `request` to the replica and calls `completion` exactly once, on `loop`, at the latest a moment after
    /// `timeout`. At most ``Limits/pendingRequests`` may wait; more are refused with ``Refusal/overloaded``.
    func submit(
        _ request: ClientRequest, timeout: TimeSpan, on loop: any EventLoop,
        completion: @escaping @Sendable (ClientReply) -> Void)

    /// Opens a watch. `completion` gets `.watching` or `.refused` once, on `sink.eventLoop`, before the first delivery.
    /// Deliveries go to `sink` on its loop until ``closeWatch(_:)`` or ``WatchSink/ended(_:)``.
    func openWatch(
        _ request: WatchRequest, timeout: TimeSpan, sink: any WatchSink,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) -> WatchID

    /// Opens a watch of an election, after a fence or from now on. `completion` gets `.observing` or `.refused` once; all
    /// else is as for ``openWatch(_:timeout:sink:completion:)``.
    func observe(
        _ election: ElectionID, after fence: Fence?, timeout: TimeSpan, sink: any WatchSink,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) -> WatchID

    func closeWatch(_ id: WatchID)
    /// The sink's client reads too slowly: no deliveries until ``resumeWatch(_:)``, which goes on from the history, or
    /// ends with ``WatchEnd/compacted(oldest:)`` when that is gone. A delivery already under way may still come.
    func pauseWatch(_ id: WatchID)
    func resumeWatch(_ id: WatchID)

    /// Tells on `sink`'s loop up to which revision the watch has been handed everything, after all deliveries before.
    /// Nothing is told of a watch that is not open.
    func progress(of watch: WatchID, sink: any WatchSink, completion: @escaping @Sendable (Revision) -> Void)

    /// Clients reach this node at `address`, as the other members are told.
    func serves(clientsAt address: String)

    /// A copy of the state as it is now, on `loop`. It costs next to nothing to make.
    func state(on loop: any EventLoop, completion: @escaping @Sendable (Store) -> Void)

    /// Gives the leadership to `target`, if this node has it and that member is fit; ``status(on:completion:)`` tells
    /// whether it came to pass.
    func handOver(to target: NodeID)

    /// The replica's own account of itself, on `loop`.
    func status(on loop: any EventLoop, completion: @escaping @Sendable (NodeStatus) -> Void)
}

/// Receives what a watch brings. All methods are called on ``eventLoop``.
package protocol WatchSink: AnyObject, Sendable {
    var eventLoop: any EventLoop { get }
    func deliver(_ batch: WatchBatch)
    func ended(_ end: WatchEnd)
    /// This node lost (`false`) or found (`true`) a leader.
    func leaderKnown(_ known: Bool)
}

package struct NodeIdentity: Sendable {
    package var name: String
    package var id: NodeID
    package var cluster: ClusterID
    /// The release, as `conclave --version` prints it.
    package var version: String
    package init(name: String, id: NodeID, cluster: ClusterID, version: String) {
        self.name = name
        self.id = id
        self.cluster = cluster
        self.version = version
    }
}

package struct NodeStatus: Sendable {
    package var replica: ReplicaStatus
    package var uptime: TimeSpan
    /// Mean of recent `log.db` syncs; `nil` before the first.
    package var diskSync: TimeSpan?
    package var logSyncs: UInt64
    package var incarnation: UInt64
    /// Whether the node serves linearizable reads now: it knows a leader and is not repairing itself.
    package var ready: Bool
    /// Whether ``Node`` asks to be restarted (a latched disk error); `nil` when all is well.
    package var failure: String?
    /// What is known of each member, this one included. One that was never heard of is not there.
    package var members: [MemberAccount]
    package init(
        replica: ReplicaStatus, uptime: TimeSpan, diskSync: TimeSpan?, logSyncs: UInt64, incarnation: UInt64,
        ready: Bool, failure: String?, members: [MemberAccount]
    ) {
        self.replica = replica
        self.uptime = uptime
        self.diskSync = diskSync
        self.logSyncs = logSyncs
        self.incarnation = incarnation
        self.ready = ready
        self.failure = failure
        self.members = members
    }
}

/// What a member last told of itself.
package struct MemberAccount: Sendable {
    package var node: NodeID
    package var report: MemberReport
    /// How long ago it came.
    package var age: TimeSpan
    /// Whether the report still holds: it is not older than ``Limits/reportLifetime``, and its member was not lost since.
    package var isCurrent: Bool
    package init(node: NodeID, report: MemberReport, age: TimeSpan, isCurrent: Bool) {
        self.node = node
        self.report = report
        self.age = age
        self.isCurrent = isCurrent
    }
}
