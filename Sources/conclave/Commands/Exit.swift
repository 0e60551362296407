import ConclaveClient

/// What the process's exit code tells a script.
enum Exit {
    static let other: Int32 = 1
    static let unreachable: Int32 = 2
    static let preconditionFailed: Int32 = 3
    static let notFound: Int32 = 4
    static let unknownOutcome: Int32 = 5
    static let compacted: Int32 = 6

    static let explanation = """
        EXIT CODES
          0  done
          1  wrong usage, or an error that is none of the following
          2  no node could be reached, or the cluster has no leader
          3  a condition did not hold: nothing was changed, or, with txn,
             the else branch was taken; a lock is somebody else's, an
             office was lost
          4  no such key, lease, election or lock
          5  the answer was lost: a write may have been applied, or not
          6  the history asked for is compacted
        """

    static func code(for error: ConclaveError) -> Int32 {
        if error.outcome == .unknown { return unknownOutcome }
        return switch error.code {
        case .unreachable, .noLeader, .notReady, .timeout, .overloaded: unreachable
        case .preconditionFailed, .fenced, .conflict: preconditionFailed
        case .notFound, .leaseNotFound: notFound
        case .compacted: compacted
        default: other
        }
    }
}

/// A request of a command failed.
struct CommandFailure: Error {
    var cause: ConclaveError
    var json: Bool

    /// What is written to standard error.
    var text: String {
        if json { return document.text }
        let holder = cause.holder.map { "; it holds \($0.value.glimpse)" } ?? ""
        return "conclave: \(cause.description)\(holder)"
    }

    private var document: JSONValue {
        .object([
            ("error", .string(cause.code.name)), ("detail", .string(cause.detail)),
            ("outcome", .string(cause.outcome.rawValue)), ("holder", .optional(cause.holder) { $0.json }),
            ("leader", .optional(cause.incumbent) { $0.json }),
        ])
    }
}
