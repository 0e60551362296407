import ArgumentParser
import ConclaveClient

/// `conclave watch …`
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Print changes as they happen, each once and in order.",
        discussion: """
            EXAMPLE
              conclave watch controller
              conclave watch --prefix jobs/ --json
              conclave watch controller --from 41     everything after revision 41

            Goes on through the death of nodes. History that is gone is exit code 6.
            """)

    @Argument(help: "Keys to watch.")
    var keys: [String] = []
    @Option(name: .long, parsing: .singleValue, help: "Watch all keys that begin with this; may be repeated.")
    var prefix: [String] = []
    @Flag(name: .customLong("base64"), help: "Keys and prefixes are written in base64.")
    var isBase64 = false
    @Option(help: "Begin after this revision instead of with the present state.")
    var from: UInt64?
    @Flag(name: .customLong("prev"), help: "Print the value that each change replaced.")
    var previous = false
    @OptionGroup var client: ClientArguments

    func validate() throws {
        guard !keys.isEmpty || !prefix.isEmpty else { throw ValidationError("give a key, or --prefix") }
    }

    func run() async throws {
        let selections =
            try keys.map { WatchSelection.key(try decodeKey($0, isBase64: isBase64)) }
            + prefix.map { WatchSelection.prefix(try decodeKey($0, isBase64: isBase64)) }
        try await client.withClient { cluster in
            for try await event in cluster.watch(selections, after: from, previousValues: previous) {
                show(event)
            }
        }
    }

    private func show(_ event: WatchEvent) {
        switch event {
        case .state(let records, let revision):
            client.print(
                (["\(Tone.faint("state")) at revision \(revision)"] + records.map { line($0, previous: nil) })
                    .joined(separator: "\n"),
                json: .object([
                    ("event", .string("state")), ("kvs", .array(records.map(\.json))), ("revision", .number(revision)),
                ]))
        case .put(let record, let previous):
            client.print(line(record, previous: previous), json: json(record, previous: previous))
        case .delete(let deletion):
            let was = deletion.previous.map { " (was \($0.value.glimpse))" } ?? ""
            client.print(
                "\(Tone.red("delete")) \(deletion.modRevision)  \(deletion.key.shown)  \(deletion.reason.rawValue)\(was)",
                json: json(deletion))
        case .interrupted(.noLeader): Terminal.complain("conclave: no leader at the moment; the watch goes on")
        case .interrupted(.disconnected(let reason)):
            Terminal.complain("conclave: \(reason); the watch goes on elsewhere")
        case .progress: break
        }
    }

    private func line(_ record: KeyRecord, previous: KeyRecord?) -> String {
        let was = previous.map { " (was \($0.value.glimpse))" } ?? ""
        return "\(Tone.green("put")) \(record.modRevision)  \(record.key.shown)  \(record.value.glimpse)\(was)"
    }

    private func json(_ record: KeyRecord, previous: KeyRecord?) -> JSONValue {
        guard case .object(let members) = record.json else { return record.json }
        return .object(
            [("event", .string("put"))] + members + (previous.map { [("prev", $0.json)] } ?? []))
    }

    private func json(_ deletion: WatchEvent.Deletion) -> JSONValue {
        .object(
            [
                ("event", .string("delete")), JSONValue.member("key", deletion.key),
                ("mod_revision", .number(deletion.modRevision)), ("reason", .string(deletion.reason.rawValue)),
            ] + (deletion.previous.map { [("prev", $0.json)] } ?? []))
    }
}
