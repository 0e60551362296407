internal import HistoryChecker
import Primitives

/// A client that does everything its API offers to keys, at random, and remembers what it saw to make conditions of.
struct Writer {
    private var requester: Requester
    private var generator: SeededGenerator
    private var number = 0
    /// The last revision seen of each key; 0 when it was not there.
    private var seen: [String: UInt64] = [:]
    private var newest: UInt64 = 1

    init(_ requester: Requester, seed: UInt64) {
        self.requester = requester
        generator = SeededGenerator(seed: seed)
    }

    /// Works until its task is cancelled, each request `pause` after the one before.
    mutating func run(pause: Duration) async {
        while !Task.isCancelled {
            let invocation = choice()
            let response = await requester.perform(
                invocation, idempotent: Int.random(in: 0..<4, using: &generator) > 0,
                again: Int.random(in: 0..<40, using: &generator) == 0)
            learn(invocation, response)
            if pause > .zero { try? await Task.sleep(for: pause) }
        }
        await requester.close()
    }

    /// What it asks for next.
    mutating func choice() -> Invocation {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<25: put()
        case 25..<48: .get(register(), .newest)
        case 48..<50: wait()
        case 50..<60: .get(register(), .stale)
        case 60..<66: .delete(register(), condition(of: register()))
        case 66..<69: .get(register(), .at(past()))
        case 69..<81: .transaction(transaction())
        case 81..<89: .list(listing())
        case 89..<96: .put(Invocation.Put(grouped(), value()))
        case 96..<98: .clear(group())
        case 98 where requester.api == .etcd && pick(8) == 0: .compact(compaction())
        default: .put(Invocation.Put("odd/" + escaped("ä \(pick(4))+/%".utf8), value()))
        }
    }

    // MARK: - Keys and values

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    private mutating func register() -> String { "r/\(pick(48))" }
    private mutating func group() -> String { "g/\(pick(8))/" }
    private mutating func grouped() -> String { group() + String(pick(12)) }

    /// One that nobody else writes.
    private mutating func value() -> String {
        number += 1
        return "\(requester.name).\(number)"
    }

    /// A revision not long ago.
    private mutating func past() -> UInt64 { max(1, newest - min(newest - 1, UInt64(pick(2000)))) }

    private mutating func condition(of key: String) -> Invocation.Condition {
        switch pick(6) {
        case 0: .absent
        case 1: .present
        case 2, 3: seen[key].map { $0 == 0 ? .absent : .unchanged($0) } ?? .none
        default: .none
        }
    }

    // MARK: - Requests

    private mutating func put() -> Invocation {
        let key = register()
        return .put(Invocation.Put(key, value(), condition(of: key)))
    }

    private mutating func wait() -> Invocation {
        let key = register()
        return .wait(key, after: seen[key].map { max(1, $0) } ?? newest, span: Int64(10 + pick(300)))
    }

    private mutating func listing() -> Invocation.Listing {
        let point: Invocation.Point =
            switch pick(6) {
            case 0: .stale
            case 1: .at(past())
            default: .newest
            }
        let prefix = group()
        return Invocation.Listing(
            prefix, start: pick(4) == 0 ? prefix + String(pick(12)) : nil, limit: pick(3) == 0 ? 1 + pick(6) : nil,
            point, keysOnly: pick(6) == 0, countOnly: pick(6) == 0)
    }

    /// Two registers move together, or a group is read while one of its keys is written.
    private mutating func transaction() -> Transaction {
        let (one, other) = (register(), "p/\(pick(24))")
        switch pick(5) {
        case 4:
            return Transaction(
                if: [.init(one, .lease, .equal, "0"), .init(other, .lease, .less, "1")],
                then: [.get(one), .put(other, value(), lease: 0), .delete(one)], else: [.get(other)])
        case 0:
            return Transaction(
                if: [.init(one, .revision, .equal, String(seen[one] ?? 0))],
                then: [.put(one, value(), lease: 0), .put(other, value(), lease: 0)], else: [.get(one), .get(other)])
        case 1:
            return Transaction(
                if: [.init(other, .version, .less, "5")], then: [.put(other, value(), lease: 0), .get(one)],
                else: [.delete(other), .get(other)])
        case 2:
            let prefix = group()
            return Transaction(
                if: [], then: [.list(.init(prefix)), .put(other, value(), lease: 0), .list(.init("p/"))])
        default:
            return Transaction(
                if: [.init(one, .value, .unequal, "none"), .init(other, .created, .greater, "0")],
                then: [.delete(other), .put(one, value(), lease: 0)], else: [.get(other)])
        }
    }

    /// History so old that nobody reads or watches it, or what is forgotten already.
    private func compaction() -> UInt64 { newest > Self.kept ? newest - Self.kept : 1 }

    /// Revisions that are never compacted: more than any watch may be behind.
    static let kept: UInt64 = 20_000

    // MARK: - Memory

    private mutating func learn(_ invocation: Invocation, _ response: Response) {
        newest = max(newest, response.revision ?? 0)
        switch (invocation, response) {
        case (.put(let put), .put(let written)): seen[put.key] = written.revision
        case (.put(let put), .wrote(_, let revision)), (.put(let put), .done(let revision)): seen[put.key] = revision
        case (.get(let key, .newest), .read(let page, _)), (.wait(let key, _, _), .read(let page, _)):
            seen[key] = page.records.first?.revision ?? 0
        case (.put(let put), .refused(let holder, _)): seen[put.key] = holder?.revision ?? 0
        default: break
        }
    }
}
