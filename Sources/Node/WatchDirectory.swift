internal import NIOCore
internal import ReplicaCore

/// Which sink belongs to which watch; used on the core loop only.
struct WatchDirectory {
    private var sinks: [WatchID: any WatchSink] = [:]

    var count: Int { sinks.count }

    mutating func add(_ id: WatchID, _ sink: any WatchSink) { sinks[id] = sink }
    mutating func remove(_ id: WatchID) { sinks[id] = nil }

    /// Hands a batch to its watches, with one hop for all of a loop's.
    func deliver(_ delivery: WatchDelivery) {
        var elsewhere: [ObjectIdentifier: (loop: any EventLoop, sinks: [any WatchSink])] = [:]
        for id in delivery.watches {
            guard let sink = sinks[id] else { continue }
            if sink.eventLoop.inEventLoop {
                sink.deliver(delivery.batch)
            } else {
                elsewhere[ObjectIdentifier(sink.eventLoop), default: (sink.eventLoop, [])].sinks.append(sink)
            }
        }
        for group in elsewhere.values {
            let (batch, sinks) = (delivery.batch, group.sinks)
            group.loop.execute { for sink in sinks { sink.deliver(batch) } }
        }
    }

    mutating func end(_ id: WatchID, _ end: WatchEnd) {
        guard let sink = sinks.removeValue(forKey: id) else { return }
        onLoop(of: sink) { $0.ended(end) }
    }

    func tellLeaderKnown(_ known: Bool) {
        for sink in sinks.values { onLoop(of: sink) { $0.leaderKnown(known) } }
    }

    private func onLoop(of sink: any WatchSink, _ body: @escaping @Sendable (any WatchSink) -> Void) {
        if sink.eventLoop.inEventLoop { body(sink) } else { sink.eventLoop.execute { body(sink) } }
    }
}
