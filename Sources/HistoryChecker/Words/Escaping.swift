/// Keys, values and names as one word of a line: letters, digits and `-._/#:` stand for themselves, every other byte is
/// `%` and two hexadecimal digits, and nothing at all is `~`.
package func escaped(_ bytes: some Sequence<UInt8>) -> String {
    var word: [UInt8] = []
    for byte in bytes {
        if isPlain(byte) {
            word.append(byte)
        } else {
            word += [UInt8(ascii: "%"), digit(byte >> 4), digit(byte & 15)]
        }
    }
    return word.isEmpty ? "~" : String(decoding: word, as: UTF8.self)
}

private func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: "-._/#:".utf8.contains(byte)
    }
}

private func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
}
