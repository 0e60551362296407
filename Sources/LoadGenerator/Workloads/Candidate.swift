internal import NIOCore

/// One of many that want to lead an election, on a connection of its own. One request at a time renews its candidacy and
/// listens: the answer is held until somebody else leads, or the lease has to be renewed. All calls on its loop.
final class Candidate {
    private static let fenceLabel = Array("\"fence\":".utf8)
    private static let leading = Array("\"state\":\"leading\"".utf8)
    private static let waiting = Array("\"state\":\"waiting\"".utf8)

    private let election: String
    private let name: String
    private let seconds: Int
    private let connection: LoadConnection
    private let crowd: Crowd
    /// The newest leadership it knows of.
    private var fence: UInt64?
    private var isSilent = false
    /// When it last asked for its lease to be renewed.
    private(set) var askedAt: Int64 = 0

    init(_ name: String, in election: String, seconds: Int, on connection: LoadConnection, _ crowd: Crowd) {
        self.name = name
        self.election = election
        self.seconds = seconds
        self.connection = connection
        self.crowd = crowd
    }

    /// Stands, and goes on until the connection ends.
    func campaign() {
        guard !connection.closed else { return crowd.failed("a candidate's connection was closed") }
        let request = ConclaveDialect().campaign(in: election, as: name, seconds: seconds, after: fence)
        connection.onFinish = { [self] outcome in
            if isSilent { return }
            switch outcome {
            case .failed(let failure): crowd.failed("\(failure)")
            case .answered(let answer): heard(answer, to: request)
            }
        }
        askedAt = MonotonicTime.now()
        connection.send(request)
    }

    /// Dies: its connection ends, and nothing more is heard of it.
    func die() {
        isSilent = true
        connection.abandon()
    }

    private func heard(_ answer: Answer, to request: LoadRequest) {
        let now = MonotonicTime.now()
        if let complaint = request.expected.complaint(about: answer) { return crowd.failed(complaint) }
        let leads = answer.body.contains(bytes: Self.leading)
        let stands = leads || answer.body.contains(bytes: Self.waiting)
        guard stands, let newest = answer.body.number(after: Self.fenceLabel) else {
            return crowd.failed("a candidacy ended, or its answer says nothing of it")
        }
        crowd.answered()
        if let fence {
            if newest < fence { return crowd.failed("a fence went back") }
            if newest > fence {
                crowd.knew(at: now)
                if leads { crowd.seated(at: now) }
            }
        } else {
            crowd.opened()
        }
        fence = newest
        campaign()
    }
}

/// Many candidates of one election, each on a connection of its own.
struct CandidateLine {
    private static let openingBatch = 64
    private static let limit = TimeAmount.seconds(60)

    let election = "bench-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    let endpoints: [Endpoint]
    let seconds: Int
    let crowd = Crowd()

    /// Lets `count` candidates stand; each has its first answer.
    func fill(_ count: Int, on group: any EventLoopGroup) async throws {
        let before = crowd.snapshot.opened
        for first in stride(from: 0, to: count, by: Self.openingBatch) {
            let batch = first..<min(count, first + Self.openingBatch)
            for number in batch { _ = try await stand("node-\(number)", number, seconds: seconds, on: group.next()) }
            try await crowd.wait(within: Self.limit) { $0.opened >= before + batch.upperBound }
        }
    }

    /// Lets one candidate stand, at the endpoint of that number.
    func stand(
        _ name: String, _ number: Int, seconds: Int, on loop: any EventLoop
    ) async throws -> NIOLoopBound<Candidate> {
        let (election, crowd) = (election, crowd)
        return try await LoadConnection.open(
            to: endpoints[number % endpoints.count], on: loop, within: .seconds(20)
        ).map { bound in
            let candidate = Candidate(name, in: election, seconds: seconds, on: bound.value, crowd)
            candidate.campaign()
            return NIOLoopBound(candidate, eventLoop: loop)
        }.get()
    }
}
