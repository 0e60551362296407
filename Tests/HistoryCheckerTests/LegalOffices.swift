import HistoryChecker
import Primitives

/// A random history of elections and locks that a right service could have shown: candidates whose requests overlap, over
/// two offices that are plain values, and a key that is written under their fences, partly as etcd's clients do.
struct LegalOffices {
    private(set) var history = RecordedHistory()
    private var generator: SeededGenerator
    private var time: Int64 = 0
    private var values = 0
    private var revision: UInt64 = 1
    /// The position of the newest entry: what gives fences.
    private var index: UInt64 = 0
    private var record: Record?
    private var offices: [Office: State] = [:]
    /// When each lease is over.
    private var leases: [UInt64: Int64] = [:]
    private var open: [Open?]
    private var watches: [(name: String, office: Office, place: Int)] = []

    private static let ttl: Int64 = 400
    private static let all = [Office(.elections, "a"), Office(.locks, "a")]

    fileprivate struct State {
        var fence: UInt64 = 0
        var leader: Office.Leader?
        var past: [OfficeAnswer.Past] = []
        /// In the order of their turns.
        var line: [Waiting] = []
    }

    fileprivate struct Waiting {
        var id: String
        var value: String
        var lease: UInt64
        var priority: Int64
    }

    private struct Open {
        var operation: HistoryChecker.Operation
        var response: Response?
    }

