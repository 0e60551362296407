import NIOCore
import NIOHTTP1

/// If all comparisons hold, then one list of operations, else another; all writes share one revision.
///
/// Its JSON is that of the API, so that a transaction can be kept in a file.
public struct Transaction: Hashable, Sendable {
    /// All of these must hold; none at all always hold.
    public var comparisons: [Comparison]
    /// What is done when they hold.
    public var then: [Operation]
    /// What is done when they do not.
    public var otherwise: [Operation]

    /// A transaction of these parts.
    public init(if comparisons: [Comparison] = [], then: [Operation], else otherwise: [Operation] = []) {
        self.comparisons = comparisons
        self.then = then
        self.otherwise = otherwise
    }

    /// One thing that must hold of one key.
    public struct Comparison: Hashable, Sendable {
        /// The key; one that does not exist has revisions, version and lease 0, and no value.
        public var key: ByteString
        /// What of the key is compared, and with what.
        public var target: Target
        /// How the key's own is to stand to it.
        public var relation: Relation

        /// `target` of `key` stands in `relation` to the value that `target` carries.
        public init(_ key: ByteString, _ relation: Relation, _ target: Target) {
            self.key = key
            self.target = target
            self.relation = relation
        }
    }

    /// What of a key is compared, with the value it is compared with.
    public enum Target: Hashable, Sendable {
        /// The revision of the last write.
        case modRevision(UInt64)
        /// The revision at which the key came into being; 0 asks whether it does not exist.
        case createRevision(UInt64)
        /// The count of its writes.
        case version(UInt64)
        /// The value itself.
        case value(ByteString)
        /// The lease it hangs on; `nil` for none.
        case lease(LeaseID?)
    }

    /// How two values stand to each other.
    public enum Relation: String, Hashable, Sendable, CaseIterable, Codable {
        /// They are the same.
        case equal = "=="
        /// They differ.
        case notEqual = "!="
        /// The key's own is smaller.
        case less = "<"
        /// The key's own is larger.
        case greater = ">"
    }

    /// One step of a transaction.
    public enum Operation: Hashable, Sendable {
        /// Writes a key.
        case put(ByteString, ByteString, lease: LeaseID? = nil)
        /// Reads a key; sees the writes before it.
        case get(ByteString)
        /// Reads the keys that begin with a prefix.
        case getPrefix(ByteString, limit: Int? = nil)
        /// Deletes a key.
        case delete(ByteString)
        /// Deletes the keys that begin with a prefix.
        case deletePrefix(ByteString)
    }
}

/// What a transaction came to.
public struct TransactionResult: Sendable {
    /// Whether the comparisons held.
    public var succeeded: Bool
    /// One per operation carried out, in order.
    public var results: [OperationResult]
    /// The revision of its writes, or the one it read at.
    public var revision: UInt64
}

/// What one operation of a transaction came to.
public enum OperationResult: Sendable {
    /// A key was written.
    case put(revision: UInt64, created: Bool)
    /// Keys were read.
    case get(KeyPage)
    /// So many keys were deleted.
    case deleted(Int)
}

extension ClusterClient {
    /// Carries out a transaction in one step.
    ///
    /// - Parameters:
    ///   - transaction: what is compared and done.
    ///   - fence: the leadership in whose name it is done; nothing is when that does not stand any more.
    ///   - idempotencyKey: makes it safe to repeat by the caller; by default the client draws one of its own.
    /// - Returns: which branch was taken, and its results; comparisons that do not hold are not an error.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/fenced`` when the leadership does not stand.
    @discardableResult
    public func run(
        _ transaction: Transaction, fence: Fence? = nil, idempotencyKey: IdempotencyKey? = nil
    ) async throws -> TransactionResult {
        var call = Call(method: .POST, path: "/v1/txn")
        call.setJSON(try JSON.encode(transaction))
        let wire = try await perform(identified(call, by: idempotencyKey, fence: fence))
            .decode(WireTransaction.self)
        return TransactionResult(
            succeeded: wire.succeeded, results: wire.results.map(\.result), revision: wire.revision)
    }
}

private struct WireTransaction: Decodable {
    var succeeded: Bool
    var results: [WireOperationResult]
    var revision: UInt64
}

private struct WireOperationResult: Decodable {
    var result: OperationResult

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        if fields.contains("put") {
            let put = try fields.decode(WirePut.self, forKey: "put")
            result = .put(revision: put.revision, created: put.created)
        } else if fields.contains("get") {
            result = .get(try fields.decode(WirePage.self, forKey: "get").page)
        } else {
            result = .deleted(try fields.decode(WireDelete.self, forKey: "delete").deleted)
        }
    }
}
