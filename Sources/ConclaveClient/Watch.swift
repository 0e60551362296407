import AsyncHTTPClient
import NIOCore

/// The changes of some keys, in order, each exactly once, for as long as it is iterated.
///
/// A broken stream goes on from another node where it ended; nothing is read ahead, so a slow reader holds back the node
/// and not this process's memory. Iteration throws ``ConclaveError`` with ``ConclaveError/Code/compacted`` when the
/// history needed to go on is gone: read the present state and watch anew.
///
/// ```swift
/// for try await event in client.watch(.key("controller")) {
///     if case .delete(let deletion) = event { print("the office is vacant:", deletion.reason) }
/// }
/// ```
public struct Watch: AsyncSequence, Sendable {
    /// What iteration tells.
    public typealias Element = WatchEvent

    fileprivate let client: ClusterClient
    fileprivate let call: Call
    fileprivate let start: UInt64?

    /// Begins to watch: nothing is sent before the first event is asked for.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// One reader of a watch.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let watch: Watch
        private var cursor: WatchCursor
        private var rotation: EndpointRotation
        private var parser: EventStreamParser
        private var body: HTTPClientResponse.Body.AsyncIterator?
        /// Whether the stream was ever open: the first connection must succeed in time, later ones are tried for ever.
        private var wasOpen = false
        private var failures = 0

        fileprivate init(_ watch: Watch) {
            self.watch = watch
            cursor = WatchCursor(after: watch.start)
            rotation = watch.client.currentRotation
            parser = EventStreamParser(limit: watch.client.options.maximumEventBytes)
        }

        /// The next event. Throws ``ConclaveError`` when the watch cannot go on.
        public mutating func next() async throws -> WatchEvent? {
            while true {
                if let event = try parsed() { return event }
                if body == nil { try await open() }
                do {
                    if let bytes = try await body?.next() {
                        parser.append(bytes.readableBytesView)
                        continue
                    }
                    return disconnected("the node ended the stream")
                } catch {
                    try Task.checkCancellation()
                    return disconnected(String(describing: error))
                }
            }
        }

        /// The next event among the bytes at hand.
        private mutating func parsed() throws -> WatchEvent? {
            while body != nil, let item = try nextItem() {
                switch item {
                case .comment(let text):
                    guard let revision = revision(in: text), revision > cursor.resumeAfter ?? 0 else { continue }
                    cursor.reached(revision)
                    return .progress(revision: revision)
                case .event(let name, let data, let id):
                    failures = 0
                    guard let event = try decoded(name: name, data: data) else { continue }
                    if try isNew(event, mark: id.flatMap { UInt64($0) }) { return event }
                }
            }
            return nil
        }

        private mutating func nextItem() throws -> EventStreamParser.Item? {
            do {
                return try parser.next()
            } catch {
                throw ConclaveError(.tooLarge, "one event is larger than \(error.limit) bytes")
            }
        }

        private func decoded(name: String, data: [UInt8]) throws -> WatchEvent? {
            do {
                return try WatchEvent(name: name, data: data)
            } catch let error as DecodingError {
                throw ConclaveError(.malformedAnswer, "an event is not what the API says: \(error)")
            }
        }

        private mutating func isNew(_ event: WatchEvent, mark: UInt64?) throws -> Bool {
            if let revision = event.changeRevision { return try cursor.received(revision: revision, mark: mark) }
            if case .state(_, let revision) = event { cursor.reached(mark ?? revision) }
            return true
        }

        /// Opens a stream at some node, after where the last one ended.
        private mutating func open() async throws {
            let begin = ContinuousClock.now
            var generator = SystemRandomNumberGenerator()
            while true {
                try await Task.sleep(
                    for: RetryRule.pause(before: failures, endpoints: rotation.endpoints.count, using: &generator))
                do {
                    return try await connect()
                } catch let error as ConclaveError {
                    let late = ContinuousClock.now - begin > watch.client.options.requestTimeout
                    if !error.isPassing || !wasOpen && late { throw error }
                    failed()
                }
            }
        }

        private mutating func connect() async throws {
            var call = watch.call
            if let revision = cursor.resumeAfter { call.query.append(("from", String(revision))) }
            let options = watch.client.options
            let patience = rotation.endpoints.count > 1 ? options.attemptTimeout : options.requestTimeout
            body = try await watch.client.connections.open(
                call, at: rotation.endpoints[rotation.preferred], timeout: patience
            ).makeAsyncIterator()
            parser = EventStreamParser(limit: options.maximumEventBytes)
            cursor.connected()
            wasOpen = true
        }

        private mutating func disconnected(_ reason: String) -> WatchEvent {
            body = nil
            failed()
            return .interrupted(.disconnected(reason))
        }

        private mutating func failed() {
            failures += 1
            rotation.failed(rotation.preferred)
        }
    }
}

extension ConclaveError {
    /// Whether another node, or the same one later, may well answer otherwise.
    fileprivate var isPassing: Bool {
        switch code {
        case .unreachable, .timeout, .noLeader, .notReady, .overloaded: true
        default: (status ?? 0) >= 500
        }
    }
}

extension ClusterClient {
    /// Watches keys from now on, after telling what there is, or from a past revision on.
    ///
    /// - Parameters:
    ///   - selections: keys and prefixes, at least one; an event is told once, however many of them it matches.
    ///   - revision: tells everything after this revision; `nil` tells the present state first.
    ///   - previousValues: adds to each event the record it replaced.
    public func watch(
        _ selections: WatchSelection..., after revision: UInt64? = nil, previousValues: Bool = false
    ) -> Watch {
        watch(selections, after: revision, previousValues: previousValues)
    }

    /// Watches keys; as ``watch(_:after:previousValues:)-(WatchSelection...,_,_)``, with the selections in an array.
    public func watch(
        _ selections: [WatchSelection], after revision: UInt64? = nil, previousValues: Bool = false
    ) -> Watch {
        var call = Call(path: "/v1/watch", headers: ["Accept": "text/event-stream"])
        for selection in selections {
            switch selection {
            case .key(let key): call.query.append(("key", key.queryEscaped))
            case .prefix(let prefix): call.query.append(("prefix", prefix.queryEscaped))
            }
        }
        call.query.append(("heartbeat", options.heartbeat.parameter))
        if previousValues { call.query.append(("prev", "true")) }
        return Watch(client: self, call: call, start: revision)
    }
}
