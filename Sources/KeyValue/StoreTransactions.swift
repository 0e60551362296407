internal import Primitives

/// Transactions: everything that can fail is looked at before the first write, so that none is ever half applied.
extension Store {
    mutating func apply(_ transaction: Transaction) -> CommandResult {
        // Both branches are held to it, so that a mistake shows the first time and not the day its branch is taken.
        if let key = transaction.then.keyWrittenTwice ?? transaction.otherwise.keyWrittenTwice {
            return .failed(.duplicateKey(key))
        }
        let succeeded = transaction.comparisons.allSatisfy { $0.holds(for: keys.record(for: $0.key)) }
        let operations = succeeded ? transaction.then : transaction.otherwise
        if let failure = refusal(of: operations) { return .failed(failure) }
        var results: [OperationResult] = []
        results.reserveCapacity(operations.count)
        var budget = Limits.rangeBytes
        for operation in operations { results.append(perform(operation, budget: &budget)) }
        return .transaction(
            TransactionResult(succeeded: succeeded, results: results, revision: keys.reachedRevision))
    }

    private func refusal(of operations: [Transaction.Operation]) -> CommandFailure? {
        var attachments = AttachmentCheck()
        var added = 0
        for operation in operations {
            switch operation {
            case .put(let put):
                if let failure = attachments.refusal(of: put.lease, in: self) { return failure }
                added += Version.bytes(key: put.key, value: put.value)
            case .get(let query):
                if let failure = keys.refusal(of: query) { return failure }
            case .delete: break
            }
        }
        return added > 0 ? quotaRefusal(adding: added) : nil
    }

    private mutating func perform(_ operation: Transaction.Operation, budget: inout Int) -> OperationResult {
        switch operation {
        case .put(let put): .put(write(put, at: keys.search(put.key)))
        case .get(let query): .get(keys.page(query, budget: &budget))
        case .delete(let selection): .deleted(count: delete(selection))
        }
    }
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

extension [Transaction.Operation] {
    /// The first key that is put twice, or both put and deleted.
    fileprivate var keyWrittenTwice: Bytes? {
        guard count > 1 else { return nil }
        let deleted = compactMap { operation in
            if case .delete(let selection) = operation { selection } else { nil }
        }
        var written: Set<Bytes> = []
        for case .put(let put) in self {
            let isNew = written.insert(put.key).inserted
            if !isNew || deleted.contains(where: { $0.contains(put.key) }) { return put.key }
        }
        return nil
    }
}