    init(seed: UInt64, steps: Int) {
        generator = SeededGenerator(seed: seed)
        open = Array(repeating: nil, count: 6)
        for office in Self.all {
            offices[office] = State()
            let name = "w-\(office.kind.rawValue)"
            history.watches[name, default: Watched()].selections = [.office(office)]
            history.watches[name]?.deliveries = [.init(time: 0, .opened(after: 0))]
            watches.append((name, office, 0))
        }
        for _ in 0..<steps { step() }
        for client in open.indices { finish(client) }
        time += 2_000_000
        expire()
        for place in watches.indices {
            tell(place, count: .max)
            let watch = watches[place]
            history.watches[watch.name]?.deliveries.append(
                .init(time: time, .closed(offices[watch.office]?.fence ?? 0)))
        }
        history.end = time
    }

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }

    private mutating func step() {
        time += Int64(pick(30_000))
        if pick(3) == 0 { expire() }
        let client = pick(open.count)
        switch pick(8) {
        case 0..<3: call(client)
        case 3..<6: apply(client)
        case 6: finish(client)
        default: tell(pick(watches.count), count: 1 + pick(3))
        }
    }

    // MARK: - Requests

    private mutating func call(_ client: Int) {
        guard open[client] == nil else { return }
        let invocation = invocation(of: "c\(client)")
        open[client] = Open(
            operation: .init(client: "c\(client)", node: "n1", call: time, end: time, invocation, .unknown))
    }

    private mutating func invocation(of id: String) -> Invocation {
        let office = Self.all[pick(2)]
        let lease = offices[office]?.lease(of: id)
        switch pick(12) {
        case 0..<5:
            var campaign = Campaign(office, id, value())
            campaign.lease = lease ?? UInt64(values)
            campaign.ttl = Self.ttl
            campaign.mode = lease == nil ? .any : .renewing
            campaign.priority = Int64(pick(3))
            return .campaign(campaign)
        case 5: return .resign(Resignation(office, id, lease: lease ?? 77))
        case 6: return .resign(Resignation(office, "c\(pick(open.count))", lease: 77))
        case 7: return .revoke(lease ?? 77)
        case 8: return .offices(.standing(office, .newest))
        case 9:
            return pick(2) == 0 ? .offices(.past(office, limit: 3)) : .offices(.list(office.kind, prefix: "", limit: 9))
        case 10:
            let fence = offices[office]?.past.randomElement(using: &generator)?.leader.fence ?? 0
            return .under(
                .init(office, fence: max(fence, offices[office]?.leader?.fence ?? 0)), .put(.init("k", value())))
        default: return .put(.init("k", value()))
        }
    }

    private mutating func value() -> String {
        values += 1
        return "v\(values)"
    }

    private mutating func apply(_ client: Int) {
        guard let request = open[client], request.response == nil else { return }
        expire()
        let response = carryOut(request.operation.invocation)
        open[client]?.response = response
    }

    private mutating func finish(_ client: Int) {
        guard var request = open[client] else { return }
        time += 1
        request.operation.end = time
        if let response = request.response, pick(8) > 0 { request.operation.response = response }
        history.operations.append(request.operation)
        open[client] = nil
    }

    // MARK: - The service

    private mutating func carryOut(_ invocation: Invocation) -> Response {
        index += 1 + UInt64(pick(3))
        switch invocation {
        case .campaign(let campaign): return .offices(self.campaign(campaign), revision: revision)
        case .resign(let resignation): return .offices(resign(resignation), revision: revision)
        case .revoke(let lease):
            guard leases.removeValue(forKey: lease) != nil else { return .gone(revision: revision) }
            end([lease], .removed)
            return pick(2) == 0 ? .revoked(0, revision: revision) : .done(revision: revision)
        case .offices(let question): return .offices(answer(question), revision: revision)
        case .under(let condition, let bare):
            guard let state = offices[condition.office], state.leader?.fence == condition.fence else {
                return .offices(.fenced(offices[condition.office]?.fence ?? 0), revision: revision)
            }
            return carryOut(bare)
        case .put(let put): return write(put.value)
        default: return .failed("unused")
        }
    }

    /// Answered as either API does.
    private mutating func write(_ value: String) -> Response {
        let before = record
        revision += 1
        let written = Record(
            key: "k", value: value, revision: revision, created: before?.created ?? revision,
            version: (before?.version ?? 0) + 1)
        record = written
        history.log.append(Change(put: written))
        switch pick(3) {
        case 0: return .done(revision: revision)
        case 1: return .wrote(over: before, revision: revision)
        default:
            return .put(
                .init(revision: revision, created: written.created, version: written.version, isNew: before == nil))
        }
    }

    private mutating func campaign(_ campaign: Campaign) -> OfficeAnswer {
        guard var state = offices[campaign.office] else { return .fenced(0) }
        if let lease = state.lease(of: campaign.id) {
            guard lease == campaign.lease else { return .denied("conflict", state.standing) }
            leases[lease] = time + Self.ttl * 1000
        } else {
            guard campaign.mode != .renewing else { return .denied("precondition-failed", state.standing) }
            leases[campaign.lease] = time + Self.ttl * 1000
            let one = Waiting(
                id: campaign.id, value: campaign.value, lease: campaign.lease, priority: campaign.priority)
            let place = state.line.firstIndex { $0.priority < one.priority } ?? state.line.count
            state.line.insert(one, at: place)
            offices[campaign.office] = state
            seat(campaign.office, ended: nil)
            state = offices[campaign.office] ?? state
            return .candidacy(candidacy(campaign, state, isNew: true))
        }
        // One that was passed over may lead now.
        if state.leader == nil { seat(campaign.office, ended: nil) }
        state = offices[campaign.office] ?? state
        return .candidacy(candidacy(campaign, state, isNew: false))
    }

    private func candidacy(_ campaign: Campaign, _ state: State, isNew: Bool) -> Candidacy {
        let grant = Response.Grant(lease: campaign.lease, ttl: Self.ttl, valid: Self.ttl - 4)
        let place = state.line.firstIndex { $0.id == campaign.id }
        return Candidacy(
            place.map { .waiting(position: $0 + 1) } ?? .leading, isNew: isNew, state.standing, grant: grant)
    }

    private mutating func resign(_ resignation: Resignation) -> OfficeAnswer {
        guard let state = offices[resignation.office] else { return .fenced(0) }
        guard let lease = state.lease(of: resignation.id) else { return .denied("not-found", state.standing) }
        guard lease == resignation.lease else { return .denied("conflict", state.standing) }
        let wasLeading = state.leader?.id == resignation.id
        leases[lease] = nil
        end([lease], .resigned)
        return .resigned(wasLeading: wasLeading, offices[resignation.office]?.standing ?? state.standing)
    }

    private func answer(_ question: OfficeQuery) -> OfficeAnswer {
        switch question {
        case .standing(let office, _), .change(let office, _, _):
            let state = offices[office] ?? State()
            return .standing(state.standing, waiting: state.line.map(\.id))
        case .list(let kind, _, _):
            let listed = Self.all.filter { $0.kind == kind }.map { office in
                OfficeAnswer.Listed(office.name, offices[office]?.standing ?? State().standing)
            }
            return .list(listed, more: false)
        case .past(let office, let limit):
            return .past(Array((offices[office]?.past ?? []).reversed().prefix(limit)))
        }
    }

    private mutating func expire() {
        let due = Set(leases.filter { $0.value <= time }.keys)
        guard !due.isEmpty else { return }
        index += 1
        for lease in due { leases[lease] = nil }
        end(due, .expired)
    }

    private mutating func end(_ gone: Set<UInt64>, _ reason: Office.EndReason) {
        for office in Self.all {
            offices[office]?.line.removeAll { gone.contains($0.lease) }
            guard let leader = offices[office]?.leader, gone.contains(leader.lease) else { continue }
            offices[office]?.leader = nil
            seat(office, ended: .init(leader.id, fence: leader.fence, reason))
        }
    }

    /// Seats the next whose lease is not over, if there is nobody; tells what changed.
    private mutating func seat(_ office: Office, ended: Office.Ended?) {
        guard var state = offices[office], state.leader == nil else { return }
        if let ended { state.past[state.past.count - 1].reason = ended.reason }
        let next = state.line.firstIndex { leases[$0.lease].map { $0 > time } ?? false }
        if let next {
            let one = state.line.remove(at: next)
            let leader = Office.Leader(one.id, one.value, fence: index, lease: one.lease)
            state.leader = leader
            state.past.append(.init(leader, nil))
        }
        if next != nil || ended != nil {
            state.fence = index
            history.offices.append(.init(office, fence: index, leader: state.leader, ended: ended))
        }
        offices[office] = state
    }

    // MARK: - Watches

    private mutating func tell(_ number: Int, count: Int) {
        let watch = watches[number]
        let changes = history.offices.filter { $0.office == watch.office }
        let told = changes.dropFirst(watch.place).prefix(count)
        watches[number].place += told.count
        if pick(4) == 0 { history.watches[watch.name]?.deliveries.append(.init(time: time, .broken)) }
        history.watches[watch.name]?.deliveries += told.map { .init(time: time, .office($0)) }
    }
}

extension LegalOffices.State {
    fileprivate var standing: Office.Standing { Office.Standing(fence: fence, leader) }

    fileprivate func lease(of id: String) -> UInt64? {
        if let leader, leader.id == id { return leader.lease }
        return line.first { $0.id == id }?.lease
    }
}
