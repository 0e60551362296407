import CrashDiskStores
import KeyValue
import Consensus
import ReplicaCore
import Simulation
import Testing

/// Worlds whose nodes keep their logs and states in the stores that ship.
@Suite struct StoreTests {
    private static let maker = NodeStoresMaker { CrashDiskStores(name: $0, seed: $1) }

    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func noRuleIsBrokenOnTheStoresThatShip(seed: UInt64) {
        let options = SimulationOptions(
            seed: seed, nodes: SimulationOptions.mixedNodes(seed: seed), duration: .seconds(2), stores: Self.maker)
        let result = Simulation.run(options)
        if let report = result.report { Issue.record("\(report)") }
        #expect(result.counters[.writeAcknowledged] > 0)
        #expect(Simulation.run(options).traceHash == result.traceHash)
    }

    @Test func aStoreThatForgetsAWriteIsFoundOut() throws {
        let maker = NodeStoresMaker { ForgetfulStores(CrashDiskStores(name: $0, seed: $1)) }
        // Some worlds end before a crash shows it, and see it in the end.
        let reports = (1...20 as ClosedRange<UInt64>).lazy.compactMap { seed in
            Simulation.run(SimulationOptions(seed: seed, duration: .seconds(5), stores: maker)).report
        }
        let report = try #require(reports.first { $0.contains("after a crash; durable was") })
        #expect(report.contains("replay: simulator --store sqlite --seed "))
    }
}

/// Stores that say that a term or a vote is durable, and do not keep every second one.
private final class ForgetfulStores: NodeStores {
    private let stores: CrashDiskStores
    private var count = 0
    init(_ stores: CrashDiskStores) { self.stores = stores }

    func write(_ writes: [LogWrite]) throws(StoreTrouble) {
        var kept = writes
        for place in kept.indices where kept[place].hardState != nil {
            count += 1
            if count % 2 == 0 { kept[place].hardState = nil }
        }
        try stores.write(kept)
    }

    func open() throws(StoreTrouble) -> FoundOnDisk { try stores.open() }
    func peek() throws(StoreTrouble) -> FoundOnDisk { try stores.peek() }
    func truncate(_ truncation: LogTruncation) throws(StoreTrouble) { try stores.truncate(truncation) }
    func settle() throws(StoreTrouble) { try stores.settle() }
    func save(_ delta: StateDelta, at position: SnapshotPosition) throws(StoreTrouble) {
        try stores.save(delta, at: position)
    }
    func syncState() throws(StoreTrouble) { try stores.syncState() }
    func install(_ snapshot: SnapshotToInstall) throws(StoreTrouble) { try stores.install(snapshot) }
    func crash(during batch: StoreBatch?, losesPower: Bool, seed: UInt64) {
        stores.crash(during: batch, losesPower: losesPower, seed: seed)
    }
    func failNextSync(seed: UInt64) { stores.failNextSync(seed: seed) }
    func endFailures() { stores.endFailures() }
    func leaveSpace(_ bytes: Int?) { stores.leaveSpace(bytes) }
    func harm(_ harm: StoreHarm, seed: UInt64) { stores.harm(harm, seed: seed) }
}
