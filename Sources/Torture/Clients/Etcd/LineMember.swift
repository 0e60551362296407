internal import HistoryChecker
import Primitives

/// A client that waits in lines as etcd's clients do for elections and locks, under leases of etcd's API, and acts for as
/// long as its key is there.
struct LineMember {
    private var requester: Requester
    private var generator: SeededGenerator
    private var number = 0

    /// In seconds; etcd grants no less than two.
    private static let seconds: ClosedRange<Int64> = 2...3

    init(_ requester: Requester, seed: UInt64) {
        self.requester = requester
        generator = SeededGenerator(seed: seed)
    }

    mutating func run() async {
        while !Task.isCancelled {
            let lease = UInt64.random(in: 1..<UInt64(Int64.max), using: &generator)
            let ttl = Int64.random(in: Self.seconds, using: &generator) * 1000
            if case .granted = await requester.perform(.grant(lease, ttl: ttl)) { await stand(in: line(), lease) }
            try? await Task.sleep(for: .milliseconds(20 + pick(100)))
        }
        await requester.close()
    }

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    private mutating func line() -> String { "line/\(pick(2))" }
    private mutating func value() -> String {
        number += 1
        return "\(requester.name).\(number)"
    }

    private mutating func stand(in line: String, _ lease: UInt64) async {
        let publishes = pick(2) == 0
        let enter = LineRequest.enter(line, lease: lease, value: publishes ? value() : nil)
        let answer = await requester.perform(.line(enter), attempts: 1)
        if case .seated(_, let created, _) = answer { await act(.init(line, lease: lease, created: created)) }
        switch pick(4) {
        case 0: await requester.perform(.line(.unlock(line, lease: lease)))
        case 1: break
        default: await requester.perform(.revoke(lease))
        }
    }

    /// What holds a lock knows of its place only the key: it was created at 0.
    private mutating func act(_ place: LineRequest.Place) async {
        for _ in 0..<pick(4) {
            await requester.perform(.renew([place.lease]), attempts: 1)
            await requester.perform(.line(.front(place.name, observing: pick(3) == 0)))
            let condition = Transaction.Comparison(place.key, .lease, .equal, String(place.lease, radix: 16))
            await requester.perform(
                .transaction(
                    Transaction(if: [condition], then: [.put("lined/\(pick(4))", value(), lease: place.lease)])))
            if place.created > 0, pick(2) == 0 {
                await requester.perform(.line(.proclaim(place, value: value())))
            }
            if pick(3) == 0 { await requester.perform(.lease(place.lease)) }
            try? await Task.sleep(for: .milliseconds(pick(200)))
        }
        if place.created > 0, pick(2) == 0 { await requester.perform(.line(.resign(place))) }
    }
}
