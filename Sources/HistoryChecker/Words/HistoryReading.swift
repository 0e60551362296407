extension RecordedHistory {
    /// Reads a history file. Throws when a line is not one, or when its last line is missing.
    package init(reading bytes: UnsafeRawBufferPointer) throws(HistoryFault) {
        self.init()
        var number = 0
        var start = 0
        var isWhole = false
        var told: Set<Watched.Event> = []
        while start < bytes.count {
            let stop = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            number += 1
            var scanner = Scanner(UnsafeRawBufferPointer(rebasing: bytes[start..<stop]), number: number)
            if number == 1 {
                guard scanner.take("history"), scanner.take("1") else {
                    throw scanner.fault("\"history 1\" is expected")
                }
            } else {
                isWhole = try readLine(&scanner, &told)
            }
            start = stop + 1
        }
        guard isWhole else { throw HistoryFault(line: number, complaint: "the line \"end\" is expected last") }
    }

    /// As ``init(reading:)``, from text.
    package init(text: String) throws(HistoryFault) {
        self = try Array(text.utf8).withUnsafeBytes { raw in
            Result { () throws(HistoryFault) in try RecordedHistory(reading: raw) }
        }.get()
    }

    /// Returns whether it was the last line. What was `told` before is kept once.
    private mutating func readLine(
        _ line: inout Scanner, _ told: inout Set<Watched.Event>
    ) throws(HistoryFault) -> Bool {
        if line.isAtEnd || line.take("#") { return end > 0 }
        if line.take("op") {
            operations.append(try line.operation())
        } else if line.take("log") {
            log.append(try line.change())
        } else if line.take("watch") {
            let name = try line.word()
            var delivery = try line.delivery()
            delivery.event = told.insert(delivery.event).memberAfterInsert
            watches[name, default: Watched()].deliveries.append(delivery)
        } else if line.take("select") {
            let name = try line.word()
            watches[name, default: Watched()].selections.append(try line.selection())
        } else if line.take("seat") {
            offices.append(try line.officeChange())
        } else if line.take("end") {
            end = try line.time()
            return true
        } else {
            throw line.fault("it begins with a word that is not known")
        }
        return false
    }
}

extension Scanner {
    fileprivate mutating func operation() throws(HistoryFault) -> Operation {
        let client = try word()
        let node = try word()
        let call = try time()
        let end = try time()
        guard end >= call else { throw fault("it ends before it begins") }
        let key = try field("id=").map(text)
        let invocation = try invocation()
        guard take("=>") else { throw fault("\"=>\" is expected after what was asked") }
        return Operation(
            client: client, node: node, call: call, end: end, idempotencyKey: key, invocation, try response())
    }

    fileprivate mutating func change() throws(HistoryFault) -> Change {
        if take("put") { return Change(put: try record()) }
        guard take("delete") else { throw fault("a change is a put or a delete") }
        let key = try word()
        let revision = try revision()
        guard let reason = Change.Reason(rawValue: try word()) else { throw fault("that is no reason of a deletion") }
        return Change(delete: key, at: revision, reason)
    }

    fileprivate mutating func selection() throws(HistoryFault) -> Watched.Selection {
        if take("key") { return .key(try word()) }
        if take("office") { return .office(try office()) }
        guard take("prefix") else { throw fault("a watch selects a key, a prefix or an office") }
        return .prefix(try value())
    }

    fileprivate mutating func delivery() throws(HistoryFault) -> Watched.Delivery {
        Watched.Delivery(time: try time(), try event())
    }

    private mutating func event() throws(HistoryFault) -> Watched.Event {
        if take("opened") { return .opened(after: try revision()) }
        if take("progress") { return .progress(try revision()) }
        if take("broken") { return .broken }
        if take("closed") { return .closed(try revision()) }
        if take("state") {
            let revision = try revision()
            return .state(try records(), revision: revision)
        }
        if take("office") { return .office(try officeChange()) }
        let change = try change()
        return .change(change, previous: take("was") ? try record() : nil)
    }

    /// All records up to the end of the line.
    private mutating func records() throws(HistoryFault) -> [Record] {
        var records: [Record] = []
        while !isAtEnd { records.append(try record()) }
        return records
    }
}
