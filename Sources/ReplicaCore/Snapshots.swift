internal import Consensus
internal import KeyValue
internal import Primitives

/// A snapshot on its way to a member: a copy of the store as it was, encoded piece by piece as it is asked for.
struct OutgoingSnapshot: Sendable {
    let position: SnapshotPosition
    private let chunkBytes: Int
    private var records: StateRecords
    private var number: UInt64 = 0
    private var current: (bytes: Bytes, isLast: Bool)

    init(position: SnapshotPosition, store: Store, chunkBytes: Int) {
        self.position = position
        self.chunkBytes = chunkBytes
        records = store.records()
        current = ([], false)
        var writer = ByteWriter(reserving: chunkBytes + 4096)
        store.header.encode(into: &writer)
        current = fill(&writer)
    }

    /// Piece `wanted`: the current one or a later one; `nil` when there is none.
    ///
    /// A store that stands at the same position gives the same pieces, so that a transfer can go on with those of another copy.
    mutating func chunk(_ wanted: UInt64) -> (number: UInt64, bytes: Bytes, isLast: Bool)? {
        while number < wanted, !current.isLast {
            var writer = ByteWriter(reserving: chunkBytes + 4096)
            current = fill(&writer)
            number += 1
        }
        return wanted == number ? (number, current.bytes, current.isLast) : nil
    }

    private mutating func fill(_ writer: inout ByteWriter) -> (bytes: Bytes, isLast: Bool) {
        while writer.bytes.count < chunkBytes {
            guard let record = records.next() else { return (writer.bytes, true) }
            record.encode(into: &writer)
        }
        return (writer.bytes, false)
    }
}

extension Replica {
    mutating func sendWantedChunks(at now: Instant) {
        let wanted = raftOut.wantedChunks
        raftOut.wantedChunks = []
        for (peer, number) in wanted {
            // The copy of an earlier transfer may end below what the log still has.
            if raft.snapshotPosition(for: peer) == nil { beginSnapshot(for: peer) }
            guard let (chunk, position) = wantedChunk(number, of: peer) else { continue }
            raft.sendSnapshotChunk(chunk, of: position, to: peer, now: now, into: &raftOut)
        }
    }

    /// The piece `number` for `peer`, or the first one of a new copy where the old one has none such, since a copy only goes
    /// forwards; `nil` while this node has no state to copy.
    private mutating func wantedChunk(
        _ number: UInt64, of peer: NodeID
    ) -> (chunk: (number: UInt64, bytes: Bytes, isLast: Bool), position: SnapshotPosition)? {
        if let chunk = outgoing[peer]?.chunk(number), let position = outgoing[peer]?.position {
            return (chunk, position)
        }
        beginSnapshot(for: peer)
        guard let chunk = outgoing[peer]?.chunk(0), let position = outgoing[peer]?.position else { return nil }
        return (chunk, position)
    }

    /// Lets go of the copies that nobody waits for any more.
    mutating func dropFinishedSnapshots() {
        guard !outgoing.isEmpty else { return }
        for peer in Array(outgoing.keys) where raft.snapshotPosition(for: peer) == nil { outgoing[peer] = nil }
    }

    private mutating func beginSnapshot(for peer: NodeID) {
        outgoing[peer] = nil
        guard !isFenced, let position = raft.position(at: store.appliedIndex, time: store.time) else { return }
        outgoing[peer] = OutgoingSnapshot(
            position: position, store: store, chunkBytes: raft.bounds.snapshotChunkBytes)
    }

    /// Reads a received snapshot and hands it out to be made durable; nothing is applied until it is.
    mutating func install(_ bytes: Bytes, at position: SnapshotPosition, into out: inout Outbox) {
        guard !isInstalling else { return }
        // A header of another place than the message's would put entries of an older term behind the state.
        guard let (header, records) = try? SnapshotContent.decode(bytes), header.appliedIndex == position.index,
            header.appliedTerm == position.term, header.time == position.time,
            let store = try? Store(restoring: header, records: records)
        else {
            out.notices.append(.snapshotUnreadable(position.index))
            raft.snapshotRefused()
            return
        }
        installing = (position, store)
        out.snapshotToInstall = SnapshotToInstall(position: position, header: header, records: records)
    }

    /// The received state is durable: it takes the place of this node's own.
    mutating func snapshotSaved(_ position: SnapshotPosition, at now: Instant, into out: inout Outbox) {
        guard let installing, installing.position == position else { return }
        self.installing = nil
        let before = store.revision
        store = installing.store
        isFenced = false
        digests.forget()
        raft.snapshotInstalled(at: position, now: now, into: &raftOut)
        watches.restart(after: before)
        elections.restart()
        // Before anybody is answered: this node may have been further than the snapshot (`invariants.md` 14).
        if store.appliedIndex < raft.commitIndex { applyCommitted(at: now, into: &out) }
        // What these wait for may lie under the snapshot: nobody can tell them.
        for number in waiters.keys.sorted() {
            for request in waiters.removeValue(forKey: number)?.requests ?? [] {
                reply(request, .refused(.timeout, self.position(at: now)), into: &out)
            }
        }
        answerAwaitingReads(at: now, into: &out)
    }
}

/// The bytes of a snapshot: the header, then records to the end.
enum SnapshotContent {
    static func decode(_ bytes: Bytes) throws(DecodingFailure) -> (StateHeader, [StateRecord]) {
        var reader = ByteReader(bytes)
        let header = try StateHeader(from: &reader)
        var records: [StateRecord] = []
        while reader.remaining > 0 { records.append(try StateRecord(from: &reader)) }
        return (header, records)
    }
}
