import NIOCore
import Primitives
import Testing

@testable import HTTPAPI

@Suite("JSON")
struct JSONTests {
    private func parse(_ text: String) throws(JSONFailure) -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test func readsEveryKindOfValue() throws {
        let value = try parse(#" {"a":[null,true,false,0,9223372036854775807,-1,1.5e3,"x"], "b" : {} , "c":[] } "#)
        #expect(
            value
                == .object([
                    .init(
                        name: "a",
                        value: .array([
                            .null, .boolean(true), .boolean(false), .integer(0), .integer(9_223_372_036_854_775_807),
                            .number("-1"), .number("1.5e3"), .string([0x78]),
                        ])), .init(name: "b", value: .object([])), .init(name: "c", value: .array([])),
                ]))
    }

    @Test func readsEscapes() throws {
        #expect(
            try parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\uDE00""#)
                == .string(Array("\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{1F600}".utf8)))
    }

    @Test(arguments: [
        "", " ", "{", "[", "\"", "nul", "tru", "01", "1.", "1e", "-", "+1", ".5", "[1,]", "{\"a\":1,}", "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1,\"a\":2}", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"",
        "1 2",
        "[1 2]", "'a'", "NaN", "\u{FEFF}1",
    ])
    func refusesWhatIsNotJSON(_ text: String) {
        #expect(throws: JSONFailure.self) { try parse(text) }
    }

    @Test func refusesStringsThatAreNotUTF8() {
        #expect(throws: JSONFailure.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONFailure.self) { try JSONParser.parse([0x22, 0xC0, 0x80, 0x22]) }
    }

    @Test func refusesDepthAndCountBeyondTheirLimits() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try parse(nested(Limits.jsonDepth + 1)) }
        #expect(throws: JSONFailure.self) { try parse(nested(Limits.jsonDepth + 2)) }
        #expect(throws: JSONFailure.self) { try parse(nested(100_000)) }
        let many = "[" + Array(repeating: "1", count: Limits.jsonValues).joined(separator: ",") + "]"
        #expect(throws: JSONFailure.self) { try parse(many) }
    }

    @Test func survivesAHundredThousandMutatedDocuments() throws {
        var random = SeededGenerator(seed: 7)
        let seeds = [
            #"{"if":[{"key":"a","target":"version","op":"==","value":1}],"then":[{"put":{"key":"a","value":"\u00e9\n"}}]}"#,
            #"{"ids":["000000000000000a","\ud83d\ude00"],"ttl_ms":-12.5e+3}"#, #"[[],{},[true,false,null,"\\\""]]"#,
        ].map { Array($0.utf8) }
        var accepted = 0
        for _ in 0..<100_000 {
            var text = seeds[Int.random(in: 0..<seeds.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
                let place = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: text[place] = UInt8.random(in: 0...255, using: &random)
                case 1: text.remove(at: place)
                case 2: text.insert(seeds[0][Int.random(in: 0..<seeds[0].count, using: &random)], at: place)
                default: text = Bytes(text[..<place]) + [0x20]
                }
            }
            guard let value = try? JSONParser.parse(text) else { continue }
            accepted += 1
            // What was accepted has one meaning: written anew, it reads the same.
            #expect(try JSONParser.parse(rewritten(value)) == value)
        }
        #expect(accepted > 100)
    }

    private func rewritten(_ value: JSONValue) -> Bytes {
        switch value {
        case .null: Array("null".utf8)
        case .boolean(let flag): Array("\(flag)".utf8)
        case .integer(let number): Array("\(number)".utf8)
        case .number(let text): Array(text.utf8)
        case .string(let bytes): quotedByWriter(String(decoding: bytes, as: UTF8.self))
        case .array(let elements): [0x5B] + Array(elements.map(rewritten).joined(separator: [0x2C])) + [0x5D]
        case .object(let fields):
            [0x7B]
                + Array(fields.map { quotedByWriter($0.name) + [0x3A] + rewritten($0.value) }.joined(separator: [0x2C]))
                + [0x7D]
        }
    }

    private func quotedByWriter(_ text: String) -> Bytes {
        var writer = JSONWriter(into: ByteBuffer())
        writer.string(text)
        return Bytes(writer.buffer.readableBytesView)
    }

    @Test func writesEveryByteStringSoThatItReadsBackTheSame() throws {
        var random = SeededGenerator(seed: 11)
        for length in 0..<600 {
            let isText = length % 2 == 0
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...(isText ? 127 : 255), using: &random) }
            var writer = JSONWriter(into: ByteBuffer())
            writer.object { $0.field("key", or: "key_base64", bytes) }
            var fields = try JSONFields(body: Bytes(writer.buffer.readableBytesView))
            #expect(try fields.takeBytes("key") == bytes)
        }
    }
}

