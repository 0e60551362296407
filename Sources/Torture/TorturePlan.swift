package import Foundation
internal import LocalProcesses

/// What a run is to be.
package struct TorturePlan: Sendable {
    /// Members of the cluster, 3 or 5.
    package var nodes: Int
    /// How long faults and clients go on at least.
    package var length: Duration
    /// How many operations they go on for, and how long at most for these.
    package var least = 0
    package var longest: Duration
    /// Decides the faults, and what each client does; not how they meet.
    package var seed: UInt64
    /// Clients that write and read; lease holders and watchers come on top.
    package var clients: Int
    /// The pause of each client between two requests.
    package var pause: Duration
    package var history: URL
    /// Whether this process has network and mounts of its own, to make namespaces and disks in.
    package var isPrivate: Bool
    /// What runs the members; this program itself when `nil`.
    package var member: MemberProgram?

    package init(
        nodes: Int, length: Duration, seed: UInt64, clients: Int, pause: Duration, history: URL, isPrivate: Bool,
        member: MemberProgram? = nil
    ) {
        self.nodes = nodes
        self.length = length
        longest = length
        self.seed = seed
        self.clients = clients
        self.pause = pause
        self.history = history
        self.isPrivate = isPrivate
        self.member = member
    }

    /// The faults that this machine and the members' program allow.
    var kinds: [FaultKind] {
        FaultKind.allCases.filter { kind in
            if let order = kind.syncFault { return member?.syncFaults.contains(order) ?? false }
            return isPrivate || !kind.needsNetwork && kind != .fillDisk
        }
    }
}
