internal import ArgumentParser
package import Simulation

/// Where the nodes of simulated worlds keep their logs and states.
package enum WorldStores: String, CaseIterable, Sendable {
    /// In a plain record of what is durable.
    case simulated
    /// In the SQLite stores that ship, on a disk in memory that forgets at a crash what was not synced.
    case sqlite
    /// Some worlds in the stores, most in the record.
    case mixed

    /// The real stores of this program; it may have none.
    @TaskLocal package static var maker: NodeStoresMaker?

    /// The stores of a seed's world: of every 120 seeds four in a row have real ones, with each size of cluster of a mix.
    func stores(seed: UInt64) -> NodeStoresMaker? {
        switch self {
        case .simulated: nil
        case .sqlite: Self.maker
        case .mixed: seed / 4 % 30 == 7 ? Self.maker : nil
        }
    }
}

extension WorldStores: ExpressibleByArgument {}
