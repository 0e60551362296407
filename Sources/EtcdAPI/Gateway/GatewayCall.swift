internal import HTTPAPI
internal import NIOCore
internal import Primitives

/// One call over the gateway. Confined to its connection's event loop.
final class GatewayCall: RPCOutlet, GuestStream, @unchecked Sendable {
    private let exchange: GuestExchange
    private let host: EtcdHost
    private let method: Method
    private let series: MethodSeries
    private var call: (any RunningCall)?
    private var rpc: RPC?
    /// The one answer of a call that has one, or the lines of all that end with its requests, until the call ends.
    private var answer: ByteBuffer?
    private var isStreaming = false
    private(set) var isWritable = true
    /// The last piece is written after what waits.
    private var isEnded = false

    init(_ method: Method, _ exchange: GuestExchange, host: EtcdHost) {
        self.method = method
        self.exchange = exchange
        self.host = host
        series = host.metrics.series(method)
    }

    func begin(_ body: Bytes) {
        let rpc = RPC(host: host, outlet: self)
        self.rpc = rpc
        series.started()
        let call = method.begin(rpc)
        self.call = call
        exchange.awaits(self)
        if method.takesLong { exchange.extend(nanoseconds: Int64.max / 4) }
        do throws(RPCStatus) {
            if method.kind == .bidirectional {
                for piece in GatewayJSON.split(body) where rpc.isOpen { try call.received(json: piece) }
            } else {
                try call.received(json: body)
            }
            if rpc.isOpen { call.requestsEnded() }
        } catch {
            rpc.end(error)
        }
    }

    // MARK: - RPCOutlet

    func send(_ message: any RPCMessage) {
        guard !isEnded else { return }
        let json: ByteBuffer
        do {
            json = try message.json()
        } catch {
            return end(RPCStatus(.internalError, "conclave: an answer cannot be encoded: \(error)"))
        }
        guard hasManyAnswers else { return answer = json }
        var line = ByteBufferAllocator().buffer(capacity: json.readableBytes + 16)
        line.writeStaticString("{\"result\":")
        line.writeImmutableBuffer(json)
        line.writeStaticString("}\n")
        write(line)
    }

    private var hasManyAnswers: Bool { method.kind != .unary }

    /// A line of many.
    private func write(_ line: ByteBuffer) {
        if method.endsWithRequests {
            answer.setOrWriteImmutableBuffer(line)
        } else {
            beginStream()
            exchange.write(line)
        }
    }

    private func beginStream() {
        guard !isStreaming else { return }
        isStreaming = true
        exchange.begin(self)
    }

    func end(_ status: RPCStatus) {
        guard !isEnded else { return }
        isEnded = true
        series.ended(status.code)
        release()
        var error = ByteBuffer()
        if hasManyAnswers {
            if status.code != .ok {
                error.writeGatewayStreamError(status)
                write(error)
            }
            endLines()
        } else if status.code == .ok, let answer {
            exchange.answer(status: 200, body: answer)
        } else {
            error.writeGatewayError(status)
            exchange.answer(status: status.code.httpStatus, body: error)
        }
    }

    private func endLines() {
        if method.endsWithRequests { return exchange.answer(status: 200, body: answer ?? ByteBuffer()) }
        beginStream()
        exchange.end()
    }

    private func release() {
        let call = call
        self.call = nil
        rpc?.drop()
        rpc = nil
        call?.cancelled()
    }

    // MARK: - GuestStream

    func abandon() {
        guard !isEnded else { return }
        isEnded = true
        series.ended(.cancelled)
        release()
    }

    func finish() { call?.finish() }

    func writabilityChanged(_ writable: Bool) {
        isWritable = writable
        call?.writabilityChanged(writable)
    }
}
