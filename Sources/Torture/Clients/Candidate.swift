internal import HistoryChecker
import Primitives

/// A client that campaigns for elections and locks, acts as who leads, gives up, falls silent, and now and then does what
/// it may not.
struct Candidate {
    private var requester: Requester
    private var generator: SeededGenerator
    private var number = 0
    /// The last leadership it had, perhaps long over.
    private var led: Office.Guard?

    static let offices: [Office] =
        (0..<3).map { Office(.elections, "e\($0)") } + (0..<3).map { Office(.locks, "l\($0)") }

    init(_ requester: Requester, seed: UInt64) {
        self.requester = requester
        generator = SeededGenerator(seed: seed)
    }

    mutating func run() async {
        while !Task.isCancelled {
            let office = Self.offices[pick(Self.offices.count)]
            // Sometimes under a name that others use, too.
            let id = pick(10) == 0 ? "shared" : requester.name
            var campaign = Campaign(office, id, value())
            campaign.priority = Int64(pick(3))
            campaign.ttl = Int64.random(in: 500...Holder.longest, using: &generator)
            if pick(8) > 0 { campaign.lease = lease() }
            if pick(4) == 0 { campaign.mode = .beginning }
            if let candidacy = await take(campaign, idempotent: true) { await live(campaign, candidacy) }
            await look(at: office)
            try? await Task.sleep(for: .milliseconds(20 + pick(300)))
        }
        await requester.close()
    }

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    private mutating func lease() -> UInt64 { UInt64.random(in: 1..<UInt64(Int64.max), using: &generator) }
    private mutating func value() -> String {
        number += 1
        return "\(requester.name).\(number)"
    }

    private mutating func take(_ campaign: Campaign, idempotent: Bool) async -> Candidacy? {
        let response = await requester.perform(
            .campaign(campaign), idempotent: idempotent, again: idempotent && pick(20) == 0,
            attempts: idempotent ? .max : 1)
        guard case .offices(.candidacy(let candidacy), _) = response else { return nil }
        if case .leading = candidacy.state { led = Office.Guard(campaign.office, fence: candidacy.standing.fence) }
        return candidacy
    }

    /// Renews for a while, acts while it leads, and then ends it in one of several ways.
    private mutating func live(_ campaign: Campaign, _ first: Candidacy) async {
        var renewal = campaign
        renewal.mode = .renewing
        var candidacy = first
        for _ in 0..<(2 + pick(8)) {
            if case .ended = candidacy.state { return }
            if Task.isCancelled { return }
            if case .leading = candidacy.state { await act(campaign, candidacy) }
            renewal.wait = pick(3) == 0 ? 0 : Int64(50 + pick(350))
            renewal.after = pick(2) == 0 || renewal.wait == 0 ? nil : candidacy.standing.fence
            if pick(6) == 0 { renewal.value = value() }
            if renewal.wait == 0 { try? await Task.sleep(for: .milliseconds(campaign.ttl / 5)) }
            guard let next = await take(renewal, idempotent: false) else { continue }
            candidacy = next
        }
        await end(campaign, candidacy)
    }

    /// Writes that need the leadership to stand.
    private mutating func act(_ campaign: Campaign, _ candidacy: Candidacy) async {
        await requester.perform(
            .under(.init(campaign.office, fence: candidacy.standing.fence), order()), idempotent: true)
        if pick(4) == 0, let led { await requester.perform(.under(led, order()), idempotent: true) }
        if pick(6) == 0, let grant = candidacy.grant { await requester.perform(.renew([grant.lease]), attempts: 1) }
    }

    private mutating func order() -> Invocation {
        let key = "ruled/\(pick(6))"
        switch pick(6) {
        case 0: return .delete(key, .none)
        case 1: return .transaction(Transaction(if: [], then: [.put(key, value(), lease: 0), .get(key)]))
        case 2: return .grant(lease(), ttl: 500)
        default: return .put(.init(key, value()))
        }
    }

    private mutating func end(_ campaign: Campaign, _ candidacy: Candidacy) async {
        switch pick(6) {
        case 0..<3:
            var resignation = Resignation(campaign.office, campaign.id, lease: campaign.lease)
            if case .leading = candidacy.state, pick(2) == 0 { resignation.fence = candidacy.standing.fence }
            await requester.perform(.resign(resignation), idempotent: true)
        case 3: if let grant = candidacy.grant { await requester.perform(.revoke(grant.lease), idempotent: true) }
        default: try? await Task.sleep(for: .milliseconds(campaign.ttl + 100))
        }
        guard pick(2) == 0, let led else { return }
        await requester.perform(.under(led, order()), idempotent: true)
    }

    /// Asks how things stand, and tries to end what is somebody else's.
    private mutating func look(at office: Office) async {
        switch pick(6) {
        case 0:
            await requester.perform(.offices(.list(office.kind, prefix: pick(2) == 0 ? "" : "e", limit: 1 + pick(4))))
        case 1: await requester.perform(.offices(.past(office, limit: 1 + pick(64))))
        case 2: await requester.perform(.offices(.standing(office, .stale)))
        case 3: await requester.perform(.offices(.change(office, after: led?.fence ?? 0, span: Int64(10 + pick(300)))))
        default:
            guard
                case .offices(.standing(let standing, _), _) = await requester.perform(
                    .offices(.standing(office, .newest))),
                let leader = standing.leader, leader.id != requester.name, pick(2) == 0
            else { return }
            await requester.perform(.resign(Resignation(office, leader.id, lease: lease())), idempotent: true)
        }
    }
}
