import KeyValue
import Primitives
import Testing

/// The real state machine beside the plain one, over many random histories.
@Suite struct ModelTests {
    /// A table as `state.db` holds it: what the deltas made of it.
    struct Table {
        var header: StateHeader?
        var versions: [VersionPosition: StoredVersion] = [:]
        var leases: [LeaseID: StoredLease] = [:]
        var requests: [UInt64: StoredRequest] = [:]
        var elections: [ElectionID: StoredElection] = [:]
        var candidacies: [CandidacyID: StoredCandidacy] = [:]

        mutating func carryOut(_ delta: StateDelta) {
            header = delta.header
            for position in delta.removedVersions { versions[position] = nil }
            for id in delta.removedLeases { leases[id] = nil }
            for order in delta.removedRequests { requests[order] = nil }
            for id in delta.removedElections { elections[id] = nil }
            for id in delta.removedCandidacies { candidacies[id] = nil }
            for record in delta.upserts {
                switch record {
                case .version(let version): versions[version.position] = version
                case .lease(let lease): leases[lease.id] = lease
                case .remembered(let request): requests[request.order] = request
                case .election(let election): elections[election.id] = election
                case .candidacy(let candidacy): candidacies[candidacy.id] = candidacy
                }
            }
        }

        var records: [StateRecord] {
            versions.values.sorted { $0.position < $1.position }.map { .version($0) }
                + leases.values.sorted { $0.id < $1.id }.map { .lease($0) }
                + elections.values.sorted { $0.id < $1.id }.map { .election($0) }
                + candidacies.values.sorted { $0.id < $1.id }.map { .candidacy($0) }
                + requests.values.sorted { $0.order < $1.order }.map { .remembered($0) }
        }
    }

    static func sorted(_ records: some Sequence<StateRecord>) -> [StateRecord] {
        var table = Table()
        let header = Store().header
        table.carryOut(StateDelta(header: header, upserts: Array(records)))
        return table.records
    }

    static let bounds = StoreBounds(
        storeBytes: 20_000, leases: 9, elections: 3, candidates: 3, rememberedRequests: 25)

    /// The store, a second replica that is restored from time to time, the model and the table.
    struct World {
        var store = Store(bounds: bounds)
        var replica = Store(bounds: bounds)
        var model = Model(bounds: bounds)
        var table = Table()
        var draw: RandomCommands
        var term = Term(1)
        var time = ClusterTime.zero

        init(seed: UInt64) { draw = RandomCommands(seed: seed) }

        mutating func step() {
            if draw.chance(2) { term = term.next }
            time = ClusterTime(nanoseconds: time.nanoseconds + Int64(draw.number(-1...8)) * 1_000_000)
            let position = ApplyPosition(index: store.appliedIndex.next, term: term, time: time)
            var due = store.dueLeases(at: max(store.time, time), limit: 4)
            if draw.chance(20) {
                due.append(LeaseGeneration(lease: draw.lease(), generation: UInt64(draw.number(1...3))))
            }
            let standing = model.elections.compactMap { election in
                election.leader.map { FenceCondition(election: election.id, fence: $0.fence) }
            }
            let proposal = draw.proposal(store.revision, term, due: due, fences: standing)
            let known = model.elections
            let (result, events, repeated) = model.apply(proposal, at: position)
            let applied = store.apply(proposal, at: position)
            let replicated = replica.apply(proposal, at: position)
            #expect(applied.result == result, "\(proposal)")
            #expect(applied.events?.events ?? [] == events, "\(proposal)")
            #expect(applied.repeated == repeated)
            #expect(replicated.result == result)
            #expect(replicated.events?.events ?? [] == events)
            #expect(store.header == replica.header)
            let changes = model.elections.filter { $0.fence == Fence(model.index) }.compactMap(\.events.last)
            #expect(applied.elections == changes, "\(proposal)")
            #expect(replicated.elections == changes)
            if repeated || applied.result.failure != nil { #expect(model.elections == known) }
        }

        func compareWithModel() {
            #expect(store.revision == model.revision)
            #expect(store.oldestRevision == model.compacted.next)
            #expect(store.storeBytes == model.storeBytes)
            #expect(store.keyCount == model.records(at: nil).count)
            #expect(store.electionCensus == model.census)
            #expect(replica.electionCensus == model.census)
            let content =
                model.retained.map { StateRecord.version($0) } + model.leases.map { .lease($0) }
                + model.elections.map { .election($0.stored) }
                + model.elections.flatMap { election in
                    election.candidates.sorted { $0.id < $1.id }.map { .candidacy($0) }
                } + model.remembered.map { .remembered($0) }
            #expect(sorted(store.records()) == content)
            #expect(sorted(replica.records()) == content)
            let grants = model.leases.compactMap { model.grant($0.id) }
            #expect(
                store.query(.leases(from: LeaseID(0), limit: 0))
                    == .leases(LeasePage(grants: grants, count: grants.count, more: false)))
            if let middle = grants.dropFirst(grants.count / 2).first?.id {
                let rest = grants.drop { $0.id < middle }
                let page = LeasePage(grants: Array(rest.prefix(2)), count: grants.count, more: rest.count > 2)
                #expect(store.query(.leases(from: middle, limit: 2)) == .leases(page))
            }
            for lease in model.leases {
                let keys = model.records(at: nil).filter { $0.lease == lease.id }.map(\.key)
                let status = model.grant(lease.id).map { LeaseStatus(grant: $0, keys: keys) }
                #expect(store.query(.lease(lease.id)) == .lease(status))
                #expect(replica.query(.lease(lease.id)) == .lease(status))
            }
        }

