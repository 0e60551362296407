package import NIOCore
internal import NIOPosix
import Synchronization

/// One connection for requests sent one after another: preparing a workload, asking a node how it is, writing
/// through a failure. It opens when first needed, and again after an error.
package final class Client: Sendable {
    private let loop: any EventLoop
    private let endpoint: Endpoint
    private let open: NIOLoopBoundBox<LoadConnection?>

    package init(_ endpoint: Endpoint, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        loop = group.next()
        self.endpoint = endpoint
        open = NIOLoopBoundBox.makeBoxSendingValue(nil, eventLoop: loop)
    }

    /// Sends `request` and waits for its answer, right or wrong. Throws ``LoadFailure``.
    package func send(_ request: LoadRequest, within limit: TimeAmount = .seconds(5)) async throws -> Answer {
        try await loop.flatSubmit { self.connection(within: limit).flatMap { self.exchange(request, $0, limit) } }.get()
    }

    /// As ``send(_:within:)``, but a wrong answer throws too.
    package func sendExpecting(_ request: LoadRequest, within limit: TimeAmount = .seconds(5)) async throws -> Answer {
        let answer = try await send(request, within: limit)
        if let complaint = request.expected.complaint(about: answer) {
            throw WrongAnswer(
                request: "\(request.method) \(request.path)", endpoint: endpoint, complaint: complaint,
                body: String(buffer: answer.body.getSlice(at: answer.body.readerIndex, length: 300) ?? answer.body))
        }
        return answer
    }

    package func close() async {
        try? await loop.submit { self.open.value?.abandon() }.get()
    }

    private func connection(within limit: TimeAmount) -> EventLoopFuture<NIOLoopBound<LoadConnection>> {
        if let connection = open.value, !connection.closed {
            return loop.makeSucceededFuture(NIOLoopBound(connection, eventLoop: loop))
        }
        return LoadConnection.open(to: endpoint, on: loop, within: limit).map { bound in
            self.open.value = bound.value
            return bound
        }
    }

    private func exchange(
        _ request: LoadRequest, _ bound: NIOLoopBound<LoadConnection>, _ limit: TimeAmount
    ) -> EventLoopFuture<Answer> {
        let promise = loop.makePromise(of: Answer.self)
        let connection = bound.value
        let alarm = loop.scheduleTask(in: limit) { bound.value.abandon(.timedOut) }
        connection.onFinish = { outcome in
            alarm.cancel()
            switch outcome {
            case .answered(let answer): promise.succeed(answer)
            case .failed(let failure): promise.fail(failure)
            }
        }
        if connection.closed { connection.onFinish?(.failed(.closed)) } else { connection.send(request) }
        return promise.futureResult
    }
}

/// A server answered, but not as it must.
package struct WrongAnswer: Error, CustomStringConvertible {
    package var request: String
    package var endpoint: Endpoint
    package var complaint: String
    package var body: String
    package var description: String { "\(request) at \(endpoint): \(complaint): \(body)" }
}
