/// The 64-bit FNV-1a hash with a final mix: the same on every machine and in every process, unlike `Hasher`.
package func stableHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var digest = Digest()
    for byte in bytes { digest.combine(byte: byte) }
    return digest.value
}

/// A hash that rolls along: equal inputs in equal order give equal values on every node.
@usableFromInline package struct Digest: Hashable, Sendable {
    @usableFromInline var state: UInt64

    @inlinable package init() { state = 0xCBF2_9CE4_8422_2325 }
    /// Continues from a ``rawState`` that was kept.
    @inlinable package init(rawState: UInt64) { state = rawState }

    /// The rolling state, to be kept and continued from.
    @inlinable package var rawState: UInt64 { state }
    /// The hash of everything combined so far.
    @inlinable package var value: UInt64 { mix(state) }

    @inlinable package mutating func combine(byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    @inlinable package mutating func combine(_ value: UInt64) {
        state = mix(state ^ (value &* 0x9E37_79B9_7F4A_7C15)) &* 0x0000_0100_0000_01B3
    }

    /// The length, then the bytes, eight at a time.
    package mutating func combine(_ bytes: Bytes) {
        bytes.withUnsafeBytes { combine($0) }
    }

    /// As ``combine(_:)-(Bytes)``, over raw memory.
    package mutating func combine(_ raw: UnsafeRawBufferPointer) {
        // On a copy, which need not be in memory.
        var digest = self
        digest.combine(UInt64(raw.count))
        var offset = 0
        while offset &+ 8 <= raw.count {
            digest.combine(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset &+= 8
        }
        while offset < raw.count {
            digest.combine(byte: raw[offset])
            offset &+= 1
        }
        self = digest
    }
}

@inlinable func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}

/// A small seeded generator (SplitMix64), so that the pure core needs no system randomness.
@usableFromInline package struct SeededGenerator: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64
    @inlinable package init(seed: UInt64) { state = seed }

    @inlinable package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return mix(state)
    }

    /// A span from `low` up to and without `high`, uniformly.
    package mutating func span(from low: TimeSpan, below high: TimeSpan) -> TimeSpan {
        guard high > low else { return low }
        return TimeSpan(nanoseconds: Int64.random(in: low.nanoseconds..<high.nanoseconds, using: &self))
    }
}

/// CRC-32C (Castagnoli, RFC 3720 §B.4), over `bytes`, continuing from `crc`.
package func crc32c(_ bytes: some Collection<UInt8>, continuing crc: UInt32 = 0) -> UInt32 {
    bytes.withContiguousStorageIfAvailable { crc32c(UnsafeRawBufferPointer($0), continuing: crc) }
        ?? Bytes(bytes).withUnsafeBytes { crc32c($0, continuing: crc) }
}

/// CRC-32C over raw memory, eight bytes a step.
package func crc32c(_ raw: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    crcTables.withUnsafeBufferPointer { t in
        var value = ~crc
        var offset = 0
        while offset + 8 <= raw.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(value)
            value = 0
            for byte in 0..<8 {
                value ^= t[(7 - byte) * 256 + Int((word >> UInt64(byte * 8)) & 0xFF)]
            }
            offset += 8
        }
        while offset < raw.count {
            value = (value >> 8) ^ t[Int((value ^ UInt32(raw[offset])) & 0xFF)]
            offset += 1
        }
        return ~value
    }
}

/// Eight tables of 256: table k is the effect of a byte k places before the end of an eight-byte step.
private let crcTables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for index in 0..<256 {
        var value = UInt32(index)
        for _ in 0..<8 { value = (value >> 1) ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
        tables[index] = value
    }
    for table in 1..<8 {
        for index in 0..<256 {
            let before = tables[(table - 1) * 256 + index]
            tables[table * 256 + index] = (before >> 8) ^ tables[Int(before & 0xFF)]
        }
    }
    return tables
}()
