import Testing

@testable import ConclaveClient

@Suite struct EventStreams {
    private typealias Item = EventStreamParser.Item

    /// A stream with every feature in it, and what it says.
    private let stream =
        "\u{FEFF}: hello\n\nevent: put\ndata: {\"a\":1}\nid: 42\n\n"
        + "event:delete\r\ndata:first\r\ndata: second\r\n\r\n"
        + ":\rdata\rid: 43\r\rretry: 10\nunknown: x\ndata:  two spaces, ünïcödé\n\n"
        + "event: lost without data\nid: 99\n\ndata: last\n\n"
    private let expected: [EventStreamParser.Item] = [
        .comment("hello"),
        .event(name: "put", data: Array(#"{"a":1}"#.utf8), id: "42"),
        .event(name: "delete", data: Array("first\nsecond".utf8), id: nil),
        .comment(""),
        .event(name: "message", data: [], id: "43"),
        .event(name: "message", data: Array(" two spaces, ünïcödé".utf8), id: nil),
        .event(name: "message", data: Array("last".utf8), id: nil),
    ]

    private func parse(_ pieces: [ArraySlice<UInt8>], limit: Int = 1000) throws -> [Item] {
        var parser = EventStreamParser(limit: limit)
        var items: [Item] = []
        for piece in pieces {
            parser.append(piece)
            while let item = try parser.next() { items.append(item) }
        }
        return items
    }

    @Test func aStreamReadsTheSameInTwoPiecesWhereverItIsCut() throws {
        let bytes = Array(stream.utf8)
        for cut in 0...bytes.count {
            #expect(try parse([bytes[..<cut], bytes[cut...]]) == expected, "cut at \(cut)")
        }
    }

    @Test func aStreamReadsTheSameByteByByte() throws {
        let bytes = Array(stream.utf8)
        #expect(try parse(bytes.indices.map { bytes[$0...$0] }) == expected)
    }

    @Test func anUnfinishedEventIsNotTold() throws {
        #expect(try parse([Array("data: half\nid: 4\n".utf8)[...]]).isEmpty)
    }

    @Test func anEventAboveTheLimitIsRefusedInOneLineAndInMany() {
        let line = Array(("data: " + String(repeating: "x", count: 200)).utf8)
        let lines = Array(String(repeating: "data: xxxxxxxxx\n", count: 20).utf8)
        #expect(throws: EventStreamParser.TooLarge.self) { try parse([line[...]], limit: 100) }
        #expect(throws: EventStreamParser.TooLarge.self) { try parse([lines[...]], limit: 100) }
    }

    @Test func aHeartbeatCarriesTheRevisionReached() {
        #expect(number(in: "revision 43") == 43)
        #expect(number(in: "43") == 43)
        #expect(number(in: "") == nil)
    }
}

@Suite struct Cursors {
    @Test func aRevisionIsResumedOnlyWhenItWasToldInFull() throws {
        var cursor = WatchCursor(after: 10)
        #expect(try cursor.received(revision: 11, mark: nil))
        #expect(cursor.resumeAfter == 10)
        #expect(try cursor.received(revision: 11, mark: 11))
        #expect(cursor.resumeAfter == 11)
    }

    @Test func eventsToldBeforeTheBreakArePassedOverAfterIt() throws {
        var cursor = WatchCursor(after: 10)
        #expect(try cursor.received(revision: 11, mark: nil))
        #expect(try cursor.received(revision: 11, mark: nil))
        cursor.connected()
        #expect(try !cursor.received(revision: 11, mark: nil))
        // A second break, before the first place was reached again.
        cursor.connected()
        #expect(try !cursor.received(revision: 11, mark: nil))
        #expect(try !cursor.received(revision: 11, mark: nil))
        #expect(try cursor.received(revision: 11, mark: nil))
        #expect(try cursor.received(revision: 11, mark: 11))
        #expect(try cursor.received(revision: 12, mark: 12))
        #expect(cursor.resumeAfter == 12)
    }

    @Test func aNodeThatGoesBackIsCaught() throws {
        var cursor = WatchCursor(after: 10)
        #expect(try cursor.received(revision: 11, mark: 11))
        #expect(throws: ConclaveError.self) { try cursor.received(revision: 11, mark: 11) }
    }

    @Test func aHeartbeatMovesTheCursorForward() throws {
        var cursor = WatchCursor(after: nil)
        cursor.reached(20)
        cursor.reached(15)
        #expect(cursor.resumeAfter == 20)
    }
}
