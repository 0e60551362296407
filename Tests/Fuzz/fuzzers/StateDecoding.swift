import KeyValue
import Primitives

@testable import ReplicaCore

extension Decoder {
    /// The commands of log entries, one after the other on one store. Whatever they were, the state can be kept and
    /// restored.
    static let command = Decoder(
        name: "command",
        seeds: {
            [sampleProposals, Array(sampleProposals.reversed())].map { proposals in
                var writer = ByteWriter()
                for proposal in proposals {
                    writer.write(varint: 1_000_000)
                    writer.write(bytes: LoggedCommand(origins: [], proposal: proposal.encoded()).encoded())
                }
                return writer.bytes
            }
        },
        decode: { input in
            var reader = ByteReader(input)
            var store = Store(bounds: smallBounds)
            while let step = try? reader.readVarint(), let bytes = try? reader.readBytes() {
                let time = store.time.nanoseconds.addingReportingOverflow(Int64(truncatingIfNeeded: step >> 2))
                guard !time.overflow, time.partialValue < Int64(Limits.counters) else { return }
                let position = ApplyPosition(
                    index: store.appliedIndex.next, term: Term(max(1, step & 3)).atLeast(store.appliedTerm),
                    time: ClusterTime(nanoseconds: time.partialValue))
                guard let logged = try? LoggedCommand.decode(bytes) else {
                    store.advance(to: position)
                    continue
                }
                let result = store.apply(logged.proposal, at: position).result
                precondition(result.survivesItsCode, "a result changes on its way")
            }
            expectRestorable(store)
        })

    /// A received snapshot, and then what its receiver does with it.
    static let snapshot = Decoder(
        name: "snapshot",
        seeds: { (0...sampleProposals.count).map { sampleSnapshot($0) } },
        decode: { input in
            guard let (header, records) = try? SnapshotContent.decode(input) else { return }
            live(header, records)
        })
}

/// Restores a state, as far as it is one, and lets it go on.
func live(_ header: StateHeader, _ records: [StateRecord]) {
    guard var store = try? Store(restoring: header, records: records, bounds: smallBounds) else { return }
    expectRestorable(store)
    _ = store.compactionDue(HistoryBounds(revisions: 2, bytes: 64, age: .seconds(1)))
    let due = store.dueLeases(at: store.time, limit: 8)
    _ = store.events(after: store.oldestRevision, selections: [.range(from: [], to: nil)], limit: 8)
    let more = sampleProposals + [Proposal(command: .expireLeases(due, term: store.appliedTerm))]
    for proposal in more {
        let position = ApplyPosition(index: store.appliedIndex.next, term: store.appliedTerm, time: store.time)
        _ = store.apply(proposal, at: position)
        _ = store.query(.leases(from: LeaseID(0), limit: 0))
    }
    expectRestorable(store)
}

private func expectRestorable(_ store: Store) {
    let records = Array(store.records())
    let restored = try? Store(restoring: store.header, records: records, bounds: smallBounds)
    precondition(restored?.header == store.header, "a state does not come back as it was")
    precondition(restored.map { Array($0.records()) } == records, "a state's records do not come back as they were")
}

extension CommandResult {
    fileprivate var survivesItsCode: Bool {
        var writer = ByteWriter()
        encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        return (try? CommandResult(from: &reader)) == self && reader.remaining == 0
    }
}

extension Term {
    fileprivate func atLeast(_ other: Term) -> Term { max(self, other) }
}
