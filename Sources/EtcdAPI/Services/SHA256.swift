/// SHA-256 (FIPS 180-4 §6.2).
struct SHA256 {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// What does not fill a block yet.
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    mutating func update(_ bytes: [UInt8]) {
        length += UInt64(bytes.count)
        pending += bytes
        var start = 0
        while pending.count - start >= 64 {
            compress(pending[start..<start + 64])
            start += 64
        }
        pending.removeFirst(start)
    }

    /// The hash of all that came.
    mutating func finish() -> [UInt8] {
        let bits = length << 3
        var padding: [UInt8] = [0x80]
        padding += [UInt8](repeating: 0, count: (119 - pending.count) % 64)
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            padding.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        update(padding)
        return state.flatMap { word in
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
        }
    }

    private mutating func compress(_ block: ArraySlice<UInt8>) {
        var words = [UInt32](repeating: 0, count: 64)
        for place in 0..<16 {
            let start = block.startIndex + 4 * place
            words[place] = block[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        for place in 16..<64 {
            let (a, b) = (words[place - 15], words[place - 2])
            let first = a.rotated(7) ^ a.rotated(18) ^ (a >> 3)
            let second = b.rotated(17) ^ b.rotated(19) ^ (b >> 10)
            words[place] = words[place - 16] &+ first &+ words[place - 7] &+ second
        }
        var v = state
        for place in 0..<64 {
            let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
            let first =
                v[7] &+ (v[4].rotated(6) ^ v[4].rotated(11) ^ v[4].rotated(25)) &+ choice
                &+ roundConstants[place] &+ words[place]
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
            let second = (v[0].rotated(2) ^ v[0].rotated(13) ^ v[0].rotated(22)) &+ majority
            v = [first &+ second, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
        }
        for place in 0..<8 { state[place] = state[place] &+ v[place] }
    }
}

extension UInt32 {
    fileprivate func rotated(_ bits: UInt32) -> UInt32 { self >> bits | self << (32 - bits) }
}

/// The fractions of the cube roots of the first 64 primes.
private let roundConstants: [UInt32] = {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < 64 {
        if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
        candidate += 1
    }
    return primes.map { prime in
        // The largest number whose cube is not above the prime times 2^96, without its whole part.
        var root: UInt64 = 0
        for bit in stride(from: 34, through: 0, by: -1) {
            let trial = root | 1 << UInt64(bit)
            let square = trial.multipliedFullWidth(by: trial)
            // A root is below 2^35, so its square takes at most 6 bits of the upper word and its cube fits into 128.
            let low = square.low.multipliedFullWidth(by: trial)
            let high = square.high &* trial &+ low.high
            if (high, low.low) <= (UInt64(prime) << 32, 0) { root = trial }
        }
        return UInt32(truncatingIfNeeded: root)
    }
}()
