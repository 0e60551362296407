/// When which revision was known to anybody.
struct Sightings {
    /// Moments of answers, in order, with the newest revision known then.
    private var times: [Int64] = []
    private var newest: [UInt64] = []
    /// Per revision, the first moment at which it or a later one was known.
    private var first: [Int64] = []

    init(_ history: RecordedHistory, through last: UInt64) {
        var seen: [(time: Int64, revision: UInt64)] = []
        for operation in history.operations {
            if let revision = operation.response.revision { seen.append((operation.end, revision)) }
        }
        for watched in history.watches.values {
            for delivery in watched.deliveries {
                if let revision = delivery.event.shownRevision { seen.append((delivery.time, revision)) }
            }
        }
        seen.sort { $0.time < $1.time }
        first = Array(repeating: .max, count: Int(last) + 1)
        var known: UInt64 = 0
        for (time, revision) in seen where revision > known {
            let passed = min(Int(revision), first.count - 1)
            if known < passed { for one in Int(known + 1)...passed { first[one] = time } }
            known = revision
            times.append(time)
            newest.append(revision)
        }
    }

    /// The newest revision that anybody knew before `time`.
    func floor(before time: Int64) -> UInt64 {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : newest[low - 1]
    }

    /// When it was first known that a revision had been reached; `nil` when nobody ever knew.
    func firstKnown(_ revision: UInt64) -> Int64? {
        guard revision < UInt64(first.count), first[Int(revision)] < .max else { return nil }
        return first[Int(revision)]
    }

    /// The newest revision anybody was told.
    var last: UInt64 { newest.last ?? 0 }
}

extension Watched.Event {
    /// The revision that is known to have been reached once this was told.
    fileprivate var shownRevision: UInt64? {
        switch self {
        case .state(_, let revision), .progress(let revision): revision
        case .change(let change, _): change.revision
        case .opened, .broken, .closed: nil
        }
    }
}
