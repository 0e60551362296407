import KeyValue
internal import Primitives
import ReplicaCore

extension Problem {
    /// How soon a client may try again when there is no leader: about the length of an election.
    private static let electionPause = TimeSpan.milliseconds(200)
    private static let startPause = TimeSpan.seconds(1)
    private static let overloadPause = TimeSpan.milliseconds(100)

    init(_ refusal: Refusal) {
        switch refusal {
        case .noLeader:
            self.init(
                code: .noLeader, detail: "no leader was known until the request's time was over; it went nowhere",
                help: .retry(after: Self.electionPause))
        case .timeout:
            self.init(
                code: .timeout,
                detail: "the request was handed to a leader, but no answer came in time: it may have been applied",
                outcome: .unknown)
        case .outOfSpace:
            self.init(
                code: .quotaExceeded,
                detail: "the leader's disk is nearly full; deletes, renewals and expiries still work")
        case .overloaded:
            self = .overloaded("too many requests are waiting on this node")
        case .notReady(let reason):
            self.init(code: .notReady, detail: reason, help: .retry(after: Self.startPause))
        case .compacted(let oldest):
            self = .compacted(oldest: oldest)
        case .stateTooLarge(let limit):
            self = .badRequest(
                "the watch begins with more than the \(limit) keys that one state event may carry; "
                    + "list the keys by pages and watch from the list's revision with ?from=")
        }
    }

    /// - Parameter command: what failed, where that is known.
    init(_ failure: CommandFailure, of command: Command? = nil) {
        switch failure {
        case .preconditionFailed(let holder):
            self.init(
                code: .preconditionFailed,
                detail: holder.map { "the key was last written in revision \($0.modRevision.rawValue)" }
                    ?? "the key is absent",
                help: .holder(holder))
        case .leaseNotFound(let id):
            self = .leaseNotFound(id)
        case .leaseExists(let id):
            self.init(code: .conflict, detail: "the lease \(hexadecimal(id)) exists already")
        case .compacted(let oldest):
            self = .compacted(oldest: oldest)
        case .futureRevision(let current):
            self.init(
                code: .futureRevision, detail: "the store is at revision \(current.rawValue)",
                help: .revision(current))
        case .duplicateKey(let key):
            self = .badRequest("the transaction writes the key \(quoted(key)) twice; once is allowed")
        case .keyNotFound(let key):
            self.init(code: .notFound, detail: "the key \(quoted(key)) is absent, and something of it is to stay")
        case .tooManyLeases(let limit):
            self.init(code: .quotaExceeded, detail: "there are \(limit) leases already, the most that may exist")
        case .fenced(let election, let now):
            let office = "the \(election.kind.word) \(quoted(election.name))"
            self.init(
                code: .fenced,
                detail: now == .zero
                    ? "nobody has ever led \(office), as far as is remembered"
                    : "that leadership of \(office) does not stand; its fence is \(now.rawValue) now",
                help: .fence(now))
        case .candidacyNotFound(let summary):
            self = .candidacy(.notFound, "there is no such candidacy; it ended or never was", summary)
        case .candidacyTaken(let summary):
            self = .candidacy(
                .conflict,
                "somebody else uses this id, or the request does not name the lease that the candidacy was begun with",
                summary)
        case .candidacyCondition(let summary):
            self = .candidacy(.preconditionFailed, Self.unmetCondition(of: command), summary)
        case .tooManyCandidates(let limit):
            self.init(
                code: .quotaExceeded, detail: "there are \(limit) candidacies already, the most that may be there")
        case .tooManyElections(let limit):
            self.init(
                code: .quotaExceeded,
                detail: "there are \(limit) elections and locks with candidates already, the most that may exist")
        case .quotaExceeded(let limit):
            self.init(
                code: .quotaExceeded,
                detail: "the store holds \(limit) bytes, all it may; deletes, renewals and expiries still work")
        }
    }

    /// Why a candidacy is not as `If-Match` or `If-None-Match` ask.
    private static func unmetCondition(of command: Command?) -> String {
        switch command {
        case .campaign(let campaign) where campaign.mode == .beginning:
            "the candidacy is there already, and If-None-Match asks that it is not"
        case .campaign: "there is no such candidacy to renew; it ended or never was"
        default: "the candidate does not lead with the fence that If-Match names"
        }
    }

    /// What is wrong with a candidacy, and who leads.
    private static func candidacy(_ code: Code, _ detail: String, _ summary: ElectionSummary) -> Problem {
        Problem(code: code, detail: detail, help: .election(summary))
    }

    static func overloaded(_ detail: String) -> Problem {
        Problem(code: .overloaded, detail: detail, help: .retry(after: overloadPause))
    }

    static func notReady(_ detail: String) -> Problem {
        Problem(code: .notReady, detail: detail, help: .retry(after: startPause))
    }

    private static func compacted(oldest: Revision) -> Problem {
        Problem(
            code: .compacted,
            detail: "the history asked for was compacted; the oldest revision there is, is \(oldest.rawValue)",
            help: .oldest(oldest))
    }
}
