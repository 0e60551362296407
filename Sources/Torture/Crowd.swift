import ConclaveClient
internal import HistoryChecker
import LoadGenerator
internal import LocalProcesses

/// Everybody who uses the cluster during a run.
struct Crowd {
    /// Told every change from the beginning: the service's own history.
    let historian: Watcher
    let watchers: [Watcher]
    /// Told every change of who leads, one for each office.
    let officeHistorians: [OfficeWatcher]
    let officeWatchers: [OfficeWatcher]
    let etcdWatchers: [EtcdWatcher]
    private let writers: [Writer]
    private let holders: [Holder]
    private let candidates: [Candidate]
    private let lineMembers: [LineMember]
    private let visitor: Visitor
    private let pause: Duration

    private static let holdersPerNode = 4
    private static let candidatesPerNode = 4
    private static let lineMembersPerNode = 2
    /// Every so many writers one speaks etcd's API.
    private static let etcdEvery = 3

    init(_ plan: TorturePlan, _ members: [LocalCluster.Member], _ file: HistoryFile) {
        let nodes = members.map { Endpoint(host: $0.place.host, port: Int($0.place.client)) }
        let watched = members.compactMap { ConclaveClient.Endpoint($0.clientAddress) }
        pause = plan.pause
        historian = Watcher("historian", [.prefix("")], after: 1, isHistorian: true, endpoints: watched, file: file)
        officeHistorians = Candidate.offices.map { office in
            OfficeWatcher("historian-\(office.name)", office, isHistorian: true, endpoints: watched, file: file)
        }
        officeWatchers = Candidate.offices.enumerated().map { number, office in
            let place = number % nodes.count
            let own = Array(watched[place...] + watched[..<place])
            return OfficeWatcher("watcher-\(office.name)", office, isHistorian: false, endpoints: own, file: file)
        }
        etcdWatchers = nodes.indices.map { place in
            let own = Array(nodes[place...] + nodes[..<place])
            return EtcdWatcher(
                "etcd-\(place + 1)", prefix: EtcdWatcher.prefixes[place % EtcdWatcher.prefixes.count], endpoints: own,
                file: file)
        }
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
                Requester(
                    name: "c\(number)", number % Self.etcdEvery == 1 ? .etcd : .native, nodes: nodes,
                    preferring: number, file: file),
                seed: plan.seed &* 1_000 &+ UInt64(number))
        }
        holders = (0..<(nodes.count * Self.holdersPerNode)).map { number in
            Holder(
                Requester(name: "h\(number)", nodes: nodes, preferring: number, file: file),
                seed: plan.seed &* 1_000 &+ 500 &+ UInt64(number))
        }
        candidates = (0..<(nodes.count * Self.candidatesPerNode)).map { number in
            Candidate(
                Requester(name: "e\(number)", nodes: nodes, preferring: number, file: file),
                seed: plan.seed &* 1_000 &+ 600 &+ UInt64(number))
        }
        lineMembers = (0..<(nodes.count * Self.lineMembersPerNode)).map { number in
            LineMember(
                Requester(name: "l\(number)", .etcd, nodes: nodes, preferring: number, file: file),
                seed: plan.seed &* 1_000 &+ 700 &+ UInt64(number))
        }
        visitor = Visitor(nodes, file)
    }

    /// All who watch keys, each to be told of the last revision.
    var keyWatchers: [any Watching] { [historian] + watchers + etcdWatchers }
    private var everybodyWatching: [any Watching] { keyWatchers + officeHistorians + officeWatchers }

    /// Lets all who watch work until the task is cancelled.
    func watch() async {
        await withDiscardingTaskGroup { group in
            for watcher in everybodyWatching { group.addTask { await watcher.run() } }
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
            group.addTask { await visitor.run() }
            for candidate in candidates {
                group.addTask {
                    var candidate = candidate
                    await candidate.run()
                }
            }
            for member in lineMembers {
                group.addTask {
                    var member = member
                    await member.run()
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
