import ArgumentParser
import ConclaveClient

/// The words in which elections and locks differ on the command line.
protocol OfficeWords: Sendable {
    static var kind: Office.Kind { get }
    /// The command, and the word for several of them.
    static var plural: String { get }
    static var singular: String { get }
    /// Who is in office.
    static var leader: String { get }
    static var example: String { get }
}

/// `conclave elections …`
enum ElectionWords: OfficeWords {
    static let kind = Office.Kind.elections
    static let plural = "elections"
    static let singular = "election"
    static let leader = "leader"
    static let example = "controller"
}

/// `conclave locks …`
enum LockWords: OfficeWords {
    static let kind = Office.Kind.locks
    static let plural = "locks"
    static let singular = "lock"
    static let leader = "holder"
    static let example = "backup"
}

/// `conclave elections` and `conclave locks`
struct OfficeCommand<Words: OfficeWords>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Words.plural,
            abstract: "Show \(Words.plural): who is the \(Words.leader), who waits, who was.",
            discussion: """
                EXAMPLE
                  conclave \(Words.plural)
                  conclave \(Words.plural) show \(Words.example) --watch
                  conclave \(Words.plural) history \(Words.example)
                """,
            subcommands: [List.self, Show.self, History.self], defaultSubcommand: List.self)
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "list",
                abstract: "List the \(Words.plural), by name.",
                discussion: """
                    EXAMPLE
                      conclave \(Words.plural) list
                      conclave \(Words.plural) list --prefix shard/ --json
                    """)
        }

        @Option(help: "Only those whose names begin with this.")
        var prefix = ""
        @Option(help: "At most so many; by default all.")
        var limit: Int?
        @OptionGroup var client: ClientArguments

        func validate() throws {
            guard limit ?? 1 > 0 else { throw ValidationError("--limit is at least 1") }
        }

        func run() async throws {
            let offices = try await client.withClient { cluster in
                var offices: [OfficeState] = []
                var more = true
                while more, offices.count < limit ?? .max {
                    let page = try await cluster.list(
                        Words.kind, prefix: prefix, limit: min(1000, (limit ?? .max) - offices.count),
                        // A name's successor in byte order, so that the page begins behind it.
                        from: offices.last.map { $0.office.name + "\0" })
                    offices += page.offices
                    more = page.more && !page.offices.isEmpty
                }
                return offices
            }
            guard !client.json else { return offices.forEach { Terminal.say($0.json.text) } }
            guard !offices.isEmpty else { return Terminal.complain("conclave: there are no \(Words.plural)") }
            var table = Table(
                [Words.singular.uppercased(), Words.leader.uppercased(), "VALUE", "FENCE", "WAITING"],
                rightAligned: [3, 4])
            for office in offices {
                table.add([
                    ByteString(office.office.name).shown, office.leader?.id ?? Tone.yellow("vacant"),
                    office.leader?.value.glimpse ?? "", "\(office.fence)", "\(office.waitingCount)",
                ])
            }
            Terminal.say(table.text)
        }
    }

    struct Show: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "show",
                abstract: "Show who is the \(Words.leader) of one \(Words.singular), and who waits.",
                discussion: """
                    EXAMPLE
                      conclave \(Words.plural) show \(Words.example)
                      conclave \(Words.plural) show \(Words.example) --watch --json

                    With --watch it prints every change as it happens, each once, through the death of nodes.
                    Without, exit code 4 says that nobody ever contended.
                    """)
        }

        @Argument(help: "The name.")
        var name: String
        @Flag(help: "Print every change as it happens.")
        var watch = false
        @Option(help: "How many of those who wait are listed, at most 10000.")
        var limit: Int?
        @OptionGroup var client: ClientArguments

        private var office: Office { Words.kind == .elections ? .election(name) : .lock(name) }

        func run() async throws {
            guard !watch else { return try await listen() }
            guard let state = try await client.withClient({ try await $0.state(of: office, limit: limit) }) else {
                Terminal.complain("conclave: nobody ever contended for the \(office)")
                throw ExitCode(Exit.notFound)
            }
            client.print(state.text, json: state.json)
        }

        private func listen() async throws {
            try await client.withClient { cluster in
                for try await event in cluster.observe(office) { show(event) }
            }
        }

        private func show(_ event: OfficeEvent) {
            switch event {
            case .leader(let leader, let previous):
                client.print(
                    Tone.green(leader.sentence) + (previous.map { "; \($0.sentence)" } ?? ""),
                    json: .object([
                        ("event", .string(Words.leader)), (Words.leader, leader.json),
                        ("previous", .optional(previous) { $0.json }),
                    ]))
            case .vacant(let fence, let previous):
                client.print(
                    Tone.yellow("vacant") + ", fence \(fence)" + (previous.map { "; \($0.sentence)" } ?? ""),
                    json: .object([
                        ("event", .string("vacant")), ("fence", .number(fence)),
                        ("previous", .optional(previous) { $0.json }),
                    ]))
            case .interrupted(.noLeader): Terminal.complain("conclave: the cluster has no leader; this goes on")
            case .interrupted(.disconnected(let reason)):
                Terminal.complain("conclave: \(reason); this goes on elsewhere")
            }
        }
    }

    struct History: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "history",
                abstract: "Show who was the \(Words.leader) of one \(Words.singular), newest first, and why it ended.",
                discussion: """
                    EXAMPLE
                      conclave \(Words.plural) history \(Words.example)

                    The cluster keeps the last 64. Exit code 4 says that nobody ever contended.
                    """)
        }

        @Argument(help: "The name.")
        var name: String
        @Option(help: "At most so many.")
        var limit: Int?
        @OptionGroup var client: ClientArguments

        func validate() throws {
            guard limit ?? 1 > 0 else { throw ValidationError("--limit is at least 1") }
        }

        func run() async throws {
            let office: Office = Words.kind == .elections ? .election(name) : .lock(name)
            guard let past = try await client.withClient({ try await $0.history(of: office, limit: limit) }) else {
                Terminal.complain("conclave: nobody ever contended for the \(office)")
                throw ExitCode(Exit.notFound)
            }
            guard !client.json else { return past.forEach { Terminal.say($0.json.text) } }
            var table = Table(
                ["FENCE", Words.leader.uppercased(), "VALUE", "SINCE", "LASTED", "ENDED"], rightAligned: [0])
            for leadership in past {
                table.add([
                    "\(leadership.fence)", leadership.id, leadership.value.glimpse, leadership.since ?? "-",
                    leadership.lasted?.spoken ?? "-", leadership.reason?.rawValue ?? Tone.green("in office"),
                ])
            }
            Terminal.say(table.text)
        }
    }
}

