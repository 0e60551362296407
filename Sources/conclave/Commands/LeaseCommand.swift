import ArgumentParser
import ConclaveClient

/// `conclave lease …`
struct LeaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lease",
        abstract: "Grant, renew, revoke and list leases.",
        discussion: """
            EXAMPLE
              id=$(conclave lease grant 10s --json | jq -r .id)
              conclave kv put worker/7 up --lease $id
              conclave lease keep-alive $id
            """,
        subcommands: [Grant.self, Renew.self, KeepAlive.self, Revoke.self, List.self, Show.self])

    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Grant a lease.",
            discussion: """
                EXAMPLE
                  conclave lease grant 10s
                """)

        @Argument(help: "Its time to live, from 100ms to 24h.")
        var ttl: DurationArgument
        @Option(help: "The id it shall have, up to 16 hex digits; by default the cluster draws one.")
        var id: LeaseID?
        @OptionGroup var leadership: FenceArgument
        @OptionGroup var client: ClientArguments

        func run() async throws {
            let lease = try await client.withClient {
                try await $0.grantLease(ttl: ttl.duration, id: id, fence: leadership.fence)
            }
            client.print(lease.sentence, json: lease.json)
        }
    }

    struct Renew: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Renew a lease once.",
            discussion: """
                EXAMPLE
                  conclave lease renew 7f00c0ffee000001

                A lease that is gone is exit code 4.
                """)

        @Argument(help: "The lease's id.")
        var id: LeaseID
        @OptionGroup var leadership: FenceArgument
        @OptionGroup var client: ClientArguments

        func run() async throws {
            let lease = try await client.withClient { try await $0.renewLease(id, fence: leadership.fence) }
            client.print(lease.sentence, json: lease.json)
        }
    }

    struct KeepAlive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keep-alive",
            abstract: "Renew a lease until it is gone or this command is stopped.",
            discussion: """
                EXAMPLE
                  conclave lease keep-alive 7f00c0ffee000001

                Renews three times per time to live. A lease that is gone is exit code 4.
                """)

        @Argument(help: "The lease's id.")
        var id: LeaseID
        @OptionGroup var client: ClientArguments

        func run() async throws {
            try await client.withClient { cluster in
                while true {
                    let lease = try await cluster.renewLease(id)
                    client.print(lease.sentence, json: lease.json)
                    try await Task.sleep(for: lease.ttl / 3)
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a lease; its keys go with it.",
            discussion: """
                EXAMPLE
                  conclave lease revoke 7f00c0ffee000001
                """)

        @Argument(help: "The lease's id.")
        var id: LeaseID
        @OptionGroup var leadership: FenceArgument
        @OptionGroup var client: ClientArguments

        func run() async throws {
            try await client.withClient { try await $0.revokeLease(id, fence: leadership.fence) }
            client.print("lease \(id) revoked", json: .object([("id", .string(id.description))]))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the leases, one a line, in the order of their ids.",
            discussion: """
                EXAMPLE
                  conclave lease list
                  conclave lease list --limit 100 --json
                """)

        @Option(help: "Leases at most; by default all.")
        var limit: Int?
        @OptionGroup var client: ClientArguments

        func validate() throws {
            guard limit ?? 1 > 0 else { throw ValidationError("--limit is at least 1") }
        }

        func run() async throws {
            try await client.withClient { cluster in
                var start: LeaseID?
                var left = limit ?? .max
                while left > 0 {
                    let page = try await cluster.leases(limit: min(left, 1000), from: start)
                    for lease in page.leases { client.print(lease.sentence, json: lease.json) }
                    guard page.more, let last = page.leases.last else { return }
                    left -= page.leases.count
                    start = LeaseID(rawValue: last.id.rawValue + 1)
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a lease, what is left of it, and its keys.",
            discussion: """
                EXAMPLE
                  conclave lease show 7f00c0ffee000001

                A lease that is gone is exit code 4.
                """)

        @Argument(help: "The lease's id.")
        var id: LeaseID
        @OptionGroup var client: ClientArguments

        func run() async throws {
            guard let lease = try await client.withClient({ try await $0.lease(id) }) else {
                Terminal.complain("conclave: there is no lease \(id)")
                throw ExitCode(Exit.notFound)
            }
            guard !client.json else { return Terminal.say(lease.json.text) }
            Terminal.say(lease.sentence)
            for key in lease.keys { Terminal.say("  \(key.shown)") }
        }
    }
}

extension Lease {
    /// One line for people.
    var sentence: String { "lease \(id), time to live \(ttl.spoken), valid for \(validFor.spoken)" }

    /// The members that an answer carries beside the id.
    var times: [(String, JSONValue)] {
        [
            ("ttl_ms", .number(Int64(ttl.inMilliseconds))),
            ("valid_for_ms", .number(Int64(validFor.inMilliseconds))),
        ]
    }

    /// As the API writes it.
    var json: JSONValue { .object([("id", .string(id.description))] + times) }
}

extension LeaseStatus {
    /// One line for people.
    fileprivate var sentence: String {
        "lease \(id), time to live \(ttl.spoken)" + (remaining.map { ", \($0.spoken) left" } ?? "")
    }

    /// As the API writes it.
    fileprivate var json: JSONValue {
        .object([
            ("id", .string(id.description)), ("ttl_ms", .number(Int64(ttl.inMilliseconds))),
            ("remaining_ms", .optional(remaining) { .number(Int64($0.inMilliseconds)) }),
            ("keys", .array(keys.map { .object([JSONValue.member("key", $0)]) })),
        ])
    }
}
