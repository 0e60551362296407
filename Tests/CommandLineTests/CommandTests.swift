import ArgumentParser
import ConclaveClient
import Serving
import Testing

@testable import conclave

@Suite struct TransactionsInWords {
    @Test func conditionsAreRead() throws {
        #expect(try TransactionWords("absent k").comparison() == .init("k", .equal, .createRevision(0)))
        #expect(try TransactionWords("present k").comparison() == .init("k", .greater, .createRevision(0)))
        #expect(try TransactionWords("value k == v").comparison() == .init("k", .equal, .value("v")))
        #expect(try TransactionWords("version k > 3").comparison() == .init("k", .greater, .version(3)))
        #expect(try TransactionWords("lease k != none").comparison() == .init("k", .notEqual, .lease(nil)))
    }

    @Test func quotationMarksKeepSpacesAndNothing() throws {
        #expect(try TransactionWords(#"put "a key" "say \"hi\"""#).operation() == .put("a key", #"say "hi""#))
        #expect(try TransactionWords(#"put k """#).operation() == .put("k", ""))
        #expect(try TransactionWords("  delete   k ").operation() == .delete("k"))
        #expect(try TransactionWords("get-prefix jobs/").operation() == .getPrefix("jobs/"))
    }

    @Test(arguments: ["", "put k", "put k v w", "fetch k", "version k > x", "value k ~ v"])
    func whatIsNeitherConditionNorStepIsRefused(_ text: String) throws {
        let words = try TransactionWords(text)
        #expect(throws: ValidationError.self) { try words.operation() }
        #expect(throws: ValidationError.self) { try words.comparison() }
    }

    @Test func anOpenQuotationMarkIsRefused() {
        #expect(throws: ValidationError.self) { try TransactionWords(#"get "k"#) }
    }
}

@Suite struct ExitCodes {
    @Test(arguments: [
        (ConclaveError.Code.unreachable, Int32(2)), (.noLeader, 2), (.timeout, 2), (.preconditionFailed, 3),
        (.conflict, 3), (.leaseNotFound, 4), (.notFound, 4), (.compacted, 6), (.badRequest, 1), (.malformedAnswer, 1),
    ])
    func eachFailureHasItsCode(_ code: ConclaveError.Code, _ expected: Int32) {
        #expect(Exit.code(for: ConclaveError(code, "why")) == expected)
    }

    @Test func anUnknownOutcomeHasItsOwnCodeWhateverItsCause() {
        #expect(Exit.code(for: ConclaveError(.timeout, "why", outcome: .unknown)) == 5)
    }
}

@Suite struct Arguments {
    @Test func durationsAreReadWithTheirUnit() {
        #expect(DurationArgument(argument: "800ms")?.duration == .milliseconds(800))
        #expect(DurationArgument(argument: "3s")?.duration == .seconds(3))
        #expect(DurationArgument(argument: "2m")?.duration == .seconds(120))
        #expect(DurationArgument(argument: "24h")?.duration == .seconds(86400))
        for wrong in ["", "3", "s", "0s", "-1s", "1.5s", "3 s", "3d"] {
            #expect(DurationArgument(argument: wrong) == nil)
        }
    }

    @Test(arguments: [
        ["kv", "put", "k"], ["kv", "put", "k", "v", "--file", "f"],
        ["kv", "put", "k", "v", "--ttl", "3s", "--lease", "1"],
        ["kv", "put", "k", "v", "--if-absent", "--if-present"], ["kv", "delete", "k", "--prefix", "--if-present"],
        ["kv", "delete", "k", "--if-absent"], ["kv", "list", "--limit", "0"], ["txn"], ["watch"],
        ["txn", "--file", "f", "--then", "get k"], ["lease", "grant", "soon"], ["demo", "--nodes", "4"], ["nonsense"],
    ])
    func contradictionsAreRefusedBeforeAnythingIsSent(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try Conclave.parseAsRoot(arguments) }
    }

    @Test func theEndpointsComeFromTheOption() throws {
        let arguments = try ClientArguments.parse(["--endpoints", "a:1,b:2"])
        #expect(try arguments.resolved().map(\.url) == ["http://a:1", "http://b:2"])
    }

    @Test(
        arguments: [
            KeyCommand.self, TransactionCommand.self, LeaseCommand.self, WatchCommand.self, StatusCommand.self,
            DemoCommand.self, BenchCommand.self, ServeCommand.self, DevCommand.self,
        ] as [any ParsableCommand.Type])
    func everySubcommandTeachesWithAnExample(_ root: any ParsableCommand.Type) {
        for command in [root] + root.configuration.subcommands where command.configuration.subcommands.isEmpty {
            #expect(command.helpMessage().contains("EXAMPLE"), "\(command)")
        }
    }
}

@Suite struct Printing {
    @Test func jsonKeepsOrderAndEscapes() {
        let value = JSONValue.object([
            ("b", .string("\"\\\n\u{1}ü")), ("a", .array([.number(1), .bool(true), .null, .real(0.5)])),
            JSONValue.member("value", ByteString([0xFF])),
        ])
        #expect(value.text == #"{"b":"\"\\\n\u0001ü","a":[1,true,null,0.5],"value_base64":"/w=="}"#)
    }

    @Test func tablesAlignTheirColumns() {
        var table = Table(["NAME", "N"], rightAligned: [1])
        table.add(["a", "10"])
        table.add(["longer", "7"])
        #expect(table.text == "NAME     N\na       10\nlonger   7")
    }

    @Test func coloursTakeNoPlaceInATable() {
        var table = Table(["STATE", "N"])
        table.add(["\u{1B}[31mgone\u{1B}[0m", "1"])
        table.add(["follower", "2"])
        #expect(table.text == "STATE     N\n\u{1B}[31mgone\u{1B}[0m      1\nfollower  2")
    }

    @Test func amountsAreSpoken() {
        #expect(Duration.milliseconds(85).spoken == "85 ms")
        #expect(Duration.milliseconds(2940).spoken == "2.94 s")
        #expect(Duration.seconds(10).spoken == "10 s")
        #expect(Duration.seconds(185).spoken == "3 min 5 s")
        #expect(Duration.seconds(7440).spoken == "2 h 4 min")
        #expect(fixed(-0.04, places: 1) == "0.0")
        #expect(fixed(-1.25, places: 1) == "-1.3")
    }

    @Test func bytesAreShownOnOneLine() {
        #expect(ByteString("a\nb\u{1B}[31m").shown == #"a\nb\u{1B}[31m"#)
        #expect(ByteString([0xFF]).shown == "base64:/w==")
        #expect(ByteString("short").glimpse == "short")
        let long = String(repeating: "ü", count: 200)
        #expect(ByteString("x" + long).glimpse == "x" + long.prefix(74) + " … (401 bytes)")
    }
}
