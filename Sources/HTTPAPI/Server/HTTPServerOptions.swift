import Glibc
package import NIOCore
package import Primitives

/// Where and how a server listens.
package struct HTTPServerOptions: Sendable {
    /// An address or a name; names are resolved.
    package var host: String
    /// 0 takes any free port.
    package var port: Int
    package var eventLoops: EventLoops
    /// Connections at most; more are answered with 503 and closed.
    package var connectionLimit: Int
    /// How long a server that stops still takes requests on the connections it has.
    package var lastCall: TimeSpan

    /// On which threads connections are served.
    package enum EventLoops: Sendable {
        /// That many of the server's own.
        case own(Int)
        /// Somebody else's, who also ends them.
        case shared(any EventLoopGroup)
    }

    package init(
        host: String, port: Int, eventLoops: EventLoops = .own(1), connectionLimit: Int = Limits.connections,
        lastCall: TimeSpan = Limits.lastCall
    ) {
        self.host = host
        self.port = port
        self.eventLoops = eventLoops
        self.connectionLimit = connectionLimit
        self.lastCall = lastCall
    }
}

/// What a server may be given beyond what it needs.
package struct HTTPServerExtras: Sendable {
    /// Where `GET /metrics` reads; also to be bootstrapped as the process's metrics backend.
    package var metrics: PrometheusRegistry
    /// Another API on the same port.
    package var guest: (any GuestAPI)?
    package init(metrics: PrometheusRegistry = PrometheusRegistry(), guest: (any GuestAPI)? = nil) {
        self.metrics = metrics
        self.guest = guest
    }
}

/// Why a server could not start, in a sentence that says what to do.
package enum HTTPServerFailure: Error, CustomStringConvertible {
    case addressInUse(String)
    case notPermitted(String)
    case unusableAddress(String, reason: String)

    init(_ error: any Error, host: String, port: Int) {
        let address = "\(host):\(port)"
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE: self = .addressInUse(address)
        case let error as IOError where error.errnoCode == EACCES: self = .notPermitted(address)
        case let error as IOError: self = .unusableAddress(address, reason: String(cString: strerror(error.errnoCode)))
        case let error as HTTPServerFailure: self = error
        default: self = .unusableAddress(address, reason: "\(error)")
        }
    }

    package var description: String {
        switch self {
        case .addressInUse(let address):
            "cannot listen on \(address): another process uses it; stop that one or choose another port"
        case .notPermitted(let address):
            "cannot listen on \(address): not permitted; choose a port above 1023 or start with the right to use it"
        case .unusableAddress(let address, let reason):
            "cannot listen on \(address): \(reason); give an address of this machine"
        }
    }
}
