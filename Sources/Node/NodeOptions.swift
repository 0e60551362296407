package import Consensus
package import KeyValue
internal import PeerTransport
internal import Primitives

/// How one member runs. Made by the command line from flags, environment and configuration file.
package struct NodeOptions: Sendable {
    package struct Member: Hashable, Sendable {
        package var name: String
        package var host: String
        package var port: Int
        package init(name: String, host: String, port: Int) {
            self.name = name
            self.host = host
            self.port = port
        }
    }

    /// This member's name, one of ``members``.
    package var name: String
    package var dataDirectory: String
    /// Told apart from other clusters with the same member names.
    package var clusterToken: String
    /// All members, this one included, with their peer addresses.
    package var members: [Member]
    package var peerListenHost: String
    package var peerListenPort: Int
    package var settings: Settings
    package var history: HistoryBounds
    package var version: String

    package init(
        name: String, dataDirectory: String, clusterToken: String = "conclave", members: [Member],
        peerListenHost: String, peerListenPort: Int, settings: Settings = Settings(),
        history: HistoryBounds = HistoryBounds(), version: String
    ) {
        self.name = name
        self.dataDirectory = dataDirectory
        self.clusterToken = clusterToken
        self.members = members
        self.peerListenHost = peerListenHost
        self.peerListenPort = peerListenPort
        self.settings = settings
        self.history = history
        self.version = version
    }

    package var identity: NodeIdentity {
        NodeIdentity(
            name: name, id: NodeID(name: name),
            cluster: ClusterID(token: clusterToken, memberNames: members.map(\.name)), version: version)
    }

    var configuration: Configuration {
        Configuration(
            members: members.map { Configuration.Member(name: $0.name, peerAddress: "\($0.host):\($0.port)") })
    }

    /// The cluster in words, kept in the data directory.
    var clusterDescription: String { "\(clusterToken) (" + members.map(\.name).sorted().joined(separator: ", ") + ")" }
}
