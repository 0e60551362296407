internal import NIOCore
import Synchronization

/// One of many that want to be the controller; all calls on its loop.
final class Contender {
    /// How the system says what a contender listens for.
    struct Words: Sendable {
        var deletion: [UInt8]
        var seated: [UInt8]
        var claimed: @Sendable (Answer) -> Bool
    }

    private let claim: LoadRequest
    private let words: Words
    private let voice: LoadConnection
    private let crowd: Crowd
    private var text = ByteBuffer()
    private var step = Step.joining

    private enum Step {
        case joining, waiting, contending, informed
    }

    init(_ claim: LoadRequest, _ words: Words, _ voice: LoadConnection, _ crowd: Crowd) {
        self.claim = claim
        self.words = words
        self.voice = voice
        self.crowd = crowd
    }

    /// A piece of the watch, which may be cut anywhere.
    func heard(_ piece: ByteBuffer) {
        let now = MonotonicTime.now()
        if case .joining = step {
            step = .waiting
            crowd.opened()
        }
        if case .informed = step { return }
        text.writeImmutableBuffer(piece)
        if case .waiting = step, let offset = text.firstOffset(of: words.deletion) {
            text.moveReaderIndex(forwardBy: offset)
            step = .contending
            contend()
        }
        if case .contending = step, text.contains(bytes: words.seated) { learn(at: now) }
    }

    private func contend() {
        guard !voice.closed else { return crowd.failed("a contender's connection was closed") }
        voice.onFinish = { [self] outcome in
            let now = MonotonicTime.now()
            switch outcome {
            case .failed(let failure): crowd.failed("\(failure)")
            case .answered(let answer):
                if let complaint = claim.expected.complaint(about: answer) { return crowd.failed(complaint) }
                if words.claimed(answer) { crowd.seated(at: now) }
                if words.claimed(answer) || answer.body.contains(bytes: words.seated) { learn(at: now) }
            }
        }
        voice.send(claim)
    }

    private func learn(at now: Int64) {
        guard case .contending = step else { return }
        step = .informed
        text.clear()
        crowd.knew(at: now)
    }
}

/// What all contenders together have heard.
final class Crowd: Sendable {
    struct Heard: Sendable {
        var opened = 0
        /// When the new controller was answered that it is.
        var seated: Int64?
        /// When each contender learned of it.
        var knew: [Int64] = []
        /// How many requests were answered; only candidates count them.
        var answers = 0
        var failures: [String] = []
    }

    private let heard = Mutex(Heard())

    var snapshot: Heard { heard.withLock { $0 } }

    func answered() { heard.withLock { $0.answers += 1 } }
    func opened() { heard.withLock { $0.opened += 1 } }
    func knew(at time: Int64) { heard.withLock { $0.knew.append(time) } }
    func failed(_ reason: String) { heard.withLock { $0.failures.append(reason) } }
    func seated(at time: Int64) {
        heard.withLock {
            if $0.seated != nil { $0.failures.append("two controllers at once") }
            $0.seated = time
        }
    }

    /// Waits for `condition`; throws the first failure, or ``DeadlineExceeded``.
    func wait(within limit: TimeAmount, until condition: (Heard) -> Bool) async throws {
        try await Deadline.wait(limit) {
            try heard.withLock {
                if let failure = $0.failures.first { throw WorkloadFailure(failure) }
                return condition($0)
            }
        }
    }
}
