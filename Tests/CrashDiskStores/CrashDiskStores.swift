internal import CCrashDisk
internal import CrashDisk
package import Consensus
package import KeyValue
internal import Primitives
package import ReplicaCore
internal import SQLiteStorage
package import Simulation

/// The stores that ship on a ``CrashDisk``, for the worlds of the simulator.
package final class CrashDiskStores: NodeStores {
    private let identity: StoreIdentity
    private var random: SeededGenerator
    private var disk = CrashDisk()
    private var opened: OpenedStores?
    /// `state.db` as it was after some sync, of a state that was the cluster's.
    private var earlierState: Bytes = []
    /// Since its digest was changed, until another state took the place of that.
    private var isDiverged = false

    package init(name: String, seed: UInt64) {
        identity = StoreIdentity(
            cluster: ClusterID(rawValue: 1), node: NodeID(name: name), nodeName: name, clusterDescription: "simulated")
        random = SeededGenerator(seed: seed)
    }

    deinit { opened = nil }

    // MARK: - A life

    package func open() throws(StoreTrouble) -> FoundOnDisk {
        let stores = try Self.open(on: disk, identity, new: DirectoryID(random.next() | 1))
        // How far the mark lags may depend on the draw, but not on how long this machine takes.
        stores.log.markLag = random.next() % 3 == 0 ? .zero : .seconds(1_000_000)
        stores.log.markLagEntries = [2, 20, 1_000][Int(random.next() % 3)]
        stores.log.checkpointBytes = [24 * 1024, 100 * 1024, 4 * 1024 * 1024][Int(random.next() % 3)]
        opened = stores
        return FoundOnDisk(stores)
    }

    package func peek() throws(StoreTrouble) -> FoundOnDisk {
        let copy = CrashDisk()
        copy.become(disk, after: CRASH_DISK_PROCESS_KILLED, seed: 0)
        // Nothing may be open on a disk that goes.
        defer { withExtendedLifetime(copy) {} }
        return FoundOnDisk(try Self.open(on: copy, identity, new: DirectoryID(1)))
    }

    private static func open(
        on disk: CrashDisk, _ identity: StoreIdentity, new directory: DirectoryID
    ) throws(StoreTrouble) -> OpenedStores {
        do throws(StorageError) {
            return try OpenedStores.open(
                log: disk.directory, state: disk.directory, identity: identity,
                new: NewDirectory(id: directory, incarnation: Incarnation(0))
            ) { _ in }
        } catch .unknownFormat(let path, let format) {
            // The row that says so has no checksum, and it may be true.
            throw .logUnreadable("\(path) has format \(format)")
        } catch .diskFull {
            throw .full
        } catch {
            throw .failed("\(error)")
        }
    }

    package func write(_ writes: [LogWrite]) throws(StoreTrouble) {
        try carryOut { stores throws(StorageError) in try stores.log.write(writes) }
    }

    package func truncate(_ truncation: LogTruncation) throws(StoreTrouble) {
        try carryOut { stores throws(StorageError) in try stores.log.truncate(truncation) }
    }

    package func settle() throws(StoreTrouble) {
        try carryOut { stores throws(StorageError) in try stores.log.settle() }
    }

    package func save(_ delta: StateDelta, at position: SnapshotPosition) throws(StoreTrouble) {
        try carryOut { stores throws(StorageError) in
            try stores.state.write(delta, configuration: position.configuration)
        }
    }

    package func syncState() throws(StoreTrouble) {
        try carryOut { stores throws(StorageError) in try stores.state.sync() }
        if random.next() % 4 == 0, !isDiverged { earlierState = content(of: "state.db") }
    }

    private func content(of name: String) -> Bytes {
        let file = try? disk.directory.openFile(name, bytes: 0)
        return file?.read(at: 0, count: disk.size(of: name)) ?? []
    }

    package func install(_ snapshot: SnapshotToInstall) throws(StoreTrouble) {
        try carryOut { stores throws(StorageError) in
            try stores.state.replaceAll(
                header: snapshot.header, configuration: snapshot.position.configuration, records: snapshot.records)
        }
        isDiverged = false
    }

    private func carryOut(_ body: (OpenedStores) throws(StorageError) -> Void) throws(StoreTrouble) {
        guard let opened else { preconditionFailure("only a node that runs uses its stores") }
        do throws(StorageError) {
            try body(opened)
        } catch .diskFull {
            throw .full
        } catch {
            throw .failed("\(error)")
        }
    }

    // MARK: - Troubles

    package func crash(during batch: StoreBatch?, losesPower: Bool, seed: UInt64) {
        let kind = losesPower ? CRASH_DISK_POWER_LOST : CRASH_DISK_PROCESS_KILLED
        let survivor = CrashDisk()
        // What follows the moment of the crash happens to a disk that is thrown away.
        var left = batch == nil ? 0 : Int(seed % 24)
        disk.beforeOperation = { [unowned self] _ in
            if left == 0 { survivor.become(disk, after: kind, seed: seed) }
            left -= 1
        }
        if let batch { begin(batch) }
        disk.beforeOperation = nil
        if left >= 0 { survivor.become(disk, after: kind, seed: seed) }
        opened = nil
        disk = survivor
    }

    private func begin(_ batch: StoreBatch) {
        do throws(StoreTrouble) {
            try write(batch.writes)
            for truncation in batch.truncations { try truncate(truncation) }
        } catch {
            // It dies anyhow.
        }
    }

    package func failNextSync(seed: UInt64) { disk.failSync(after: 0, seed: seed) }
    package func endFailures() { disk.endFailures() }
    package func leaveSpace(_ bytes: Int?) { disk.leaveSpace(bytes) }

    package func harm(_ harm: StoreHarm, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        switch harm {
        case .logEnd: eraseEnd(of: "log.db-wal", &random)
        case .logBits: flipBits(of: ["log.db", "log.db-wal"], &random)
        case .stateHeader: overwrite("state.db", from: 0) { _ in Bytes(repeating: 0, count: 16) }
        case .stateBits: flipBits(of: ["state.db", "state.db-wal"], &random)
        case .stateOldPages:
            putEarlierPages(&random)
            // What it holds of the newer pages would put them back.
            flipBits(of: ["state.db-wal"], &random)
        case .allButMark:
            for name in ["log.db", "log.db-wal", "state.db", "state.db-wal"] { disk.remove(name) }
        case .everything:
            for name in ["log.db", "log.db-wal", "log.mark", "state.db", "state.db-wal"] { disk.remove(name) }
        case .logMovedAway:
            for name in ["log.db", "log.db-wal"] { disk.remove(name) }
        case .stateDigest: changeDigest()
        }
        // A state that has to be built anew may not come as far again.
        earlierState = []
    }

    private func eraseEnd(of name: String, _ random: inout SeededGenerator) {
        let size = disk.size(of: name)
        guard size > 0 else { return }
        let start = size - 1 - Int(random.next() % UInt64(min(size, 40_000)))
        overwrite(name, from: start) { _ in Bytes(repeating: 0, count: size - start) }
    }

    private func flipBits(of names: [String], _ random: inout SeededGenerator) {
        let name = names[Int(random.next() % UInt64(names.count))]
        let size = disk.size(of: name)
        guard size > 0 else { return }
        for _ in 0...random.next() % 4 {
            let (place, bit) = (Int(random.next() % UInt64(size)), UInt8(random.next() % 8))
            overwrite(name, from: place) { [$0 ^ 1 << bit] }
        }
    }

    private func putEarlierPages(_ random: inout SeededGenerator) {
        let bytes = 4096
        for page in 0..<(min(earlierState.count, disk.size(of: "state.db")) / bytes) where random.next() % 2 == 0 {
            let start = page * bytes
            overwrite("state.db", from: start) { _ in Bytes(earlierState[start..<(start + bytes)]) }
        }
    }

    /// Replaces bytes of a file; `bytes` is given the one that stood first.
    private func overwrite(_ name: String, from start: Int, _ bytes: (UInt8) -> Bytes) {
        do throws(StorageError) {
            let file = try disk.directory.openFile(name, bytes: 0)
            try file.write(bytes(file.read(at: start, count: 1)?[0] ?? 0), at: start)
            try file.sync()
        } catch {
            preconditionFailure("a disk without bounds takes every write: \(error)")
        }
    }

    private func changeDigest() {
        do throws(StorageError) {
            let (store, kept) = try StateStore.open(in: disk.directory, identity: identity)
            guard var header = kept?.header, let configuration = kept?.configuration else { return }
            header.digest ^= SimulationOptions.divergence
            try store.write(StateDelta(header: header), configuration: configuration)
            try store.sync()
            isDiverged = true
        } catch {
            preconditionFailure("a state that was just read can be written: \(error)")
        }
    }
}

extension FoundOnDisk {
    fileprivate init(_ stores: OpenedStores) {
        self.init(
            log: stores.recovered,
            state: stores.kept.map { ($0.state.position, $0.state.header, $0.state.records) })
    }
}
