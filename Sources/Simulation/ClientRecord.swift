internal import HistoryChecker
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// What the clients of a world asked for and were told, as plain values: nothing but appended while the world runs, and made
/// the checker's records when it ends.
struct ClientRecord {
    private(set) var answered: [Answered] = []
    private(set) var told: [Told] = []
    private(set) var observed: [Observed] = []

    /// A request, and its answer.
    struct Answered {
        var call: Call
        var end: Int64
        /// `nil` when the connection broke.
        var reply: ClientReply?
    }

    /// Something a client heard of its watch.
    struct Told {
        /// The id that the watch had when it was first opened: one watch goes on under others.
        var watch: WatchID
        var time: Int64
        var news: News
    }

    enum News {
        case opened([KeySelection], [KeyRecord]?, Revision)
        case events(WatchBatch)
        case progress(Revision)
        case broken
        case closed(Revision)
    }

    /// Something a client heard of an election that it watches.
    struct Observed {
        var watch: WatchID
        var time: Int64
        var news: ElectionNews
    }

    enum ElectionNews {
        /// After a fence, or with how the election stands.
        case opened(ElectionID, after: Fence, ElectionEvent?)
        case events([ElectionEvent])
        case closed(Fence)
    }

    mutating func note(_ news: ElectionNews, of watch: WatchID, at now: Int64) {
        observed.append(Observed(watch: watch, time: now, news: news))
    }

    mutating func note(_ call: Call, _ reply: ClientReply?, at now: Int64) {
        answered.append(Answered(call: call, end: now, reply: reply))
    }

    mutating func note(_ news: News, of watch: WatchID, at now: Int64) {
        told.append(Told(watch: watch, time: now, news: news))
    }
}

extension World {
    /// A rule that an answer or a delivery breaks ends the world, unless the checker of the history is to find it.
    func unlessLeftToHistory(_ violation: Violation) throws(Violation) {
        if options.judgesAnswers { throw violation }
    }

    /// Holds what the clients saw against what the service promises, without a look at the nodes: only the cluster's one log
    /// settles what nobody knows.
    mutating func judgeClients() throws(Violation) {
        if isInconclusive { return }
        for (_, call) in calls.sorted(by: { $0.key < $1.key }) { record.note(call, nil, at: now) }
        let verdict = Judge.judge(HistoryWriting(record, history).history(end: now))
        guard let broken = verdict.violations.first else { return }
        throw Violation("history: \(broken.rule.rawValue)", broken.sentence)
    }
}
