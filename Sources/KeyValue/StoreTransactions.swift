internal import Primitives

/// Transactions: everything that can fail is looked at before the first write, so that none is ever half applied.
extension Store {
    mutating func apply(_ transaction: Transaction) -> CommandResult {
        // All branches are held to it, so that a mistake shows the first time and not the day its branch is taken.
        if let key = transaction.keyWrittenTwice { return .failed(.duplicateKey(key)) }
        var course = Course()
        decide(transaction, &course)
        var check = OperationCheck()
        if let failure = refusal(of: transaction, &course, &check) ?? check.readFailure { return .failed(failure) }
        if check.added > 0, let failure = quotaRefusal(adding: check.added) { return .failed(failure) }
        course.rewind()
        var budget = Limits.rangeBytes
        return .transaction(perform(transaction, &course, budget: &budget))
    }

    /// Decides for the transaction and those inside that it comes to which branch is taken.
    private func decide(_ transaction: Transaction, _ course: inout Course) {
        let succeeded = transaction.comparisons.allSatisfy { holds($0) }
        course.note(succeeded)
        for case .transaction(let inner) in transaction.branch(succeeded) { decide(inner, &course) }
    }

    private func holds(_ comparison: Transaction.Comparison) -> Bool {
        if case .key(let key) = comparison.selection { return comparison.holds(for: keys.record(for: key)) }
        var isEmpty = true
        let allHold = keys.allRecords(in: comparison.selection) { record in
            isEmpty = false
            return comparison.holds(for: record)
        }
        return isEmpty ? comparison.holds(for: nil) : allHold
    }

    private func refusal(
        of transaction: Transaction, _ course: inout Course, _ check: inout OperationCheck
    ) -> CommandFailure? {
        for operation in transaction.branch(course.next()) {
            switch operation {
            case .put(let put):
                let holder = put.keepsSomething ? keys.record(for: put.key) : nil
                if let failure = put.refusal(over: holder) { return failure }
                if let failure = check.attachments.refusal(of: put.lease, in: self) { return failure }
                check.added += put.bytes(over: holder)
            case .get(let query): check.readFailure = check.readFailure ?? keys.refusal(of: query)
            case .delete: break
            case .transaction(let inner):
                if let failure = refusal(of: inner, &course, &check) { return failure }
            }
        }
        return nil
    }

    private mutating func perform(
        _ transaction: Transaction, _ course: inout Course, budget: inout Int
    ) -> TransactionResult {
        let succeeded = course.next()
        let operations = transaction.branch(succeeded)
        var results: [OperationResult] = []
        results.reserveCapacity(operations.count)
        for operation in operations {
            let result: OperationResult =
                switch operation {
                case .put(let put): .put(write(put))
                case .get(let query): .get(keys.page(query, budget: &budget))
                case .delete(let selection): .deleted(count: delete(selection))
                case .transaction(let inner): .transaction(perform(inner, &course, budget: &budget))
                }
            results.append(result)
        }
        return TransactionResult(succeeded: succeeded, results: results, revision: keys.reachedRevision)
    }
}

/// Which branches a transaction and those inside take, in the order in which they are come to.
private struct Course {
    private var decisions: [Bool] = []
    private var place = 0

    mutating func note(_ succeeded: Bool) { decisions.append(succeeded) }
    mutating func rewind() { place = 0 }
    mutating func next() -> Bool {
        defer { place += 1 }
        return decisions[place]
    }
}

/// What the operations to be carried out ask of the store.
private struct OperationCheck {
    var attachments = AttachmentCheck()
    /// Bytes that the puts add.
    var added = 0
    /// The first read that cannot be answered; puts come first.
    var readFailure: CommandFailure?
}

extension Transaction {
    fileprivate func branch(_ succeeded: Bool) -> [Operation] { succeeded ? then : otherwise }
}

extension Transaction.Comparison {
    func holds(for record: KeyRecord?) -> Bool {
        switch target {
        case .modRevision(let number): relation.holds(record?.modRevision.rawValue ?? 0, number)
        case .createRevision(let number): relation.holds(record?.createRevision.rawValue ?? 0, number)
        case .version(let number): relation.holds(record?.version ?? 0, number)
        case .lease(let number): relation.holds(record?.lease?.rawValue ?? 0, number)
        case .value(let bytes): record.map { relation.holds(ByteKey($0.value), ByteKey(bytes)) } ?? false
        }
    }
}

extension Transaction.Relation {
    fileprivate func holds<Operand: Comparable>(_ left: Operand, _ right: Operand) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .greater: left > right
        }
    }
}
