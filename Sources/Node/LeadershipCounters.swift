internal import KeyValue
internal import Metrics

/// Counts leaderships of elections and locks as this node applies them: a fixed number of series, however many there are.
struct LeadershipCounters {
    private let begun = ElectionID.Kind.allCases.map { kind in
        Counter(label: "conclave_leaderships_begun_total", dimensions: [("kind", kind.word)])
    }
    private let ended = ElectionID.Kind.allCases.map { kind in
        EndReason.allCases.map { reason in
            Counter(
                label: "conclave_leaderships_ended_total", dimensions: [("kind", kind.word), ("reason", reason.name)])
        }
    }

    func count(_ events: [ElectionEvent]) {
        for event in events {
            let kind = Int(event.election.kind.rawValue)
            if event.leader != nil { begun[kind].increment() }
            if let end = event.ended?.end { ended[kind][Int(end.reason.rawValue)].increment() }
        }
    }
}
