internal import LocalProcesses
import Primitives

/// Something that is done to a cluster.
package enum FaultKind: String, CaseIterable, Sendable {
    case killOne, killLeader, killMajority, killAll
    case stopOne, stopLeader
    case askLeaderToGo
    case isolateOne, isolateLeader, splitInTwo, cutOneWay, cutPair, loseMessages
    case fillDisk, hangingSync, hangingLeader, failingSync

    var isPartition: Bool {
        switch self {
        case .isolateOne, .isolateLeader, .splitInTwo, .cutOneWay, .cutPair: true
        default: false
        }
    }

    /// Whether there must be another leader, if it lasts long enough.
    var takesLeaderAway: Bool {
        switch self {
        case .killLeader, .stopLeader, .askLeaderToGo, .isolateLeader, .hangingLeader: true
        default: false
        }
    }

    var needsNetwork: Bool { isPartition || self == .loseMessages }

    /// What a member is to be ordered.
    var syncFault: SyncFaults.Kind? {
        switch self {
        case .hangingSync, .hangingLeader: .hang
        case .failingSync: .fail
        default: nil
        }
    }

    /// How often it comes, compared with others.
    fileprivate var weight: Int {
        switch self {
        case .killOne, .killLeader, .stopOne, .stopLeader: 4
        case .isolateOne, .isolateLeader, .cutOneWay, .cutPair, .loseMessages, .hangingLeader: 3
        case .splitInTwo, .askLeaderToGo, .killMajority, .killAll, .fillDisk, .hangingSync, .failingSync: 2
        }
    }

    /// How long it lasts, in milliseconds.
    fileprivate var span: ClosedRange<Double> {
        switch self {
        case .stopOne, .stopLeader: 50...30_000
        case .killOne, .killLeader: 20...4_000
        case .killMajority, .killAll: 20...1_000
        case .askLeaderToGo: 20...1_000
        case .isolateOne, .isolateLeader, .splitInTwo, .cutOneWay, .cutPair: 200...8_000
        case .loseMessages: 500...8_000
        case .fillDisk: 500...4_000
        case .hangingSync, .hangingLeader: 50...10_000
        case .failingSync: 20...2_000
        }
    }
}

/// One fault of a run.
package struct PlannedFault: Hashable, Sendable {
    /// Since the run began.
    package var at: Duration
    package var kind: FaultKind
    package var span: Duration
    /// Decides whom it hits.
    package var dice: UInt64
}

/// All faults of a run, drawn from its seed. They overlap.
package struct FaultPlan: Sendable {
    package let faults: [PlannedFault]

    /// The mean time between two.
    private static let interval = 1_800.0
    /// After so many that overlap all end, and the next one takes the leader away from a healthy cluster: how long that is
    /// felt can be measured then.
    private static let overlapping = 12

    package init(seed: UInt64, length: Duration, kinds: [FaultKind]) {
        var generator = SeededGenerator(seed: seed)
        var faults: [PlannedFault] = []
        let bag = kinds.flatMap { Array(repeating: $0, count: $0.weight) }
        let leaderless = kinds.filter(\.takesLeaderAway)
        var at = Duration.seconds(2)
        while let kind = bag.randomElement(using: &generator) {
            at += .milliseconds(Int.random(in: 0...Int(Self.interval * 2), using: &generator))
            guard at < length else { break }
            faults.append(
                PlannedFault(
                    at: at, kind: kind, span: Self.span(kind, using: &generator), dice: generator.next()))
            guard faults.count % Self.overlapping == 0, let kind = leaderless.randomElement(using: &generator) else {
                continue
            }
            at = (faults.map { $0.at + $0.span }.max() ?? at) + .seconds(8)
            guard at < length else { break }
            let span = max(Self.span(kind, using: &generator), .milliseconds(2_500))
            faults.append(PlannedFault(at: at, kind: kind, span: span, dice: generator.next()))
            at += .seconds(3)
        }
        self.faults = faults
    }

    /// Short ones as often as long ones.
    private static func span(_ kind: FaultKind, using generator: inout SeededGenerator) -> Duration {
        var span = kind.span.lowerBound
        let doublings = (kind.span.upperBound / span).exponent
        let chosen = Int.random(in: 0...Int(doublings), using: &generator)
        for _ in 0..<chosen { span *= 2 }
        span *= Double.random(in: 1..<2, using: &generator)
        return .milliseconds(Int(min(span, kind.span.upperBound)))
    }
}