extension OfficeState {
    fileprivate var text: String {
        var lines = [leader.map { Tone.green($0.sentence) } ?? Tone.yellow("vacant") + ", fence \(fence)"]
        lines += waiting.map { "\($0.position)  \($0.id)" + ($0.priority == 0 ? "" : ", priority \($0.priority)") }
        if waiting.count < waitingCount { lines.append("… \(waitingCount) wait in all") }
        return lines.joined(separator: "\n")
    }

    /// As the API writes it, the names of the members being the same for elections and locks.
    fileprivate var json: JSONValue {
        .object([
            ("name", .string(office.name)), ("fence", .number(fence)), ("leader", .optional(leader) { $0.json }),
            (
                "waiting",
                .array(
                    waiting.map {
                        .object([
                            ("id", .string($0.id)), ("priority", .number($0.priority)),
                            ("position", .number($0.position)),
                            ("lease", .optional($0.lease) { .string($0.description) }),
                        ])
                    })
            ),
            ("count", .number(waitingCount)),
        ])
    }
}

extension Leader {
    /// Who, since when, with what.
    fileprivate var sentence: String {
        let published = value.isEmpty ? "" : ", \(value.glimpse)"
        return "\(ByteString(id).shown), fence \(fence)\(published)" + (age.map { ", for \($0.spoken)" } ?? "")
    }

    /// As the API writes it.
    var json: JSONValue {
        .object(
            [
                ("id", .string(id)), JSONValue.member("value", value), ("fence", .number(fence)),
                ("priority", .number(priority)), ("lease", .optional(lease) { .string($0.description) }),
            ] + (since.map { [("since", .string($0))] } ?? [])
                + (age.map { [("age_ms", .number(Int64($0.inMilliseconds)))] } ?? []))
    }
}

extension OfficeEvent.Predecessor {
    fileprivate var sentence: String { "\(ByteString(id).shown) \(reason.rawValue)" }

    fileprivate var json: JSONValue {
        .object([("id", .string(id)), ("fence", .number(fence)), ("reason", .string(reason.rawValue))])
    }
}

extension PastLeadership {
    /// As the API writes it.
    fileprivate var json: JSONValue {
        .object([
            ("id", .string(id)), JSONValue.member("value", value), ("fence", .number(fence)),
            ("since", .optional(since) { .string($0) }), ("until", .optional(until) { .string($0) }),
            ("lasted_ms", .optional(lasted) { .number(Int64($0.inMilliseconds)) }),
            ("reason", .optional(reason) { .string($0.rawValue) }),
        ])
    }
}
