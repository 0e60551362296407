import KeyValue
internal import Primitives

/// A number from 0 to 2^63 - 1 in decimal digits; larger ones would leave no room to count on.
func parseDecimal(_ text: some Collection<UInt8>) -> UInt64? {
    guard !text.isEmpty, text.count <= 19 else { return nil }
    var value: UInt64 = 0
    for digit in text {
        guard isDigit(digit) else { return nil }
        value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
    }
    return value <= UInt64(Int64.max) ? value : nil
}

/// `800ms`, `3s`, `2m`, `24h`.
func parseDuration(_ text: Bytes) -> TimeSpan? {
    let units: [(suffix: StaticString, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]
    let number = text.prefix(while: isDigit)
    guard let unit = units.first(where: { $0.suffix.equals(text[number.count...]) }), let value = parseDecimal(number)
    else { return nil }
    let (nanoseconds, overflow) = Int64(value).multipliedReportingOverflow(by: unit.nanoseconds)
    return overflow ? nil : TimeSpan(nanoseconds: nanoseconds)
}

/// A duration as a message writes it.
func describe(_ span: TimeSpan) -> String {
    let milliseconds = span.milliseconds
    if milliseconds % 3_600_000 == 0 && milliseconds > 0 { return "\(milliseconds / 3_600_000)h" }
    return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
}

/// A parameter's duration within its bounds.
func duration(
    _ name: String, _ text: Bytes, from low: TimeSpan, to high: TimeSpan
) throws(Problem) -> TimeSpan {
    guard let span = parseDuration(text), span >= low, span <= high else {
        throw .badRequest(
            "\(name) is \(quoted(text)); it must be a duration like 800ms, 3s or 2m, from \(describe(low)) to \(describe(high))"
        )
    }
    return span
}

/// A parameter's revision.
func revision(_ name: String, _ text: some Collection<UInt8>) throws(Problem) -> Revision {
    guard let value = parseDecimal(text) else {
        throw .badRequest("\(name) is \(quoted(text)); it must be a revision, a whole number below 2^63")
    }
    return Revision(value)
}

/// A lease's id: 16 hexadecimal digits, not zero, below 2^63.
func leaseID(_ name: String, _ text: some Collection<UInt8>) throws(Problem) -> LeaseID {
    guard let value = parseLease(text), value > 0 else {
        throw .badRequest(
            "\(name) is \(quoted(text)); it must be a lease's id: 16 hexadecimal digits, above zero and below 2^63")
    }
    return LeaseID(value)
}

/// The number of 16 hexadecimal digits below 2^63.
func parseLease(_ text: some Collection<UInt8>) -> UInt64? {
    guard text.count == 16 else { return nil }
    var value: UInt64 = 0
    for digit in text {
        guard let bits = hexadecimalValue(digit) else { return nil }
        value = value << 4 | UInt64(bits)
    }
    return value <= UInt64(Int64.max) ? value : nil
}

/// A new lease's id: 63 random bits, never zero.
func drawLeaseID() -> LeaseID {
    LeaseID(UInt64.random(in: 1...UInt64(Int64.max)))
}

/// A key within its bounds.
func key(_ name: String, _ bytes: Bytes) throws(Problem) -> Bytes {
    guard !bytes.isEmpty else { throw .badRequest("\(name) is empty; a key has 1 to \(Limits.keyBytes) bytes") }
    return try keyPart(name, bytes)
}

/// A prefix, or a place to start from: a key's beginning, which may be empty.
func keyPart(_ name: String, _ bytes: Bytes) throws(Problem) -> Bytes {
    guard bytes.count <= Limits.keyBytes else {
        throw .badRequest("\(name) has \(bytes.count) bytes; at most \(Limits.keyBytes) are allowed")
    }
    return bytes
}
