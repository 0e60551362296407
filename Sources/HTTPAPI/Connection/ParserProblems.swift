internal import NIOCore
import NIOHTTP1
internal import Primitives

extension Problem {
    /// What the HTTP parser stumbled over; `nil` for errors of the network, after which nobody is there to be told.
    init?(parsing error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow:
            self = .tooLarge("the request's head is too large; at most \(Limits.headBytes) bytes are allowed")
        case let error as HTTPParserError:
            self = .badRequest("this is not HTTP/1.1: \(error)")
        case is ByteToMessageDecoderError:
            self = .tooLarge("the request's head is too large; at most \(Limits.headBytes) bytes are allowed")
        default:
            return nil
        }
    }
}
