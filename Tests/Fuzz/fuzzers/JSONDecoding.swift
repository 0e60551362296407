import Foundation
import Primitives

@testable import HTTPAPI

extension Decoder {
    /// The bodies of requests. What the parser takes, Foundation's must take as well.
    static let json = Decoder(
        name: "json",
        seeds: {
            [
                #"{"a":[1,-2.5e3,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{}}}"#, "[]", "0", #""""#,
                #"{"ids":["00000000000000aa","7fffffffffffffff"]}"#, " [ [ [ [ 1 ] ] ] , 9223372036854775807 ] ",
                #"{"key_base64":"AP8=","value":"\"\\\/\b\f\r\t"}"#,
            ].map { Bytes($0.utf8) }
        },
        decode: { input in
            guard let value = try? JSONParser.parse(input), !value.hasUnreadNumber else { return }
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)) != nil
            precondition(isJSON, "text is taken that is not JSON")
        })
}

extension JSONValue {
    /// Whether there is a number that is only kept as it was written: it may be beyond what Foundation can hold.
    fileprivate var hasUnreadNumber: Bool {
        switch self {
        case .number: true
        case .array(let values): values.contains { $0.hasUnreadNumber }
        case .object(let fields): fields.contains { $0.value.hasUnreadNumber }
        case .null, .boolean, .integer, .string: false
        }
    }
}
