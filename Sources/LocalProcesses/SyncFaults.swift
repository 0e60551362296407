internal import Foundation

/// What goes wrong when a member syncs its files, as a file beside its data directory orders it: written by who torments the
/// member, looked at before each sync by a member that is made for it.
package struct SyncFaults: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// Syncs do not return before this is over.
        case hang
        /// Syncs fail, and what they were for may or may not be on the disk.
        case fail
    }

    /// What a member that looks at such orders says it can do.
    package static let names = Kind.allCases.map(\.rawValue)

    private let orders: String
    private let evidence: String

    package init(of dataDirectory: String) {
        orders = dataDirectory + ".syncs"
        evidence = dataDirectory + ".syncs.met"
    }

    /// Lets this happen from now on; `nil` is that all is well.
    package func order(_ kind: Kind?) throws {
        unlink(evidence)
        guard let kind else {
            unlink(orders)
            return
        }
        try Data(kind.rawValue.utf8).write(to: URL(filePath: orders), options: .atomic)
    }

    package var ordered: Kind? { SmallFile.text(orders).flatMap(Kind.init) }

    /// Leaves word that a sync has met the order.
    package func meet() { close(open(evidence, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)) }

    /// Whether a sync has met the order that was given last.
    package var isMet: Bool { access(evidence, F_OK) == 0 }
}
