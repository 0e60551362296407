package import Primitives

/// Where another member listens.
package struct PeerAddress: Hashable, Sendable {
    package var name: String
    /// An IP address or a name; names are resolved anew for each attempt.
    package var host: String
    package var port: Int
    package init(name: String, host: String, port: Int) {
        self.name = name
        self.host = host
        self.port = port
    }
}

/// Who this node is to the others, and how to reach them.
package struct PeerTransportConfiguration: Sendable {
    package var node: NodeID
    package var name: String
    package var cluster: ClusterID
    /// Must be higher than in any earlier life of this node: frames of earlier lives are refused (`invariants.md` 10).
    package var incarnation: Incarnation
    package var listenHost: String
    package var listenPort: Int
    /// The other members; nobody else is listened to.
    package var peers: [NodeID: PeerAddress]
    /// The wait after the first failed attempt to connect; doubles with each further one.
    package var firstReconnectDelay = TimeSpan.milliseconds(20)
    package var longestReconnectDelay = TimeSpan.milliseconds(500)
    package var connectTimeout = TimeSpan.seconds(1)
    /// How long a connection may take to introduce itself.
    package var handshakeTimeout = TimeSpan.seconds(2)
    /// How long sent bytes may stay unacknowledged before the connection counts as dead.
    package var silenceTimeout = TimeSpan.seconds(5)
    /// Unsent bytes to one peer before further frames are dropped.
    package var bufferBytes = Limits.peerBufferBytes
    /// Spreads the reconnect delays.
    package var jitterSeed: UInt64

    package init(
        node: NodeID, name: String, cluster: ClusterID, incarnation: Incarnation, listenHost: String, listenPort: Int,
        peers: [NodeID: PeerAddress], jitterSeed: UInt64
    ) {
        self.node = node
        self.name = name
        self.cluster = cluster
        self.incarnation = incarnation
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.peers = peers
        self.jitterSeed = jitterSeed
    }
}

/// Hears from the other nodes. All methods are called on the transport's event loop, none from within ``PeerTransport/send(_:to:)``.
package protocol PeerReceiver: AnyObject {
    /// A frame's body, whole and unaltered; frames of one sender's connection come in the order they were sent.
    func received(_ body: Bytes, from node: NodeID)
    /// Frames to the node are being carried from now on.
    func connected(to node: NodeID)
    /// A connection that stood is lost. `processIsGone` when nobody listens at the node's address any more: its process
    /// ended. Otherwise its fate is not known.
    func disconnected(from node: NodeID, processIsGone: Bool)
}

/// Why the transport cannot start.
package enum PeerTransportError: Error, Hashable, Sendable, CustomStringConvertible {
    case addressInUse(host: String, port: Int)
    case cannotListen(host: String, port: Int, reason: String)

    package var description: String {
        switch self {
        case .addressInUse(let host, let port):
            "the peer port \(host):\(port) is in use; stop what uses it or choose another --peer-listen"
        case .cannotListen(let host, let port, let reason):
            "cannot listen for peers on \(host):\(port): \(reason); choose another --peer-listen"
        }
    }
}
