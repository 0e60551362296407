import KeyValue
import Primitives

/// Draws commands that meet each other: few keys, few leases, conditions that hold about half the time.
struct RandomCommands {
    var random: SeededGenerator
    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    mutating func chance(_ percent: Int) -> Bool { number(1...100) <= percent }

    mutating func key() -> Bytes {
        var key: Bytes = []
        for _ in 0..<number(1...3) { key.append([0x61, 0x62, 0xFF][number(0...2)]) }
        return key
    }

    mutating func value() -> Bytes { Bytes(repeating: UInt8(number(0...3)), count: number(0...20)) }
    mutating func lease() -> LeaseID { LeaseID(UInt64(number(1...12))) }
    mutating func ttl() -> TimeSpan { .milliseconds(Int64(number(1...50))) }

    mutating func revision(near revision: Revision) -> Revision {
        Revision(UInt64(max(0, Int(revision.rawValue) + number(-30...2))))
    }

    mutating func selection() -> KeySelection {
        switch number(0...3) {
        case 0: .key(key())
        case 1: .prefix(Bytes(key().prefix(number(0...2))))
        case 2: .range(from: key(), to: key())
        default: .range(from: key(), to: nil)
        }
    }

    mutating func query(_ revision: Revision) -> RangeQuery {
        RangeQuery(
            selection: selection(), limit: chance(50) ? 0 : number(1...5),
            at: chance(50) ? nil : self.revision(near: revision), keysOnly: chance(20), countOnly: chance(10))
    }

    mutating func attachment() -> LeaseAttachment {
        switch number(0...3) {
        case 0: .existing(lease())
        case 1: .new(lease(), ttl: ttl())
        case 2 where chance(50): .kept
        default: .none
        }
    }

    mutating func precondition(_ revision: Revision) -> Precondition {
        switch number(0...6) {
        case 0: .absent
        case 1: .present
        case 2: .unchanged(since: self.revision(near: revision))
        default: .none
        }
    }

    mutating func comparison(_ revision: Revision) -> Transaction.Comparison {
        let relation = Transaction.Relation(rawValue: UInt8(number(0...3)))!
        let target: Transaction.Target =
            switch number(0...4) {
            case 0: .modRevision(self.revision(near: revision).rawValue)
            case 1: .createRevision(chance(50) ? 0 : self.revision(near: revision).rawValue)
            case 2: .version(UInt64(number(0...3)))
            case 3: .lease(UInt64(number(0...12)))
            default: .value(value())
            }
        return Transaction.Comparison(
            selection: chance(75) ? .key(key()) : selection(), target: target, relation: relation)
    }

    mutating func put(_ precondition: Precondition = .none) -> Put {
        let keepsValue = chance(10)
        return Put(
            key: key(), value: keepsValue ? [] : value(), precondition: precondition, lease: attachment(),
            keepsValue: keepsValue)
    }

    mutating func operation(_ revision: Revision, depth: Int) -> Transaction.Operation {
        switch number(0...5) {
        case 0: .get(query(revision))
        case 1: .delete(selection())
        case 2 where depth < 2: .transaction(transaction(revision, depth: depth + 1))
        default: .put(put())
        }
    }

    mutating func operations(_ revision: Revision, depth: Int) -> [Transaction.Operation] {
        var result: [Transaction.Operation] = []
        for _ in 0..<number(0...(depth == 0 ? 4 : 2)) { result.append(operation(revision, depth: depth)) }
        return result
    }

    mutating func transaction(_ revision: Revision, depth: Int = 0) -> Transaction {
        Transaction(
            comparisons: chance(60) ? [comparison(revision)] : [], then: operations(revision, depth: depth),
            otherwise: operations(revision, depth: depth))
    }

    mutating func command(_ revision: Revision, _ term: Term, due: [LeaseGeneration]) -> Command {
        switch number(0...134) {
        case 0..<40:
            .put(put(precondition(revision)))
        case 40..<52: .delete(Delete(selection: selection(), precondition: precondition(revision)))
        case 52..<72:
            .transaction(transaction(revision))
        case 72..<78: .grantLease(lease(), ttl: ttl())
        case 78..<84: .renewLeases([lease(), lease(), lease()])
        case 84..<88: .revokeLease(lease())
        case 88..<96: .expireLeases(due, term: chance(85) ? term : Term(term.rawValue - 1))
        case 96..<98: .discardHistory(before: self.revision(near: revision))
        case 98..<100: .compact(through: self.revision(near: revision))
        case 100..<126: .campaign(campaign())
        default:
            .resign(
                Resignation(
                    candidacy: candidacy(), lease: chance(50) ? lease() : nil,
                    fence: chance(20) ? Fence(UInt64(number(1...400))) : nil))
        }
    }

    mutating func election() -> ElectionID {
        ElectionID(kind: chance(75) ? .election : .lock, name: [UInt8(0x78 + number(0...1))])
    }

    mutating func candidacy() -> CandidacyID {
        CandidacyID(election: election(), candidate: [UInt8(0x61 + number(0...4))])
    }

    mutating func campaign() -> Campaign {
        let lease: CandidacyLease =
            switch number(0...3) {
            case 0: .named(self.lease(), ttl: nil)
            case 1: .named(self.lease(), ttl: ttl())
            default: .drawn(self.lease(), ttl: ttl())
            }
        let mode: Campaign.Mode = chance(80) ? .any : chance(50) ? .renewing : .beginning
        return Campaign(
            candidacy: candidacy(), value: value(), priority: chance(70) ? 0 : Int32(number(-2...2)), lease: lease,
            mode: mode)
    }

    /// - Parameter fences: the leaderships that stand; some proposals depend on one, or on one that never was.
    mutating func proposal(
        _ revision: Revision, _ term: Term, due: [LeaseGeneration], fences: [FenceCondition] = []
    ) -> Proposal {
        let key = chance(20) ? IdempotencyKey(client: "client", number: UInt64(number(1...60))) : nil
        var fence: FenceCondition?
        if chance(10) {
            fence = fences.randomElement(using: &random) ?? FenceCondition(election: election(), fence: Fence(3))
            if chance(20) { fence?.fence.rawValue += 1 }
        }
        return Proposal(idempotencyKey: key, fence: fence, command: command(revision, term, due: due))
    }
}
