import ConclaveClient

/// Writes unique values under keys of its own, one after the other, at a steady pace, and remembers what was
/// acknowledged.
actor Writer {
    static let prefix = "demo/writes/"

    private let client: ClusterClient
    private var record: WriterRecord
    private var life: Task<Void, Never>?

    init(name: String, endpoints: [Endpoint]) {
        var options = ClientOptions()
        options.attemptTimeout = .seconds(1)
        client = ClusterClient(endpoints: endpoints, options: options)
        record = WriterRecord(name: name)
    }

    var history: WriterRecord { record }

    func begin() {
        life = Task { await write() }
    }

    func end() async {
        life?.cancel()
        await life?.value
        await client.shutdown()
    }

    private func write() async {
        for number in 1... {
            let key = ByteString("\(Self.prefix)\(record.name)/\(number)")
            let value = ByteString("\(record.name) wrote \(number), \(UInt64.random(in: .min ... .max))")
            do {
                try await client.put(key, value)
                record.acknowledged[key] = value
                record.moments.append(.now)
                try await Task.sleep(for: .milliseconds(4))
            } catch is CancellationError {
                return
            } catch {
                if (error as? ConclaveError)?.outcome == .unknown { record.unknown += 1 }
                if Task.isCancelled { return }
            }
        }
    }
}
