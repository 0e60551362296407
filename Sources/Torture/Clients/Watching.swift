/// Somebody who is told changes until a run ends.
protocol Watching: AnyObject, Sendable {
    var name: String { get }
    /// Everything up to this revision, or fence of an office, was told, and perhaps only a part of this one.
    var reached: UInt64 { get }
    /// Why it could not go on.
    var failure: String? { get }
    /// Whether it is told only where something happens among its keys, which are not all.
    var isNarrow: Bool { get }
    func run() async
    /// Notes that everything up to here was awaited.
    func close(at number: UInt64)
}

extension Watching {
    var isNarrow: Bool { false }
}
