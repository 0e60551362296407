internal import HistoryChecker
import Primitives

/// A client that takes keys under leases, renews them for a while, and then falls silent or ends them.
struct Holder {
    private var requester: Requester
    private var generator: SeededGenerator
    private var number = 0

    init(_ requester: Requester, seed: UInt64) {
        self.requester = requester
        generator = SeededGenerator(seed: seed)
    }

    /// The longest time to live that a lease of a run has, in milliseconds.
    static let longest: Int64 = 2_500

    mutating func run() async {
        while !Task.isCancelled {
            if let leases = await takeOffice() {
                await hold(leases.ids, ttl: leases.ttl)
            } else {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
        await requester.close()
    }

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    private var name: String { requester.name }

    private mutating func value() -> String {
        number += 1
        return "\(name).\(number)"
    }

    /// Contends for an office as the product is meant to be used, or makes leases of its own with several keys.
    private mutating func takeOffice() async -> (ids: [UInt64], ttl: Int64)? {
        let ttl = Int64.random(in: 300...Self.longest, using: &generator)
        if pick(2) == 0 {
            let put = Invocation.Put("office/\(pick(6))", value(), .absent, lease: .new(ttl: ttl))
            guard case .put(let written) = await requester.perform(.put(put), idempotent: true, again: pick(20) == 0)
            else { return nil }
            return written.grant.map { ([$0.lease], ttl) }
        }
        var ids: [UInt64] = []
        for _ in 0...pick(3) {
            if let id = await grant(ttl: ttl) { ids.append(id) }
        }
        return ids.isEmpty ? nil : (ids, ttl)
    }

    /// A lease with an id of its own and two keys on it.
    private mutating func grant(ttl: Int64) async -> UInt64? {
        let id = UInt64.random(in: 1..<UInt64(Int64.max), using: &generator)
        guard case .granted = await requester.perform(.grant(id, ttl: ttl), idempotent: true) else { return nil }
        let key = "held/\(name)/\(number % 8)"
        await requester.perform(.put(Invocation.Put(key, value(), lease: .existing(id))), idempotent: true)
        if pick(2) == 0 {
            let step = Transaction.Step.put("\(key)/more", value(), lease: id)
            await requester.perform(.transaction(Transaction(if: [], then: [step])), idempotent: true)
        }
        return id
    }

    /// A page that begins somewhere, of any length.
    private mutating func leases(around id: UInt64) -> Invocation {
        .leases(
            start: pick(3) == 0 ? nil : id - UInt64(pick(2)) * (id / 2), limit: pick(3) == 0 ? nil : 1 + pick(12))
    }

    /// Each renewal is one attempt: its promise counts from when it was sent.
    private mutating func hold(_ ids: [UInt64], ttl: Int64) async {
        for _ in 0..<pick(6) {
            try? await Task.sleep(for: .milliseconds(ttl / 3))
            if Task.isCancelled { return }
            switch await requester.perform(.renew(ids), attempts: 1) {
            case .renewed(let spans, _): if spans.allSatisfy({ $0 == nil }) { return }
            default: continue
            }
        }
        if pick(3) == 0 {
            await requester.perform(pick(2) == 0 ? leases(around: ids[0]) : .lease(ids[0]))
            for id in ids { await requester.perform(.revoke(id), idempotent: true, again: pick(10) == 0) }
        } else {
            try? await Task.sleep(for: .milliseconds(ttl + 100))
            await requester.perform(.renew(ids), attempts: 1)
        }
    }
}
