import ConclaveClient
import LocalProcesses

/// What the cluster itself says after the story.
struct Evidence: Sendable {
    let cluster: LocalCluster
    let client: ClusterClient

    /// Everything the writers' keys hold now.
    func storedWrites() async throws -> [ByteString: ByteString] {
        var stored: [ByteString: ByteString] = [:]
        var start: ByteString?
        while true {
            let page = try await client.list(prefix: ByteString(Writer.prefix), limit: 1000, from: start)
            for record in page.records { stored[record.key] = record.value }
            guard page.more, let last = page.records.last else { return stored }
            start = last.key.successor
        }
    }

    /// The office's changes after `first` and up to `last`, replayed by each member on its own.
    func histories(after first: UInt64, through last: UInt64) async throws -> [[Told]] {
        var histories: [[Told]] = []
        for member in cluster.members {
            histories.append(try await history(of: member, after: first, through: last))
        }
        return histories
    }

    private func history(
        of member: LocalCluster.Member, after first: UInt64, through last: UInt64
    ) async throws -> [Told] {
        try await within(.seconds(10), "\(member.name) replays the history") {
            try await ClusterClient.withClient(endpoints: [member.endpoint.url]) { client in
                var told: [Told] = []
                guard first < last else { return told }
                for try await event in client.watch(.key(Contender.office), after: first) {
                    switch event {
                    case .put(let seat, _):
                        told.append(Told(revision: seat.modRevision, change: .seated(seat.value.description)))
                    case .delete(let end): told.append(Told(revision: end.modRevision, change: .vacant(end.reason)))
                    case .state, .progress, .interrupted: break
                    }
                    if let latest = told.last, latest.revision >= last { break }
                }
                return told
            }
        }
    }
}
