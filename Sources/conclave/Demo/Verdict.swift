import ConclaveClient

/// The promises of the product, checked against what was recorded. Each returns what was wrong, one sentence a piece.
enum Verdict {
    /// No two tenures overlap: the cluster never promised the office to two at once.
    static func oneAtATime(_ tenures: [Tenure]) -> [String] {
        let ordered = tenures.sorted { $0.began < $1.began }
        return zip(ordered, ordered.dropFirst()).compactMap { earlier, later in
            let end = earlier.resigned.map { min($0, earlier.promisedUntil) } ?? earlier.promisedUntil
            guard later.began < end else { return nil }
            return "two controllers at once: \(later.holder) began \((end - later.began).spoken) before the promise to "
                + "\(earlier.holder) ended"
        }
    }

    /// No lease ended before its last acknowledged renewal plus its time to live.
    static func noEarlyExpiry(_ tenures: [Tenure], _ notices: [Notice], ttl: Duration) -> [String] {
        tenures.compactMap { tenure in
            guard let end = firstEnd(of: tenure, in: notices), end.told.change == .vacant(.expired) else { return nil }
            let due = tenure.lastRenewalSent + ttl
            guard end.at < due else { return nil }
            return "the lease of \(tenure.holder) ended \((due - end.at).spoken) early"
        }
    }

    /// The first notice that a tenure is over.
    static func firstEnd(of tenure: Tenure, in notices: [Notice]) -> Notice? {
        let later = notices.filter { $0.told.revision > tenure.revision }
        guard let revision = later.map(\.told.revision).min() else { return nil }
        return later.filter { $0.told.revision == revision }.min { $0.at < $1.at }
    }

    /// Everyone was told exactly what the history says, in its order; one who was killed, a beginning of it.
    static func everythingToldOnce(_ contenders: [ContenderRecord], history: [Told]) -> [String] {
        contenders.compactMap { contender in
            guard let start = contender.start?.revision else { return "\(contender.name) was never told the state" }
            let told = contender.notices.map(\.told)
            let expected = history.filter { $0.revision > start }
            let matches = contender.killed == nil ? told == expected : expected.starts(with: told)
            guard !matches else { return nil }
            return "\(contender.name) was told \(told.count) events that are not the \(expected.count) of the history: "
                + "\(shown(told)) instead of \(shown(expected))"
        }
    }

    /// Offices change hands properly: a seat, its end, a seat, its end.
    static func alternates(_ history: [Told]) -> [String] {
        zip(history, history.dropFirst()).compactMap { earlier, later in
            switch (earlier.change, later.change) {
            case (.seated, .vacant), (.vacant, .seated): nil
            default: "the history goes from \(shown([earlier])) to \(shown([later]))"
            }
        }
    }

    /// Every acknowledged write is there, with its value.
    static func nothingLost(_ writers: [WriterRecord], stored: [ByteString: ByteString]) -> [String] {
        writers.flatMap { writer in
            writer.acknowledged.sorted { $0.key < $1.key }.compactMap { key, value in
                stored[key] == value ? nil : "the acknowledged write of \(key) is \(stored[key]?.description ?? "lost")"
            }
        }
    }

    /// Who observed an election was told of exactly the leaderships of its history up to `last`, in order.
    static func everyLeaderTold(
        _ name: String, _ seen: [Observer.Seen], history: [(fence: UInt64, id: String)], through last: UInt64
    ) -> [String] {
        let told = seen.filter { $0.fence <= last }.compactMap { seen in seen.leader.map { "\(seen.fence) \($0)" } }
        let expected = history.filter { $0.fence <= last }.sorted { $0.fence < $1.fence }.map { "\($0.fence) \($0.id)" }
        guard told != expected else { return [] }
        return [
            "\(name) was told the leaders \(told.joined(separator: ", ")) instead of \(expected.joined(separator: ", "))"
        ]
    }

    private static func shown(_ told: [Told]) -> String {
        told.map { event in
            switch event.change {
            case .seated(let name): "\(event.revision) \(name)"
            case .vacant(let reason): "\(event.revision) \(reason.rawValue)"
            }
        }.joined(separator: ", ")
    }
}
