/// A line of keys as etcd's elections and locks keep it: `NAME/LEASE`, and whoever's key was created first is at the front.
///
/// Each request of a line has a lease of its own, so that each has a key of its own.
package enum LineRequest: Hashable, Sendable {
    /// Takes a place, and waits until it is at the front. A lock publishes no value.
    case enter(String, lease: UInt64, value: String?)
    /// Publishes another value, while the key was created at this revision.
    case proclaim(Place, value: String)
    /// Gives the place up, while the key was created at this revision.
    case resign(Place)
    /// Frees a lock.
    case unlock(String, lease: UInt64)
    /// The record at the front; by a stream of which the first answer is taken, or at once.
    case front(String, observing: Bool)

    package struct Place: Hashable, Sendable {
        package var name: String
        package var lease: UInt64
        package var created: UInt64
        package init(_ name: String, lease: UInt64, created: UInt64) {
            self.name = name
            self.lease = lease
            self.created = created
        }

        package var key: String { LineRequest.key(name, lease) }
    }

    package static func key(_ name: String, _ lease: UInt64) -> String { name + "/" + String(lease, radix: 16) }

    /// As a transaction of keys, for those that are one.
    var transaction: Transaction? {
        switch self {
        case .proclaim(let place, let value):
            Transaction(
                if: [.init(place.key, .created, .equal, String(place.created))],
                then: [.put(place.key, value, lease: place.lease)])
        case .resign(let place):
            Transaction(
                if: [.init(place.key, .created, .equal, String(place.created))], then: [.delete(place.key)])
        case .unlock(let name, let lease):
            Transaction(
                if: [.init(Self.key(name, lease), .lease, .equal, String(lease, radix: 16))],
                then: [.delete(Self.key(name, lease))])
        case .enter, .front: nil
        }
    }
}
