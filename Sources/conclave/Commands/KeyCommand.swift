import ArgumentParser
import ConclaveClient
import Foundation

/// `conclave kv …`
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kv",
        abstract: "Write, read, list and delete keys.",
        subcommands: [Put.self, Get.self, Delete.self, List.self])

    /// The conditions a write may carry.
    struct ConditionArguments: ParsableArguments {
        @Flag(help: "Only if the key does not exist.")
        var ifAbsent = false
        @Flag(help: "Only if the key exists.")
        var ifPresent = false
        @Option(help: "Only if the key was not written since this revision (its mod_revision).")
        var ifRevision: UInt64?

        var condition: Condition {
            if ifAbsent { return .absent }
            if ifPresent { return .present }
            return ifRevision.map { .unchanged(since: $0) } ?? .always
        }

        func validate() throws {
            let given = [ifAbsent, ifPresent, ifRevision != nil].filter { $0 }.count
            guard given <= 1 else {
                throw ValidationError("--if-absent, --if-present and --if-revision exclude one another")
            }
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a key.",
            discussion: """
                EXAMPLE
                  conclave kv put controller node-1 --if-absent --ttl 3s
                  conclave kv put config/app --file app.json
                  date | conclave kv put last-run -

                A condition that does not hold is exit code 3; the message says who holds the key.
                """)

        @OptionGroup var key: KeyArgument
        @Argument(help: "The value, or - to read it from standard input.")
        var value: String?
        @Option(help: "Read the value from this file.", completion: .file())
        var file: String?
        @Option(help: "Attach a new lease with this time to live: the key goes when it is not renewed.")
        var ttl: DurationArgument?
        @Option(help: "Attach an existing lease.")
        var lease: LeaseID?
        @OptionGroup var conditions: ConditionArguments
        @OptionGroup var leadership: FenceArgument
        @Option(help: "<client>/<number>: a repetition with the same key changes nothing and is answered alike.")
        var idempotencyKey: IdempotencyKey?
        @OptionGroup var client: ClientArguments

        func validate() throws {
            guard (value == nil) != (file == nil) else { throw ValidationError("give either a value or --file") }
            guard ttl == nil || lease == nil else { throw ValidationError("--ttl and --lease exclude each other") }
        }

        func run() async throws {
            let choice: LeaseChoice = ttl.map { .new(ttl: $0.duration) } ?? lease.map { .existing($0) } ?? .none
            let key = try key.bytes()
            let bytes = try valueBytes()
            let result = try await client.withClient {
                try await $0.put(
                    key, bytes, when: conditions.condition, lease: choice, fence: leadership.fence,
                    idempotencyKey: idempotencyKey)
            }
            client.print(result.sentence, json: result.json(key: key))
        }

        private func valueBytes() throws -> ByteString {
            if let file { return ByteString(try Terminal.readFile(file)) }
            if value == "-" { return ByteString(try Terminal.readAll()) }
            return ByteString(value ?? "")
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read a key's value.",
            discussion: """
                EXAMPLE
                  conclave kv get controller
                  conclave kv get config/app > app.json      the exact bytes
                  conclave kv get controller --at 41         as it was at revision 41

                No such key is exit code 4.
                """)

        @OptionGroup var key: KeyArgument
        @Option(help: "The past revision to read at.")
        var at: UInt64?
        @Flag(help: "Whatever the node asked has in memory, without asking the leader.")
        var stale = false
        @OptionGroup var client: ClientArguments

        func run() async throws {
            let key = try key.bytes()
            let found = try await client.withClient {
                try await $0.get(key, at: at, consistency: stale ? .stale : .linearizable)
            }
            guard let record = found else {
                Terminal.complain("conclave: there is no key \(key.shown)")
                throw ExitCode(Exit.notFound)
            }
            if client.json {
                Terminal.say(record.json.text)
            } else {
                Terminal.write(record.value.bytes + (Terminal.isInteractive ? [UInt8(ascii: "\n")] : []))
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a key, or all keys with a prefix.",
            discussion: """
                EXAMPLE
                  conclave kv delete controller --if-revision 42
                  conclave kv delete jobs/ --prefix
                """)

        @OptionGroup var key: KeyArgument
        @Flag(help: "Delete all keys that begin with the key, in one revision.")
        var prefix = false
        @OptionGroup var conditions: ConditionArguments
        @OptionGroup var leadership: FenceArgument
        @OptionGroup var client: ClientArguments

        func validate() throws {
            guard !prefix || conditions.condition == .always else {
                throw ValidationError("a condition holds of one key; it cannot go with --prefix")
            }
            guard !conditions.ifAbsent else { throw ValidationError("there is nothing to delete with --if-absent") }
        }

        func run() async throws {
            let key = try key.bytes()
            let count = try await client.withClient {
                prefix
                    ? try await $0.delete(prefix: key, fence: leadership.fence)
                    : try await $0.delete(key, when: conditions.condition, fence: leadership.fence) ? 1 : 0
            }
            client.print(
                count == 1 ? "1 key deleted" : "\(count) keys deleted", json: .object([("deleted", .number(count))]))
            if count == 0 { throw ExitCode(Exit.notFound) }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List keys in byte order.",
            discussion: """
                EXAMPLE
                  conclave kv list jobs/
                  conclave kv list --count

                Prints a key, a tab and its value per line, long values cut off; with --json one
                whole record per line.
                """)

        @Argument(help: "Only keys that begin with this.")
        var prefix: String = ""
        @Flag(name: .customLong("base64"), help: "The prefix is written in base64.")
        var isBase64 = false
        @Option(help: "Keys at most.")
        var limit: Int?
        @Flag(help: "Leave the values out.")
        var keysOnly = false
        @Flag(name: .customLong("count"), help: "Print only how many there are.")
        var countOnly = false
        @Option(help: "The past revision to read at.")
        var at: UInt64?
        @OptionGroup var client: ClientArguments

        func validate() throws {
            guard limit ?? 1 > 0 else { throw ValidationError("--limit is at least 1") }
        }

        func run() async throws {
            let prefix = try decodeKey(prefix, isBase64: isBase64)
            try await client.withClient { cluster in
                if countOnly {
                    let count = try await cluster.count(prefix: prefix)
                    client.print("\(count)", json: .object([("count", .number(count))]))
                } else {
                    try await printAll(prefix, of: cluster)
                }
            }
        }

        /// Page by page, all at the revision of the first, so that the list is one consistent picture.
        private func printAll(_ prefix: ByteString, of cluster: ClusterClient) async throws {
            var revision = at
            var start: ByteString?
            var left = limit ?? .max
            while left > 0 {
                let page = try await cluster.list(
                    prefix: prefix, limit: limit == nil ? nil : min(left, 1000), from: start, at: revision,
                    keysOnly: keysOnly)
                for record in page.records {
                    client.print(
                        keysOnly ? record.key.shown : "\(record.key.shown)\t\(record.value.glimpse)", json: record.json)
                }
                guard page.more, let last = page.records.last else { return }
                left -= page.records.count
                start = last.key.successor
                revision = revision ?? page.revision
            }
        }
    }
}

extension PutResult {
    fileprivate var sentence: String {
        let what = created ? "created" : "replaced, version \(version)"
        return "revision \(revision), \(what)" + (lease.map { ", \($0.sentence)" } ?? "")
    }

    fileprivate func json(key: ByteString) -> JSONValue {
        var members: [(String, JSONValue)] = [
            JSONValue.member("key", key), ("revision", .number(revision)), ("create_revision", .number(createRevision)),
            ("version", .number(version)), ("created", .bool(created)),
        ]
        if let lease { members += [("lease", .string(lease.id.description))] + lease.times }
        return .object(members)
    }
}

extension KeyRecord {
    /// As the API writes it.
    var json: JSONValue {
        .object([
            JSONValue.member("key", key), JSONValue.member("value", value),
            ("create_revision", .number(createRevision)), ("mod_revision", .number(modRevision)),
            ("version", .number(version)), ("lease", .optional(lease) { .string($0.description) }),
        ])
    }
}
