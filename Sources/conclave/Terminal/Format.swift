import ConclaveClient

/// How amounts are written for people.
extension Duration {
    /// Milliseconds with their fraction.
    var inMilliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }

    /// `85 ms`, `2.94 s`, `10 s`, `3 min 5 s`, `2 h 4 min`.
    var spoken: String {
        let milliseconds = inMilliseconds
        if milliseconds < 1000 { return "\(Int(milliseconds.rounded())) ms" }
        let seconds = Int(components.seconds)
        if seconds < 60 {
            let whole = fixed(milliseconds / 1000, places: 2)
            return (whole.hasSuffix(".00") ? String(whole.dropLast(3)) : whole) + " s"
        }
        if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }
}

/// `number` with so many decimal places.
func fixed(_ number: Double, places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let rounded = Int((number.magnitude * scale).rounded())
    let fraction = String(rounded % Int(scale))
    let sign = number < 0 && rounded > 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(rounded)" }
    return "\(sign)\(rounded / Int(scale))." + String(repeating: "0", count: places - fraction.count) + fraction
}

extension ByteString {
    /// One line for people: control characters escaped, other bytes in base64.
    var shown: String {
        guard let text else { return description }
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where scalar.properties.generalCategory == .control: line += scalar.escaped(asASCII: true)
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// ``shown``, cut off where it would fill the screen.
    var glimpse: String {
        count <= 200 ? shown : "\(ByteString(bytes.prefix(150)).readable) … (\(count) bytes)"
    }

    /// Text as it is, without a character that was cut in two at its end; other bytes in base64.
    private var readable: String {
        for length in (max(0, count - 3)...count).reversed() {
            let beginning = ByteString(bytes.prefix(length))
            if beginning.text != nil { return beginning.shown }
        }
        return shown
    }
}
