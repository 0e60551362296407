package import Primitives

extension Transaction {
    /// The first key that one course of the transaction, whatever its comparisons come to, puts twice, or both puts and
    /// deletes.
    package var keyWrittenTwice: Bytes? {
        guard then.count > 1 || otherwise.count > 1 || hasInner else { return nil }
        var writes = BranchWrites()
        return writes.add(branchesOf: self)
    }

    private var hasInner: Bool {
        func isInner(_ operation: Operation) -> Bool { if case .transaction = operation { true } else { false } }
        return then.contains(where: isInner) || otherwise.contains(where: isInner)
    }
}

/// What the operations of one branch write, whichever branches those inside take.
private struct BranchWrites {
    /// In the order they were come to.
    private var puts: [Bytes] = []
    private var known: Set<Bytes> = []
    private var deleted: [KeySelection] = []

    /// Adds both branches, of which one is taken: they may write the same.
    ///
    /// - Returns: a key written twice, after which nothing was added.
    mutating func add(branchesOf transaction: Transaction) -> Bytes? {
        var then = BranchWrites()
        var otherwise = BranchWrites()
        if let key = then.add(transaction.then) ?? otherwise.add(transaction.otherwise) { return key }
        for branch in [then, otherwise] {
            if let key = branch.puts.first(where: { known.contains($0) || isDeleted($0) }) { return key }
            if let key = puts.first(where: branch.isDeleted) { return key }
        }
        for branch in [then, otherwise] {
            for key in branch.puts where known.insert(key).inserted { puts.append(key) }
            deleted += branch.deleted
        }
        return nil
    }

    /// Transactions inside come first, then the puts of this level, as deletes anywhere on it count.
    private mutating func add(_ operations: [Transaction.Operation]) -> Bytes? {
        for case .delete(let selection) in operations { deleted.append(selection) }
        for case .transaction(let inner) in operations {
            if let key = add(branchesOf: inner) { return key }
        }
        for case .put(let put) in operations {
            if isDeleted(put.key) || !known.insert(put.key).inserted { return put.key }
            puts.append(put.key)
        }
        return nil
    }

    private func isDeleted(_ key: Bytes) -> Bool { deleted.contains { $0.contains(key) } }
}
