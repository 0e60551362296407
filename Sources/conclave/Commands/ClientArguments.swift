import ArgumentParser
import ConclaveClient
import Foundation

/// The options that every command has which speaks to a cluster.
struct ClientArguments: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The nodes' client addresses, separated by commas; one live node is enough.",
            discussion: "Default: $CONCLAVE_ENDPOINTS, else http://127.0.0.1:2379.", valueName: "list"))
    var endpoints: String?

    @Option(help: "How long to try, as 800ms, 3s or 2m.")
    var timeout: DurationArgument = DurationArgument(.seconds(5))

    @Flag(help: "Print JSON.")
    var json = false

    /// Where the cluster is, by option, environment or default.
    func resolved() throws -> [Endpoint] {
        let environment = ProcessInfo.processInfo.environment["CONCLAVE_ENDPOINTS"] ?? ""
        let list = try Endpoint.list(endpoints ?? (environment.isEmpty ? "http://127.0.0.1:2379" : environment))
        guard !list.isEmpty else { throw ValidationError("--endpoints names no node") }
        return list
    }

    /// Runs `body` with a client of the cluster.
    func withClient<Result>(_ body: (ClusterClient) async throws -> Result) async throws -> Result {
        var options = ClientOptions()
        options.requestTimeout = timeout.duration
        options.attemptTimeout = min(options.attemptTimeout, timeout.duration)
        options.connectTimeout = min(options.connectTimeout, timeout.duration)
        do {
            return try await ClusterClient.withClient(
                endpoints: try resolved().map(\.url), options: options, body)
        } catch let error as ConclaveError {
            throw CommandFailure(cause: error, json: json)
        }
    }

    /// One line: JSON if asked for, else `human`.
    func print(_ human: @autoclosure () -> String, json value: @autoclosure () -> JSONValue) {
        Terminal.say(json ? value().text : human())
    }
}

/// A length of time as the API writes it: `800ms`, `3s`, `2m`, `1h`.
struct DurationArgument: ExpressibleByArgument, Hashable, Sendable {
    var duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number > 0, number < 1_000_000_000 else { return nil }
        switch argument.dropFirst(digits.count) {
        case "ms": duration = .milliseconds(number)
        case "s": duration = .seconds(number)
        case "m": duration = .seconds(number * 60)
        case "h": duration = .seconds(number * 3600)
        default: return nil
        }
    }

    var defaultValueDescription: String {
        let (seconds, attoseconds) = duration.components
        return attoseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms"
    }
}

extension LeaseID: ExpressibleByArgument {
    /// 16 hex digits, or fewer.
    public init?(argument: String) { self.init(argument) }
}

extension IdempotencyKey: ExpressibleByArgument {
    /// `<client>/<number>`.
    public init?(argument: String) { self.init(argument) }
}

/// In whose name something is written.
struct FenceArgument: ParsableArguments {
    @Option(help: "Only while this leadership stands: ELECTION=FENCE, or locks/LOCK=FENCE.")
    var fence: Fence?
}

extension Fence: ExpressibleByArgument {
    /// `NAME=FENCE`, or `locks/NAME=FENCE`.
    public init?(argument: String) { self.init(argument) }
}

/// A key or a prefix on the command line.
struct KeyArgument: ParsableArguments {
    @Argument(help: "The key.")
    var key: String

    @Flag(name: .customLong("base64"), help: "The key is written in base64, for bytes that are not text.")
    var isBase64 = false

    func bytes() throws -> ByteString { try decodeKey(key, isBase64: isBase64) }
}

/// The bytes that an argument stands for.
func decodeKey(_ text: String, isBase64: Bool) throws -> ByteString {
    guard isBase64 else { return ByteString(text) }
    guard let data = Data(base64Encoded: text) else { throw ValidationError("\"\(text)\" is not base64") }
    return ByteString(data)
}
