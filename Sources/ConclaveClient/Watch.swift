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
        private let call: Call
        private var stream: EventStream
        private var cursor: WatchCursor

        fileprivate init(_ watch: Watch) {
            call = watch.call
            stream = EventStream(watch.client)
            cursor = WatchCursor(after: watch.start)
        }

        /// The next event. Throws ``ConclaveError`` when the watch cannot go on.
        public mutating func next() async throws -> WatchEvent? {
            while true {
                if !stream.isOpen {
                    try await stream.open(request())
                    cursor.connected()
                }
                switch try await stream.next() {
                case .broken(let reason): return .interrupted(.disconnected(reason))
                case .comment(let text):
                    guard let revision = number(in: text), revision > cursor.resumeAfter ?? 0 else { continue }
                    cursor.reached(revision)
                    return .progress(revision: revision)
                case .event(let name, let data, let id):
                    guard let event = try decodeEvent({ try WatchEvent(name: name, data: data) }) else { continue }
                    if try isNew(event, mark: id.flatMap { UInt64($0) }) { return event }
                }
            }
        }

        /// What is asked of a node: everything after where the last stream ended.
        private func request() -> Call {
            var call = call
            if let revision = cursor.resumeAfter { call.query.append(("from", String(revision))) }
            return call
        }

        private mutating func isNew(_ event: WatchEvent, mark: UInt64?) throws -> Bool {
            if let revision = event.changeRevision { return try cursor.received(revision: revision, mark: mark) }
            if case .state(_, let revision) = event { cursor.reached(mark ?? revision) }
            return true
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
