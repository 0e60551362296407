/// Everything clients asked for and were told during a run, and the service's own account of what it did.
package struct RecordedHistory: Sendable {
    /// In any order.
    package var operations: [Operation] = []
    /// Every change since the store was empty, in the service's order.
    package var log: [Change] = []
    /// Every change of who leads, in the service's order within each office.
    package var offices: [Office.Change] = []
    package var watches: [String: Watched] = [:]
    /// The last moment of the run, in microseconds; everything had been awaited then.
    package var end: Int64 = 0

    package init() {}
}

/// What one watch was told, in the order told, through all its reconnections.
package struct Watched: Sendable {
    package var selections: [Selection] = []
    package var deliveries: [Delivery] = []

    /// The office that is watched, if it is one.
    var office: Office? { if case .office(let office)? = selections.first { office } else { nil } }

    package init() {}

    /// What is watched.
    package enum Selection: Hashable, Sendable {
        case key(String)
        case prefix(String)
        /// Who leads; alone in its watch, whose numbers are fences then.
        case office(Office)

        func contains(_ key: String) -> Bool {
            switch self {
            case .key(let one): one == key
            case .prefix(let prefix): key.utf8.starts(with: prefix.utf8)
            case .office: false
            }
        }
    }

    /// One thing a watch told.
    package struct Delivery: Hashable, Sendable {
        /// Microseconds since the run began; never less than of the delivery before.
        package var time: Int64
        package var event: Event
        package init(time: Int64, _ event: Event) {
            self.time = time
            self.event = event
        }
    }

    /// Indirect, so that the many watches that are told the same may share it.
    package indirect enum Event: Hashable, Sendable {
        /// The watch begins after this revision (of an office: fence), without being told the state.
        case opened(after: UInt64)
        /// The watch begins with the state at this revision.
        case state([Record], revision: UInt64)
        /// A change, and the record it replaced where that was told.
        case change(Change, previous: Record?)
        /// A change of who leads.
        case office(Office.Change)
        /// Everything up to this revision was told.
        case progress(UInt64)
        /// The stream broke; it goes on by itself.
        case broken
        /// The reader stopped, having awaited everything up to this revision.
        case closed(UInt64)
    }
}
