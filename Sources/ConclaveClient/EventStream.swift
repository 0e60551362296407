import AsyncHTTPClient
import NIOCore

/// A `text/event-stream` that goes on from another node where it broke.
///
/// Nothing is read ahead, so a slow reader holds back the node and not this process's memory.
struct EventStream {
    /// What reading tells.
    enum Item: Hashable, Sendable {
        /// `id` is `nil` where the event names none.
        case event(name: String, data: [UInt8], id: String?)
        case comment(String)
        /// The connection broke.
        case broken(String)
    }

    private let client: ClusterClient
    private var rotation: EndpointRotation
    private var parser: EventStreamParser
    private var body: HTTPClientResponse.Body.AsyncIterator?
    /// Whether the stream was ever open: the first connection must succeed in time, later ones are tried for ever.
    private var wasOpen = false
    private var failures = 0

    /// Whether there is a connection to read from.
    var isOpen: Bool { body != nil }

    init(_ client: ClusterClient) {
        self.client = client
        rotation = client.currentRotation
        parser = EventStreamParser(limit: client.options.maximumEventBytes)
    }

    /// The next item of an open stream.
    mutating func next() async throws -> Item {
        while true {
            if let item = try parsed() { return item }
            do {
                guard let bytes = try await body?.next() else { return disconnected("the node ended the stream") }
                parser.append(bytes.readableBytesView)
            } catch {
                try Task.checkCancellation()
                return disconnected(String(describing: error))
            }
        }
    }

    /// The next item among the bytes at hand.
    private mutating func parsed() throws -> Item? {
        do {
            switch try parser.next() {
            case .comment(let text): return .comment(text)
            case .event(let name, let data, let id):
                failures = 0
                return .event(name: name, data: data, id: id)
            case nil: return nil
            }
        } catch {
            throw ConclaveError(.tooLarge, "one event is larger than \(error.limit) bytes")
        }
    }

    /// Opens the stream at some node.
    mutating func open(_ call: Call) async throws {
        let begin = ContinuousClock.now
        var generator = SystemRandomNumberGenerator()
        while true {
            try await Task.sleep(
                for: RetryRule.pause(before: failures, endpoints: rotation.endpoints.count, using: &generator))
            do {
                return try await connect(call)
            } catch let error as ConclaveError {
                let late = ContinuousClock.now - begin > client.options.requestTimeout
                if !error.isPassing || !wasOpen && late { throw error }
                failed()
            }
        }
    }

    private mutating func connect(_ call: Call) async throws {
        let options = client.options
        let patience = rotation.endpoints.count > 1 ? options.attemptTimeout : options.requestTimeout
        body = try await client.connections.open(
            call, at: rotation.endpoints[rotation.preferred], timeout: patience
        ).makeAsyncIterator()
        parser = EventStreamParser(limit: options.maximumEventBytes)
        wasOpen = true
    }

    private mutating func disconnected(_ reason: String) -> Item {
        body = nil
        failed()
        return .broken(reason)
    }

    private mutating func failed() {
        failures += 1
        rotation.failed(rotation.preferred)
    }
}

extension ConclaveError {
    /// Whether another node, or the same one later, may well answer otherwise.
    var isPassing: Bool {
        switch code {
        case .unreachable, .timeout, .noLeader, .notReady, .overloaded: true
        default: (status ?? 0) >= 500
        }
    }
}

/// Reads what an event carries.
func decodeEvent<Event>(_ read: () throws -> Event) throws -> Event {
    do {
        return try read()
    } catch let error as DecodingError {
        throw ConclaveError(.malformedAnswer, "an event is not what the API says: \(error)")
    }
}
