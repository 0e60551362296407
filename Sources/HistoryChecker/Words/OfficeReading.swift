extension Scanner {
    mutating func office() throws(HistoryFault) -> Office {
        let word = try word()
        guard let slash = word.firstIndex(of: "/"), let kind = Office.Kind(rawValue: String(word[..<slash])) else {
            throw fault("\"\(word)\" is no election and no lock")
        }
        return Office(kind, String(word[word.index(after: slash)...]))
    }

    /// What follows `seat`, or the word `office` of a watch.
    mutating func officeChange() throws(HistoryFault) -> Office.Change {
        let office = try office()
        let standing = try standing()
        var ended: Office.Ended?
        if take("was") { ended = Office.Ended(try word(), fence: try revision(), try reason()) }
        return Office.Change(office, fence: standing.fence, leader: standing.leader, ended: ended)
    }

    private mutating func reason() throws(HistoryFault) -> Office.EndReason {
        guard let reason = Office.EndReason(rawValue: try word()) else { throw fault("no leadership ends so") }
        return reason
    }

    private mutating func standing() throws(HistoryFault) -> Office.Standing {
        Office.Standing(fence: try revision(), try leader())
    }

    private mutating func leader() throws(HistoryFault) -> Office.Leader? { take("-") ? nil : try someLeader() }

    // MARK: - Requests

    /// A request of elections, locks or lines; `nil` when it is none.
    mutating func officeInvocation() throws(HistoryFault) -> Invocation? {
        if take("campaign") { return .campaign(try campaign()) }
        if take("resign") { return .resign(try resignation()) }
        if take("office") {
            let office = try office()
            return .offices(.standing(office, take("stale") ? .stale : .newest))
        }
        if take("change") { return .offices(.change(try office(), after: try revision(), span: try time())) }
        if take("offices") {
            guard let kind = Office.Kind(rawValue: try word()) else { throw fault("there are elections and locks") }
            return .offices(.list(kind, prefix: try value(), limit: try count()))
        }
        if take("past") { return .offices(.past(try office(), limit: try count())) }
        if let line = try line() { return .line(line) }
        return nil
    }

    private mutating func campaign() throws(HistoryFault) -> Campaign {
        var campaign = Campaign(try office(), try word(), try value())
        if let priority = try field("priority=") { campaign.priority = Int64(try decimal(priority)) }
        if let lease = try field("lease=") { campaign.lease = try self.lease(lease) }
        if let ttl = try field("ttl=") { campaign.ttl = Int64(try decimal(ttl)) }
        if let mode = try field("mode=") {
            guard let mode = Campaign.Mode(rawValue: text(mode)) else { throw fault("there is no such mode") }
            campaign.mode = mode
        }
        if let wait = try field("wait=") { campaign.wait = Int64(try decimal(wait)) }
        if let after = try field("after=") { campaign.after = try decimal(after) }
        return campaign
    }

    private mutating func resignation() throws(HistoryFault) -> Resignation {
        var resignation = Resignation(try office(), try word())
        if let lease = try field("lease=") { resignation.lease = try self.lease(lease) }
        if let fence = try field("fence=") { resignation.fence = try decimal(fence) }
        return resignation
    }

    private mutating func line() throws(HistoryFault) -> LineRequest? {
        if take("enter") { return .enter(try word(), lease: try lease(), value: try value()) }
        if take("lock") { return .enter(try word(), lease: try lease(), value: nil) }
        if take("proclaim") { return .proclaim(try place(), value: try value()) }
        if take("step-down") { return .resign(try place()) }
        if take("unlock") { return .unlock(try word(), lease: try lease()) }
        if take("front") { return .front(try word(), observing: false) }
        if take("observe") { return .front(try word(), observing: true) }
        return nil
    }

    private mutating func place() throws(HistoryFault) -> LineRequest.Place {
        LineRequest.Place(try word(), lease: try lease(), created: try revision())
    }

    // MARK: - Answers

    /// An answer that tells of offices, without its revision; `nil` when it is none.
    mutating func officeAnswer() throws(HistoryFault) -> OfficeAnswer? {
        if let state = try state() {
            let isNew = take("new")
            let standing = try standing()
            var ahead = self
            let grant = try ahead.field("lease=") == nil ? nil : try grant()
            return .candidacy(Candidacy(state, isNew: isNew, standing, grant: grant))
        }
        if take("resigned") {
            let wasLeading = take("leading")
            guard wasLeading || take("waiting") else { throw fault("who resigned had led or waited") }
            return .resigned(wasLeading: wasLeading, try standing())
        }
        if take("standing") {
            let standing = try standing()
            var waiting: [String] = []
            for _ in 0..<(try count()) { waiting.append(try word()) }
            return .standing(standing, waiting: waiting)
        }
        if take("offices") { return try list() }
        if take("past") {
            var past: [OfficeAnswer.Past] = []
            for _ in 0..<(try count()) {
                past.append(.init(try someLeader(), take("standing") ? nil : try reason()))
            }
            return .past(past)
        }
        if take("fenced") { return .fenced(try revision()) }
        if take("denied") { return .denied(try word(), try standing()) }
        return nil
    }

    private mutating func list() throws(HistoryFault) -> OfficeAnswer {
        let count = try count()
        let more = take("more")
        var offices: [OfficeAnswer.Listed] = []
        for _ in 0..<count { offices.append(.init(try word(), try standing())) }
        return .list(offices, more: more)
    }

    private mutating func state() throws(HistoryFault) -> Candidacy.State? {
        if take("leading") { return .leading }
        if take("waiting") { return .waiting(position: try count()) }
        return take("ended") ? .ended : nil
    }
}
