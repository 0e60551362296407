/// What was done to a cluster.
package struct FaultAccount: Sendable {
    package var counts: [FaultKind: Int] = [:]
    /// Processes ended with SIGKILL.
    package var kills = 0
    /// Members whose syncs met an order to hang, and how many of those led.
    package var hangs = 0
    package var hungLeaders = 0
    /// Members whose syncs met an order to fail, and how many members ended because of such an order.
    package var failures = 0
    package var failureExits = 0
    /// Where a leader was lost and nothing else was wrong: the time until a later write was acknowledged, in microseconds.
    package var recoveries: [FaultKind: [Int64]] = [:]

    package var partitions: Int { counts.filter(\.key.isPartition).values.reduce(0, +) }
    package var faults: Int { counts.values.reduce(0, +) }
}
