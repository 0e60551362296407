import KeyValue
import NIOCore
import NIOHTTP1
import Primitives
import ReplicaCore

@testable import HTTPAPI

extension Decoder {
    /// A request's line, headers and body, up to what is submitted to the node, carried out on an empty store, and
    /// answered. The answer has to be JSON that this API would take.
    static let request = Decoder(
        name: "request",
        seeds: { requests.map { Bytes($0.utf8) } },
        decode: { input in
            guard let exchange = Exchange(text: input) else { return }
            let renderer = Renderer(scratch: Scratch())
            var reply: Reply?
            do throws(Problem) {
                reply = renderer.answer(to: try exchange.call())
            } catch {
                reply = renderer.problem(error)
            }
            guard let body = reply?.body, reply?.type == .json || reply?.type == .problem else { return }
            precondition((try? JSONParser.parse(Bytes(body.readableBytesView))) != nil, "an answer is not JSON")
        })
}

/// One of each kind that has something to parse.
private let requests = [
    "GET /v1/kv/a%2Fb?at=3&consistency=stale&timeout=2s\nHost: x\nAccept: application/json\nIf-None-Match: \"42\"\n\n",
    "GET /v1/kv/a?after=7&wait=800ms\nHost: x\n\n",
    "GET /v1/kv/a?from=7&prev&heartbeat=1s\nHost: x\nAccept: text/event-stream;q=1\nLast-Event-ID: 9\n\n",
    "PUT /v1/kv/%00%ff?ttl=3s\nHost: x\nIf-None-Match: *\nIdempotency-Key: me/17\n\nvalue",
    "PUT /v1/kv/a?lease=00000000000000aa\nHost: x\nIf-Match: \"7\"\n\n",
    "DELETE /v1/kv/a\nHost: x\nIf-Match: *\n\n",
    "DELETE /v1/kv?prefix=a%20b\nHost: x\n\n",
    "GET http://x/v1/kv?prefix=a&start=ab&limit=10&at=5&keys_only&count_only=false\nHost: x\n\n",
    "GET /v1/watch?key=a&prefix=b&from=3&prev=true\nHost: x\n\n",
    "POST /v1/leases\nHost: x\n\n{\"ttl\":\"3s\",\"id\":\"00000000000000aa\"}",
    "POST /v1/leases\nHost: x\n\n{\"ttl_ms\":3000}",
    "GET /v1/leases?start=0000000000000001&limit=3\nHost: x\n\n",
    "GET /v1/leases/00000000000000aa\nHost: x\n\n",
    "POST /v1/leases/00000000000000aa/renew\nHost: x\n\n",
    "POST /v1/leases/renew\nHost: x\n\n{\"ids\":[\"00000000000000aa\"]}",
    """
    POST /v1/txn
    Host: x

    {"if":[{"key":"a","target":"mod_revision","op":"==","value":0},{"key_base64":"AP8=","target":"value","op":"!=",\
    "value_base64":""}],"then":[{"put":{"key":"a","value":"1","ttl":"3s"}},{"get":{"prefix":"a","limit":2}}],\
    "else":[{"delete":{"prefix_base64":""}}]}
    """,
]

extension Exchange {
    /// Lines of a head, an empty line, a body; `nil` when there is no first line of two words.
    fileprivate convenience init?(text: Bytes) {
        var rest = text[...]
        let words = rest.takeLine().split(separator: " ", maxSplits: 1)
        guard words.count == 2 else { return nil }
        var headers = HTTPHeaders()
        while case let line = rest.takeLine(), !line.isEmpty {
            let field = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            // NIO's parser has refused other names before.
            guard field[0].utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
            let value = field.count > 1 ? field[1].drop { $0 == " " } : ""
            headers.add(name: String(field[0]), value: String(value))
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: String(words[0])), uri: String(words[1]), headers: headers)
        self.init(head, number: 1, now: .now())
        append(ByteBuffer(bytes: rest))
    }
}

extension ArraySlice<UInt8> {
    /// The text up to the next line feed, which is dropped.
    fileprivate mutating func takeLine() -> String {
        let end = firstIndex(of: UInt8(ascii: "\n")) ?? endIndex
        defer { self = self[Swift.min(end + 1, endIndex)...] }
        return String(decoding: self[..<end], as: UTF8.self)
    }
}

extension Renderer {
    /// What an empty store answers; `nil` for what is no write and no read.
    fileprivate func answer(to call: Call) -> Reply? {
        var store = Store()
        switch call.action {
        case .write(let proposal, _):
            precondition((try? Proposal(decoding: proposal.encoded())) == proposal, "a proposal changes on its way")
            let position = ApplyPosition(index: LogIndex(1), term: Term(1), time: .zero)
            let result = store.apply(proposal, at: position).result
            return written(result, of: proposal.command, at: ReplyPosition(revision: store.revision, term: Term(1)))
        case .read(let query, _, let form):
            return read(store.query(query), as: form, at: ReplyPosition(revision: store.revision, term: Term(1)))
        default: return nil
        }
    }
}
