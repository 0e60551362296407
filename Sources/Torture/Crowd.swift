import ConclaveClient
internal import HistoryChecker
import LoadGenerator
internal import LocalProcesses

/// Everybody who uses the cluster during a run.
struct Crowd {
    /// Told every change from the beginning: the service's own history.
    let historian: Watcher
    let watchers: [Watcher]
    private let writers: [Writer]
    private let holders: [Holder]
    private let pause: Duration

    private static let holdersPerNode = 4

    init(_ plan: TorturePlan, _ members: [LocalCluster.Member], _ file: HistoryFile) {
        let nodes = members.map { Endpoint(host: $0.place.host, port: Int($0.place.client)) }
        let watched = members.compactMap { ConclaveClient.Endpoint($0.clientAddress) }
        pause = plan.pause
        historian = Watcher("historian", [.prefix("")], after: 1, endpoints: watched, file: file)
        watchers = nodes.indices.flatMap { place in
            let own = Array(watched[place...] + watched[..<place])
            return [
                Watcher("all-\(place + 1)", [.prefix("")], after: nil, endpoints: own, file: file),
                Watcher(
                    "part-\(place + 1)", [.prefix("g/"), .prefix("office/")], after: 1, endpoints: own, file: file),
                Watcher(
                    "keys-\(place + 1)", (0..<6).map { .key("r/\($0 * 7 + place)") }, after: nil, endpoints: own,
                    file: file),
            ]
        }
        writers = (0..<plan.clients).map { number in
            Writer(
                Requester(name: "c\(number)", nodes: nodes, preferring: number, file: file),
                seed: plan.seed &* 1_000 &+ UInt64(number))
        }
        holders = (0..<(nodes.count * Self.holdersPerNode)).map { number in
            Holder(
                Requester(name: "h\(number)", nodes: nodes, preferring: number, file: file),
                seed: plan.seed &* 1_000 &+ 500 &+ UInt64(number))
        }
    }

    /// Lets all who watch work until the task is cancelled.
    func watch() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await historian.run(keeping: true) }
            for watcher in watchers { group.addTask { await watcher.run() } }
        }
    }

    /// Lets all who write work until the task is cancelled.
    func work() async {
        await withDiscardingTaskGroup { group in
            for writer in writers {
                group.addTask {
                    var writer = writer
                    await writer.run(pause: pause)
                }
            }
            for holder in holders {
                group.addTask {
                    var holder = holder
                    await holder.run()
                }
            }
        }
    }
}
