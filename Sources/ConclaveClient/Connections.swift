import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// The connections to the nodes: one pool for requests, one for streams, whose silence is watched.
struct Connections: Sendable {
    private let requests: HTTPClient
    private let streams: HTTPClient
    private let maximumResponseBytes: Int

    init(options: ClientOptions) {
        requests = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: Self.configuration(options, connections: options.connectionsPerNode, silence: nil))
        streams = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: Self.configuration(options, connections: 100_000, silence: options.watchSilence))
        maximumResponseBytes = options.maximumResponseBytes
    }

    private static func configuration(
        _ options: ClientOptions, connections: Int, silence: Duration?
    ) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: TimeAmount(options.connectTimeout), read: silence.map { TimeAmount($0) }))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // A node that refuses connections is dead: the next one is asked at once, not this one again.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.http1_1ConnectionDebugInitializer = RequestTarget.install(on:)
        return configuration
    }

    func shutdown() async {
        for client in [requests, streams] { try? await client.shutdown() }
    }

    /// One attempt: sends `call` to `endpoint` and reads the whole answer, within `timeout` on this side and a little
    /// less on the node's, so that the node's own account of a time-out arrives.
    func attempt(_ call: Call, at endpoint: Endpoint, timeout: Duration) async throws -> Answer {
        let sent = ContinuousClock.now
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        let request = request(call, at: endpoint, timeout: max((timeout - call.wait) * 0.9, .milliseconds(1)))
        do {
            let response = try await requests.execute(request, deadline: deadline)
            let body = try await within(deadline) { [maximumResponseBytes] in
                try await response.body.collect(upTo: maximumResponseBytes)
            }
            return Answer(
                status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView),
                isRead: call.isRead, sent: sent, firstSent: sent)
        } catch let error as NIOTooManyBytesError {
            throw ConclaveError(
                .tooLarge, "the answer is larger than \(error.maxBytes ?? maximumResponseBytes) bytes",
                outcome: call.isRead ? .notApplied : .unknown)
        } catch {
            throw try classify(error, endpoint: endpoint)
        }
    }

    /// Opens a stream; its body is read as it comes, and breaks when the node is silent for too long.
    func open(_ call: Call, at endpoint: Endpoint, timeout: Duration) async throws -> HTTPClientResponse.Body {
        do {
            let sent = ContinuousClock.now
            let response = try await streams.execute(
                request(call, at: endpoint, timeout: nil), deadline: .now() + TimeAmount(timeout))
            if response.status == .ok { return response.body }
            let body = try await response.body.collect(upTo: 1024 * 1024)
            throw ConclaveError(
                answer: Answer(
                    status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView),
                    isRead: true, sent: sent, firstSent: sent))
        } catch let error as ConclaveError {
            throw error
        } catch {
            let failure = try classify(error, endpoint: endpoint)
            throw ConclaveError(failure.timedOut ? .timeout : .unreachable, failure.reason)
        }
    }

    private func request(_ call: Call, at endpoint: Endpoint, timeout: Duration?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: endpoint.url)
        request.method = call.method
        request.headers = call.headers
        request.headers.replaceOrAdd(name: RequestTarget.header, value: call.target(timeout: timeout))
        request.body = call.body.map { .bytes($0) }
        return request
    }
}

/// Turns what the transport throws into what matters: may the request have arrived?
func classify(_ error: any Error, endpoint: Endpoint) throws -> TransportFailure {
    try Task.checkCancellation()
    switch error {
    case let error as HTTPClientError where error == .connectTimeout:
        return TransportFailure(sent: false, timedOut: true, reason: "\(endpoint) accepts no connection")
    case let error as HTTPClientError where error == .deadlineExceeded:
        return TransportFailure(sent: true, timedOut: true, reason: "\(endpoint) did not answer in time")
    case let error as HTTPClientError where error == .getConnectionFromPoolTimeout:
        return TransportFailure(sent: false, timedOut: true, reason: "too many requests wait for \(endpoint)")
    case is NIOConnectionError:
        return TransportFailure(sent: false, timedOut: false, reason: "cannot connect to \(endpoint)")
    case let error as IOError where error.errnoCode == ECONNREFUSED:
        return TransportFailure(sent: false, timedOut: false, reason: "nothing listens on \(endpoint)")
    default:
        return TransportFailure(sent: true, timedOut: false, reason: "the connection to \(endpoint) broke: \(error)")
    }
}

/// Runs `work`, or throws `HTTPClientError.deadlineExceeded` when `deadline` passes first.
private func within<T: Sendable>(
    _ deadline: NIODeadline, _ work: @escaping @Sendable () async throws -> T
) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
        group.addTask(operation: work)
        group.addTask {
            try await Task.sleep(for: Duration(deadline - .now()))
            throw HTTPClientError.deadlineExceeded
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw HTTPClientError.cancelled }
        return first
    }
}
