/// Who asked for what of elections and locks, to find the reason of a change.
struct Asked {
    /// Numbers of requests, by the candidate they speak of; of resignations those that were not refused.
    private(set) var campaigns: [Candidate: [Int]] = [:]
    private(set) var resignations: [Candidate: [Int]] = [:]
    /// Numbers of requests that were not refused, by the lease that they end.
    private(set) var revokes: [UInt64: [Int]] = [:]
    /// In the order of their ends.
    private var waits: [Office: [Wait]] = [:]
    private var longest: Int64 = 0

    struct Candidate: Hashable {
        var office: Office
        var id: String
        init(_ office: Office, _ id: String) {
            self.office = office
            self.id = id
        }
    }

    /// A time in which somebody certainly waited, unless it gave up.
    struct Wait {
        var id: String
        var lease: UInt64
        var from: Int64
        var until: Int64
    }

    init(_ requests: [Request]) {
        for (number, request) in requests.enumerated() {
            switch request.invocation {
            case .campaign(let campaign):
                campaigns[Candidate(campaign.office, campaign.id), default: []].append(number)
                add(campaign, request)
            case .resign(let resignation) where !request.isRefused:
                resignations[Candidate(resignation.office, resignation.id), default: []].append(number)
            case .revoke(let lease) where !request.isRefused: revokes[lease, default: []].append(number)
            default: break
            }
        }
        for office in waits.keys { waits[office]?.sort { $0.until < $1.until } }
    }

    private mutating func add(_ campaign: Campaign, _ request: Request) {
        guard case .offices(.candidacy(let candidacy), _) = request.response, case .waiting = candidacy.state,
            let grant = candidacy.grant
        else { return }
        let wait = Wait(
            id: campaign.id, lease: grant.lease, from: request.operation.end,
            until: request.call + grant.valid * 1000)
        longest = max(longest, wait.until - wait.from)
        if wait.from < wait.until { waits[campaign.office, default: []].append(wait) }
    }

    /// Those that were not over at a moment, and began not too long before it.
    func waits(for office: Office, at moment: Int64) -> ArraySlice<Wait> {
        guard let all = waits[office] else { return [] }
        return all[all.firstPlace { $0.until >= moment }..<all.firstPlace { $0.until > moment + longest }]
    }

    /// Whether somebody may have ended that candidacy.
    func isEnded(_ wait: Wait, _ office: Office, before moment: Int64, _ requests: [Request]) -> Bool {
        let enders = (resignations[Candidate(office, wait.id)] ?? []) + (revokes[wait.lease] ?? [])
        return enders.contains { requests[$0].call < moment && requests[$0].operation.end > wait.from - longest }
    }
}
