import ArgumentParser
import ConclaveClient
import Foundation

/// `conclave txn`
struct TransactionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "txn",
        abstract: "Compare and write several keys in one step.",
        discussion: """
            EXAMPLE
              conclave txn --if 'value controller == node-1' --if 'version config > 0' \\
                           --then 'put controller node-2' --then 'delete config' --else 'get controller'
              conclave txn --file step.json        the API's JSON; - reads standard input

            CONDITIONS
              absent KEY | present KEY | TARGET KEY OP VALUE
              with TARGET value, version, mod_revision, create_revision or lease, OP ==, !=, < or >
            STEPS
              put KEY VALUE | get KEY | get-prefix PREFIX | delete KEY | delete-prefix PREFIX
            Words are separated by spaces; "…" keeps spaces in a word, \\" and \\\\ stand for themselves.

            Conditions that do not hold are exit code 3, whatever the else branch did.
            """)

    @Option(name: .customLong("if"), parsing: .singleValue, help: "A condition; all of them must hold.")
    var conditions: [String] = []
    @Option(name: .customLong("then"), parsing: .singleValue, help: "A step when they hold.")
    var steps: [String] = []
    @Option(name: .customLong("else"), parsing: .singleValue, help: "A step when they do not.")
    var alternatives: [String] = []
    @Option(help: "Read the whole transaction as JSON from this file, or from standard input with -.")
    var file: String?
    @OptionGroup var leadership: FenceArgument
    @Option(help: "<client>/<number>: a repetition with the same key changes nothing and is answered alike.")
    var idempotencyKey: IdempotencyKey?
    @OptionGroup var client: ClientArguments

    func validate() throws {
        let isWritten = !conditions.isEmpty || !steps.isEmpty || !alternatives.isEmpty
        guard isWritten != (file != nil) else {
            throw ValidationError("give either --file, or --if, --then and --else")
        }
    }

    func run() async throws {
        let transaction = try transaction()
        let result = try await client.withClient {
            try await $0.run(transaction, fence: leadership.fence, idempotencyKey: idempotencyKey)
        }
        client.print(result.lines, json: result.json)
        if !result.succeeded { throw ExitCode(Exit.preconditionFailed) }
    }

    private func transaction() throws -> Transaction {
        guard let file else {
            return Transaction(
                if: try conditions.map { try TransactionWords($0).comparison() },
                then: try steps.map { try TransactionWords($0).operation() },
                else: try alternatives.map { try TransactionWords($0).operation() })
        }
        let data = file == "-" ? Data(try Terminal.readAll()) : Data(try Terminal.readFile(file))
        do {
            return try JSONDecoder().decode(Transaction.self, from: data)
        } catch {
            throw ValidationError("\(file) holds no transaction: \(error)")
        }
    }
}

/// One condition or step as it is written on the command line.
struct TransactionWords {
    private let text: String
    private let words: [String]

    init(_ text: String) throws {
        self.text = text
        words = try split(text)
    }

    func comparison() throws -> Transaction.Comparison {
        switch words.count {
        case 2 where words[0] == "absent":
            return Transaction.Comparison(ByteString(words[1]), .equal, .createRevision(0))
        case 2 where words[0] == "present":
            return Transaction.Comparison(ByteString(words[1]), .greater, .createRevision(0))
        case 4:
            guard let relation = Transaction.Relation(rawValue: words[2]), let target = target(words[0], words[3])
            else { break }
            return Transaction.Comparison(ByteString(words[1]), relation, target)
        default: break
        }
        throw ValidationError("\"\(text)\" is not a condition; write for example 'value controller == node-1'")
    }

    func operation() throws -> Transaction.Operation {
        switch (words.first, words.count) {
        case ("put", 3): return .put(ByteString(words[1]), ByteString(words[2]))
        case ("get", 2): return .get(ByteString(words[1]))
        case ("get-prefix", 2): return .getPrefix(ByteString(words[1]))
        case ("delete", 2): return .delete(ByteString(words[1]))
        case ("delete-prefix", 2): return .deletePrefix(ByteString(words[1]))
        default: throw ValidationError("\"\(text)\" is not a step; write for example 'put controller node-2'")
        }
    }

    private func target(_ name: String, _ value: String) -> Transaction.Target? {
        switch name {
        case "value": .value(ByteString(value))
        case "version": UInt64(value).map { .version($0) }
        case "mod_revision": UInt64(value).map { .modRevision($0) }
        case "create_revision": UInt64(value).map { .createRevision($0) }
        case "lease": value == "none" ? .lease(nil) : LeaseID(value).map { .lease($0) }
        default: nil
        }
    }
}

/// Words between spaces; quotation marks keep spaces, a backslash keeps what follows it.
private func split(_ text: String) throws -> [String] {
    var words: [String] = []
    var word: String?
    var quoted = false
    var escaped = false
    for character in text {
        switch character {
        case _ where escaped:
            word = (word ?? "") + String(character)
            escaped = false
        case "\\": escaped = true
        case "\"":
            quoted.toggle()
            word = word ?? ""
        case " " where !quoted:
            if let finished = word { words.append(finished) }
            word = nil
        default: word = (word ?? "") + String(character)
        }
    }
    guard !quoted, !escaped else { throw ValidationError("\"\(text)\" ends inside quotation marks") }
    return words + (word.map { [$0] } ?? [])
}

extension TransactionResult {
    /// One line for the branch, one for each step's result.
    fileprivate var lines: String {
        let branch = succeeded ? "the conditions held" : "the conditions did not hold"
        return (["revision \(revision), \(branch)"] + results.flatMap(\.lines)).joined(separator: "\n")
    }

    fileprivate var json: JSONValue {
        .object([
            ("succeeded", .bool(succeeded)), ("results", .array(results.map(\.json))), ("revision", .number(revision)),
        ])
    }
}

extension OperationResult {
    fileprivate var lines: [String] {
        switch self {
        case .put(_, let created): [created ? "  created" : "  replaced"]
        case .get(let page) where page.records.isEmpty: ["  nothing there"]
        case .get(let page): page.records.map { "  \($0.key.shown)\t\($0.value.glimpse)" }
        case .deleted(let count): ["  \(count) deleted"]
        }
    }

    fileprivate var json: JSONValue {
        switch self {
        case .put(let revision, let created):
            .object([("put", .object([("revision", .number(revision)), ("created", .bool(created))]))])
        case .get(let page):
            .object([
                (
                    "get",
                    .object([
                        ("kvs", .array(page.records.map(\.json))), ("count", .number(page.count)),
                        ("more", .bool(page.more)),
                    ])
                )
            ])
        case .deleted(let count): .object([("delete", .object([("deleted", .number(count))]))])
        }
    }
}
