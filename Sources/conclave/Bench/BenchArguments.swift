import ArgumentParser
import LoadGenerator
import NIOCore

extension TargetSystem: ExpressibleByArgument {}
extension Wire: ExpressibleByArgument {}
extension Trial: ExpressibleByArgument {}

extension Endpoint: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

/// A length of time as people type it: `800ms`, `3s`, `2m`.
struct BenchDuration: ExpressibleByArgument, CustomStringConvertible {
    var amount: TimeAmount

    var description: String {
        let milliseconds = amount.nanoseconds / 1_000_000
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count <= 86_400_000 else { return nil }
        switch argument.dropFirst(digits.count) {
        case "ms": amount = .milliseconds(count)
        case "s": amount = .seconds(count)
        case "m" where count <= 1_440: amount = .minutes(count)
        default: return nil
        }
    }

    init(seconds: Int64) { amount = .seconds(seconds) }
}

/// Where the load goes and how the answer is printed.
struct BenchTargetOptions: ParsableArguments {
    @Option(help: "The servers, HOST:PORT, separated by commas; connections are spread over them.")
    var endpoints = "127.0.0.1:2379"

    @Option(help: "Which system listens there: conclave or etcd.")
    var target: TargetSystem = .conclave

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Option(help: "Event loops of the generator, each with its own thread.")
    var loops = 1

    /// The endpoints, read.
    func parsedEndpoints() throws -> [Endpoint] {
        try endpoints.split(separator: ",").map { text in
            guard let endpoint = Endpoint(String(text)) else {
                throw ValidationError("--endpoints: '\(text)' is not HOST:PORT")
            }
            return endpoint
        }
    }

    func validate() throws {
        guard try !parsedEndpoints().isEmpty else { throw ValidationError("--endpoints names no server") }
        guard (1...64).contains(loops) else { throw ValidationError("--loops must be from 1 to 64, not \(loops)") }
    }
}

/// How much load, and for how long.
struct BenchLoadOptions: ParsableArguments {
    @Option(
        help: """
            The interface to drive: native (Conclave's alone), gateway (etcd's JSON) or grpc (etcd's gRPC). The default is \
            native for conclave and gateway for etcd.
            """)
    var wire: Wire?

    @Option(help: "How long to measure: 10s, 800ms, 2m. The default when --requests is not given is 10s.")
    var duration: BenchDuration?

    @Option(help: "How many requests to measure, instead of --duration.")
    var requests: Int?

    @Option(help: "How long to warm up before counting.")
    var warmUp = BenchDuration(seconds: 1)

    @Option(
        help: """
            Requests per second of an open loop; latency then counts from the moment a request was meant to leave. \
            Without it each connection sends its next request when the last one is answered.
            """)
    var rate: Double?

    @Option(help: "How long one request may take.")
    var timeout = BenchDuration(seconds: 10)

    @Option(help: "Bytes of a value.")
    var valueSize = 128

    @Option(help: "Different keys that put, get and serial use.")
    var keys = 1_000

    @Option(
        name: .customLong("server-pid"),
        help: "A server's process id on this machine, to measure its CPU time per request; may be repeated.")
    var serverPids: [Int32] = []

    func validate() throws {
        if duration != nil, requests != nil { throw ValidationError("give either --duration or --requests") }
        try check("--requests", requests.map(Double.init), 1...1e12)
        try check("--rate", rate, 0.01...1e7)
        try check("--value-size", Double(valueSize), 1...1e6)
        try check("--keys", Double(keys), 1...1e6)
        try check("--duration", duration.map { Double($0.amount.nanoseconds) / 1e9 }, 0.01...86_400)
        try check("--timeout", Double(timeout.amount.nanoseconds) / 1e9, 0.01...3_600)
    }

    private func check(_ name: String, _ value: Double?, _ range: ClosedRange<Double>) throws {
        guard let value, !range.contains(value) else { return }
        throw ValidationError(
            "\(name) must be from \(Decimals.short(range.lowerBound)) to \(Decimals.short(range.upperBound)),"
                + " not \(Decimals.short(value))")
    }

    /// The interface to drive; throws when `system` does not have it, or it does not carry such values.
    func wire(of system: TargetSystem) throws -> Wire {
        let wire = wire ?? system.ownWire
        guard system.wires.contains(wire) else {
            throw ValidationError("--wire: \(system.rawValue) does not speak \(wire.rawValue)")
        }
        guard wire != .grpc || valueSize <= Wire.grpcValueBytes else {
            throw ValidationError("--value-size must be at most \(Wire.grpcValueBytes) over grpc, not \(valueSize)")
        }
        return wire
    }

    var bound: LoadPlan.Bound {
        if let requests { return .requests(requests) }
        return .duration((duration ?? BenchDuration(seconds: 10)).amount)
    }
}

/// Connections of the workloads that have many.
struct BenchConnectionOptions: ParsableArguments {
    @Option(help: "Requests in flight at most, each on a connection of its own; over grpc, on a stream of its own.")
    var connections = 64

    @Flag(
        help: """
            With --wire grpc: a connection for each request in flight as well, as clients on many machines have them. \
            Without it there is one to each endpoint.
            """)
    var ownConnections = false

    func validate() throws {
        guard (1...20_000).contains(connections) else {
            throw ValidationError("--connections must be from 1 to 20000, not \(connections)")
        }
    }
}