        func compareElections() {
            for election in model.elections {
                let waiting = election.line.map {
                    WaitingCandidate(candidate: $0.id.candidate, priority: $0.priority, lease: $0.lease)
                }
                let view = ElectionView(summary: election.summary, candidates: Array(waiting.prefix(2)))
                #expect(store.query(.election(election.id, limit: 2)) == .election(view))
                let history = LeadershipPage(
                    leaderships: election.leaderships.suffix(5).reversed(), more: election.leaderships.count > 5)
                #expect(store.query(.leaderships(election.id, limit: 5)) == .leaderships(history))
                #expect(store.newestEvent(of: election.id).fence == election.fence)
                for event in election.events where event.fence >= election.forgotten {
                    let later = election.events.filter { $0.fence > event.fence }
                    #expect(store.events(of: election.id, after: event.fence) == later)
                    #expect(replica.events(of: election.id, after: event.fence) == later)
                }
                for candidacy in election.candidates {
                    #expect(
                        replica.query(.candidacy(candidacy.id))
                            == .candidacy(model.result(candidacy.id, created: false)))
                }
            }
            let listed = model.elections.filter { $0.id.kind == .election }.map(\.summary)
            #expect(
                store.query(.elections(.election, prefix: [], from: [], limit: 0))
                    == .elections(ElectionPage(elections: listed, count: listed.count, more: false)))
        }

        mutating func compareReads() {
            for _ in 0..<8 {
                let query = draw.query(store.revision)
                let expected: QueryResult
                do { expected = .range(try model.read(query, newest: model.revision)) } catch {
                    expected = .failed(error)
                }
                #expect(store.query(.range(query)) == expected, "\(query)")
                #expect(replica.query(.range(query)) == expected, "\(query)")
            }
        }

        mutating func compareHistory() {
            for _ in 0..<4 {
                let start = draw.revision(near: store.revision)
                let selections = [draw.selection(), draw.selection()]
                let limit = draw.number(1...6)
                guard start >= model.compacted else {
                    guard
                        case .compacted(model.compacted.next) = store.events(
                            after: start, selections: selections, limit: limit)
                    else {
                        Issue.record("events after \(start) should be compacted")
                        continue
                    }
                    continue
                }
                var driver = Driver(bounds: bounds)
                for replica in [store, replica] {
                    driver.store = replica
                    let expected = model.events.filter { event in
                        event.revision > start && selections.contains { $0.contains(event.key) }
                    }
                    #expect(driver.events(after: start, selections, limit: limit) == expected)
                }
            }
        }

        mutating func keepAndRestore() throws {
            if let delta = store.takeDelta() { table.carryOut(delta) }
            #expect(store.takeDelta() == nil)
            #expect(table.header == store.header)
            #expect(table.records == sorted(store.records()))
            if draw.chance(50) {
                replica = try Store(restoring: store.header, records: table.records, bounds: bounds)
            } else {
                replica = try Store(restoring: store.header, records: store.records(), bounds: bounds)
            }
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func storeAndModelAgreeOnARandomHistory(seed: UInt64) throws {
        var world = World(seed: seed)
        for step in 1...400 {
            world.step()
            if step % 10 == 0 { world.compareReads() }
            if step % 25 == 0 {
                world.compareWithModel()
                world.compareElections()
                world.compareHistory()
            }
            if world.draw.chance(4) { try world.keepAndRestore() }
        }
    }
}