@Suite("Values of parameters")
struct ValueTests {
    @Test(
        arguments: [
            ("800ms", 800), ("3s", 3_000), ("2m", 120_000), ("24h", 86_400_000), ("0s", 0),
            ("007s", 7_000), ("s", nil), ("ms", nil), ("3", nil), ("3S", nil), ("3 s", nil), ("-3s", nil),
            ("3.5s", nil),
            ("", nil), ("99999999999999999999s", nil), ("9223372036854775807s", nil),
        ] as [(String, Int64?)])
    func durationsHaveAUnit(_ text: String, _ expected: Int64?) {
        #expect(parseDuration(Array(text.utf8))?.milliseconds == expected)
    }

    @Test(
        arguments: [
            ("0", 0), ("9223372036854775807", 9_223_372_036_854_775_807), ("9223372036854775808", nil), ("", nil),
            ("1x", nil), ("+1", nil), ("99999999999999999999", nil),
        ] as [(String, UInt64?)])
    func numbersStayBelowTwoToThe63(_ text: String, _ expected: UInt64?) {
        #expect(parseDecimal(Array(text.utf8)) == expected)
    }

    @Test(
        arguments: [
            ("a%2Fb", [0x61, 0x2F, 0x62]), ("%00%ff%Fe", [0, 255, 254]), ("a+b", [0x61, 0x2B, 0x62]), ("", []),
            ("%", nil), ("%1", nil), ("%1g", nil), ("a%", nil),
        ] as [(String, Bytes?)])
    func percentEncodingGivesBytes(_ text: String, _ expected: Bytes?) {
        #expect(percentDecoded(Array(text.utf8)[...]) == expected)
    }

    @Test func everyByteCanBePercentEncoded() {
        for byte in UInt8.min...UInt8.max {
            let text = [0x25, hexadecimalDigit(byte >> 4), hexadecimalDigit(byte & 15)]
            #expect(percentDecoded(text[...]) == [byte])
        }
    }

    @Test(arguments: [
        ("", "Zg==", false), ("AA==", "", true), ("AB==", "", false), ("AAA=", "", true), ("AAB=", "", false),
        ("AAAA", "", true), ("A", "", false), ("====", "", false), ("AA=A", "", false), ("A A=", "", false),
    ])
    func base64HasOneTextForEveryByteString(_ text: String, _ other: String, _ valid: Bool) {
        let decoded = decodeBase64(Array(text.utf8))
        #expect((decoded != nil) == (valid || text.isEmpty))
        guard let decoded else { return }
        var buffer = ByteBuffer()
        buffer.writeBase64(decoded)
        #expect(String(buffer: buffer) == text)
    }

    @Test func base64OfAnyLengthIsReadBackAndNothingElseIsReadAsIt() {
        for length in 0...40 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ length &* 7) }
            var buffer = ByteBuffer()
            buffer.writeBase64(bytes)
            let text = Bytes(buffer.readableBytesView)
            #expect(decodeBase64(text) == bytes)
            for place in text.indices where text[place] != UInt8(ascii: "=") {
                for odd in Bytes(" -_=".utf8) + [0, 0x7F, 0x80, 0xFF] {
                    var spoilt = text
                    spoilt[place] = odd
                    // A mark in the place of the last digit may be the text of less.
                    let isText = text[place...].dropFirst().allSatisfy { $0 == odd } && odd == UInt8(ascii: "=")
                    #expect(decodeBase64(spoilt) == nil || isText)
                }
            }
        }
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
    ])
    func datesAreWrittenAsHTTPWants(_ seconds: Int, _ expected: String) {
        #expect(String(decoding: HTTPDate.format(secondsSince1970: seconds), as: UTF8.self) == expected)
    }

    @Test func decimalsOfAllLengthsAreWritten() {
        var value: UInt64 = 1
        for _ in 0..<19 {
            for number in [value - 1, value, value + 1, UInt64.max] {
                var buffer = ByteBuffer()
                buffer.writeDecimal(number)
                #expect(String(buffer: buffer) == "\(number)")
            }
            value *= 10
        }
    }
}
