/// A 128-bit hash of everything combined into it, the same on every machine: wide enough that two different things among
/// billions do not share one by chance.
package struct Fingerprint: Hashable, Sendable {
    private var first = Digest()
    private var second = Digest(rawState: 0x6A09_E667_F3BC_C908)

    package init() {}

    /// Half of it, for a comparison among a few.
    package var folded: UInt64 { first.value ^ second.value }

    package mutating func combine(_ value: UInt64) {
        first.combine(value)
        second.combine(value ^ 0x5555_5555_5555_5555)
    }

    package mutating func combine(_ value: Bool) { combine(value ? 1 : 0) }

    package mutating func combine(_ bytes: Bytes) {
        first.combine(bytes)
        second.combine(bytes)
    }
}
