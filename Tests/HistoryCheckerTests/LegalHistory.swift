import HistoryChecker
import Primitives

/// A random history that a right service could have shown: clients whose requests overlap, over a store that is a plain
/// dictionary. Each request takes effect at one moment between its call and its answer.
struct LegalHistory {
    private(set) var history = RecordedHistory()
    private var generator: SeededGenerator
    private var time: Int64 = 0
    private var values = 0
    private var revision: UInt64 = 1
    private var records: [String: Record] = [:]
    /// The state after each revision, from the empty one on.
    private var states: [[String: Record]] = [[:]]
    private var leases: [UInt64: (ttl: Int64, due: Int64)] = [:]
    /// Per client, the request under way.
    private var open: [Open?]
    /// Per node, the revision its memory has reached.
    private var memories: [UInt64] = [1, 1, 1]
    private var watches: [Watch] = []

    private struct Open {
        var operation: HistoryChecker.Operation
        var response: Response?
    }

    private struct Watch {
        var name: String
        /// The place in the log up to which it has told.
        var place: Int
    }

    init(seed: UInt64, steps: Int) {
        generator = SeededGenerator(seed: seed)
        open = Array(repeating: nil, count: 6)
        for number in 0..<2 { addWatch("w\(number)") }
        for _ in 0..<steps { step() }
        for client in open.indices { finish(client) }
        while !leases.isEmpty {
            time += 1_000_000
            expire()
        }
        for place in watches.indices {
            tell(place, count: .max)
            history.watches[watches[place].name]?.deliveries.append(.init(time: time, .closed(revision)))
        }
        history.end = time
    }

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }

    private mutating func step() {
        time += Int64(pick(20_000))
        if pick(3) == 0 { expire() }
        let client = pick(open.count)
        switch pick(8) {
        case 0..<3: call(client)
        case 3..<5: apply(client)
        case 5: finish(client)
        case 6: tell(pick(watches.count), count: pick(4))
        default:
            let node = pick(3)
            memories[node] += UInt64(pick(Int(revision - memories[node]) + 1))
        }
    }

    // MARK: - Requests

    private mutating func call(_ client: Int) {
        guard open[client] == nil else { return }
        let invocation = invocation()
        open[client] = Open(
            operation: .init(
                client: "c\(client)", node: "n\(pick(3) + 1)", call: time, end: time, invocation, .unknown))
    }

    private mutating func invocation() -> Invocation {
        let key = "k\(pick(4))"
        switch pick(12) {
        case 0..<3: return .put(.init(key, value(), condition(key)))
        case 3: return .delete(key, condition(key))
        case 4: return .clear("k")
        case 5: return .list(.init("k", limit: pick(2) == 0 ? 2 : nil, keysOnly: pick(3) == 0))
        case 6:
            return .transaction(
                Transaction(
                    if: [.init(key, .version, .less, "3")],
                    then: [.put(key, value(), lease: 0), .put("l", value(), lease: 0), .get("l")],
                    else: [.delete(key), .list(.init("k"))]))
        case 7: return .put(.init(key, value(), lease: .new(ttl: 300)))
        case 8: return .renew([leases.keys.min() ?? 999_999])
        case 9: return .revoke(leases.keys.max() ?? 999_999)
        case 10: return pick(2) == 0 ? .get(key, .stale) : .wait(key, after: 1 + UInt64(pick(Int(revision))), span: 9)
        default: return .get(key, pick(4) == 0 ? .at(1 + UInt64(pick(Int(revision)))) : .newest)
        }
    }

    private mutating func value() -> String {
        values += 1
        return "v\(values)"
    }

    private mutating func condition(_ key: String) -> Invocation.Condition {
        switch pick(5) {
        case 0: .absent
        case 1: .present
        case 2: .unchanged(records[key]?.revision ?? 1)
        default: .none
        }
    }

    /// The moment at which a request takes effect.
    private mutating func apply(_ client: Int) {
        guard let request = open[client], request.response == nil else { return }
        expire()
        let response = carryOut(request.operation)
        open[client]?.response = response
    }

    /// The answer arrives, or is lost; a request without effect yet may have it later or never.
    private mutating func finish(_ client: Int) {
        guard var request = open[client] else { return }
        time += 1
        request.operation.end = time
        if pick(8) == 0 || request.response == nil {
            request.operation.response = request.response == nil && pick(2) == 0 ? .failed("no-leader") : .unknown
            if request.response == nil, request.operation.response == .unknown, pick(2) == 0 {
                _ = carryOut(request.operation)
            }
        } else if let response = request.response {
            request.operation.response = response
        }
        history.operations.append(request.operation)
        open[client] = nil
    }

    // MARK: - The store

    private mutating func carryOut(_ operation: HistoryChecker.Operation) -> Response {
        switch operation.invocation {
        case .put(let put): return self.put(put)
        case .delete(let key, let condition):
            guard holds(condition, key) else { return .refused(holder: records[key], revision: revision) }
            return .deleted(delete([key], .deleted), revision: revision)
        case .clear(let prefix): return .deleted(delete(keys(prefix), .deleted), revision: revision)
        case .get(let key, let point): return read(key, point, node: operation.node)
        case .wait(let key, let after, _):
            let isNew = records[key].map { $0.revision > after } ?? false
            return isNew ? read(key, .newest, node: operation.node) : .failed("unchanged")
        case .list(let listing): return list(listing)
        case .transaction(let transaction): return run(transaction)
        case .renew(let ids): return .renewed(ids.map { renew($0) }, revision: revision)
        case .revoke(let id):
            guard leases.removeValue(forKey: id) != nil else { return .gone(revision: revision) }
            return .revoked(delete(keys(on: id), .revoked), revision: revision)
        default: return .failed("unused")
        }
    }

    private func holds(_ condition: Invocation.Condition, _ key: String) -> Bool {
        switch condition {
        case .none: true
        case .absent: records[key] == nil
        case .present: records[key] != nil
        case .unchanged(let revision): records[key]?.revision == revision
        }
    }

    private mutating func put(_ put: Invocation.Put) -> Response {
        guard holds(put.condition, put.key) else { return .refused(holder: records[put.key], revision: revision) }
        var grant: Response.Grant?
        if case .new(let ttl) = put.lease {
            let id = UInt64(values)
            leases[id] = (ttl, time + ttl * 1000)
            grant = Response.Grant(lease: id, ttl: ttl, valid: ttl - 3)
        }
        revision += 1
        var written = write(put.key, put.value, lease: grant?.lease ?? 0)
        seal()
        written.grant = grant
        return .put(written)
    }

    private mutating func write(_ key: String, _ value: String, lease: UInt64) -> Response.Written {
        let before = records[key]
        let record = Record(
            key: key, value: value, revision: revision, created: before?.created ?? revision,
            version: (before?.version ?? 0) + 1, lease: lease)
        records[key] = record
        history.log.append(Change(put: record))
        return .init(
            revision: revision, created: record.created, version: record.version, isNew: before == nil)
    }

    private mutating func delete(_ keys: [String], _ reason: Change.Reason) -> Int {
        let living = keys.filter { records[$0] != nil }
        if living.isEmpty { return 0 }
        revision += 1
        for key in living {
            records[key] = nil
            history.log.append(Change(delete: key, at: revision, reason))
        }
        seal()
        return living.count
    }

    private mutating func seal() { states.append(records) }

    private mutating func run(_ transaction: Transaction) -> Response {
        let version = records[transaction.comparisons[0].key]?.version ?? 0
        if version < 3 {
            revision += 1
            var results: [Response.StepResult] = []
            for step in transaction.then {
                if case .put(let key, let value, _) = step { results.append(.put(write(key, value, lease: 0))) }
                if case .get(let key) = step { results.append(.read(.init(all: records[key].map { [$0] } ?? []))) }
            }
            seal()
            return .transaction(succeeded: true, results, revision: revision)
        }
        let count = delete([transaction.comparisons[0].key], .deleted)
        let rest = keys("k").compactMap { records[$0] }
        return .transaction(succeeded: false, [.deleted(count), .read(.init(all: rest))], revision: revision)
    }

    private func keys(_ prefix: String) -> [String] { records.keys.filter { $0.hasPrefix(prefix) }.sorted() }
    private func keys(on lease: UInt64) -> [String] {
        records.values.filter { $0.lease == lease }.map(\.key).sorted()
    }

    private mutating func read(_ key: String, _ point: Invocation.Point, node: String) -> Response {
        switch point {
        case .newest: return .read(.init(all: records[key].map { [$0] } ?? []), revision: revision)
        case .at(let past):
            return .read(.init(all: states[Int(past) - 1][key].map { [$0] } ?? []), revision: revision)
        case .stale:
            let memory = memories[(Int(node.dropFirst()) ?? 1) - 1]
            return .read(.init(all: states[Int(memory) - 1][key].map { [$0] } ?? []), revision: memory)
        }
    }

    private func list(_ listing: Invocation.Listing) -> Response {
        var found = keys(listing.prefix).compactMap { records[$0] }
        let count = found.count
        found = Array(found.prefix(listing.limit ?? .max))
        if listing.keysOnly { for place in found.indices { found[place].value = "" } }
        return .read(.init(found, count: count, more: found.count < count), revision: revision)
    }

    private mutating func renew(_ id: UInt64) -> Int64? {
        guard let ttl = leases[id]?.ttl else { return nil }
        leases[id]?.due = time + ttl * 1000
        return ttl - 3
    }

    /// All that are due go in one revision.
    private mutating func expire() {
        let due = leases.filter { $0.value.due <= time }.keys.sorted()
        for id in due { leases[id] = nil }
        _ = delete(due.flatMap { keys(on: $0) }.sorted(), .expired)
    }

    // MARK: - Watches

    private mutating func addWatch(_ name: String) {
        var watched = Watched()
        watched.selections = [name == "w0" ? .prefix("") : .key("k1")]
        watched.deliveries = [.init(time: 0, .opened(after: 1))]
        history.watches[name] = watched
        watches.append(Watch(name: name, place: 0))
    }

    /// Tells the next changes of the log, breaks now and then, and announces how far it came.
    private mutating func tell(_ number: Int, count: Int) {
        let watch = watches[number]
        var told: [Watched.Event] = pick(4) == 0 ? [.broken] : []
        var place = watch.place
        var rest = count
        while place < history.log.count, rest > 0 {
            let change = history.log[place]
            if watch.name == "w0" || change.key == "k1" { told.append(.change(change, previous: nil)) }
            place += 1
            rest -= 1
        }
        let isWhole = place == history.log.count
        if place > 0, isWhole || history.log[place].revision > history.log[place - 1].revision {
            told.append(.progress(history.log[place - 1].revision))
        }
        watches[number].place = place
        history.watches[watch.name]?.deliveries += told.map { .init(time: time, $0) }
    }
}
