internal import Consensus
internal import Primitives
internal import ReplicaCore

/// What the members have told of themselves, and when this one tells next. It serves people only: nothing is decided
/// by it.
struct MemberReports {
    private let others: [NodeID]
    private var heard: [NodeID: (report: MemberReport, at: Instant, isLost: Bool)] = [:]
    private var nextReport: Instant
    /// What the last report said of who leads; the next is due at once when it has changed.
    private var told: (term: Term, leader: NodeID?)?

    init(others: [NodeID], now: Instant) {
        self.others = others
        nextReport = others.isEmpty ? .distantFuture : now
    }

    /// When the next report is due, unless something happens before.
    var deadline: Instant { nextReport }

    mutating func heard(_ report: MemberReport, from node: NodeID, at now: Instant) {
        heard[node] = (report, now, false)
    }

    /// There is a connection to a member that knows nothing of this one yet.
    mutating func connected(at now: Instant) {
        if !others.isEmpty { nextReport = now }
    }

    mutating func lost(_ node: NodeID) { heard[node]?.isLost = true }

    /// To whom a report goes now; empty when none is due.
    mutating func recipients(term: Term, leader: NodeID?, at now: Instant) -> [NodeID] {
        let isNews = told.map { $0 != (term, leader) } ?? true
        guard !others.isEmpty, isNews || now >= nextReport else { return [] }
        told = (term, leader)
        nextReport = now + Limits.reportInterval
        return others
    }

    /// The others, in the order of the configuration.
    func accounts(at now: Instant) -> [MemberAccount] {
        others.compactMap { node in
            heard[node].map { known in
                let age = now - known.at
                return MemberAccount(
                    node: node, report: known.report, age: age,
                    isCurrent: !known.isLost && age < Limits.reportLifetime)
            }
        }
    }
}
