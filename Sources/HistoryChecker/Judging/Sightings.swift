extension RecordedHistory {
    /// When which revision was known to anybody.
    var sightings: Rising {
        var seen: [(time: Int64, number: UInt64)] = []
        for operation in operations {
            if let revision = operation.response.revision { seen.append((operation.end, revision)) }
        }
        for watched in watches.values where watched.office == nil {
            for delivery in watched.deliveries {
                if let revision = delivery.event.shownRevision { seen.append((delivery.time, revision)) }
            }
        }
        return Rising(seen)
    }
}

extension Watched.Event {
    /// The revision that is known to have been reached once this was told.
    fileprivate var shownRevision: UInt64? {
        switch self {
        case .state(_, let revision), .progress(let revision): revision
        case .change(let change, _): change.revision
        case .opened, .broken, .closed, .office: nil
        }
    }
}
