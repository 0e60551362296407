import KeyValue
import NIOCore
import NIOPosix
import Primitives
import ReplicaCore
import Synchronization
import Testing

@testable import Node

/// Renewals that come together are one request, and each client hears of its own leases alone.
@Suite struct PendingAnswersTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.any()
    private let position = ReplyPosition(revision: Revision(7), term: Term(2))

    /// What was told, by client.
    private final class Told: Sendable {
        private let replies = Mutex<[String: [ClientReply]]>([:])

        func answer(_ client: String, on loop: any EventLoop) -> PendingAnswer {
            PendingAnswer(loop: loop) { [self] reply in replies.withLock { $0[client, default: []].append(reply) } }
        }

        /// The leases of the one reply to a client; `nil` stands for one that is gone.
        func leases(_ client: String) -> [UInt64?]? {
            replies.withLock { all in
                guard let own = all[client], own.count == 1, case .renewed(let grants, _) = own[0] else { return nil }
                return grants.map { $0?.id.rawValue }
            }
        }

        func refusal(_ client: String) -> Refusal? {
            replies.withLock { all in
                guard let own = all[client], own.count == 1, case .refused(let refusal, _) = own[0] else { return nil }
                return refusal
            }
        }
    }

    private func grant(_ id: UInt64) -> LeaseGrant {
        LeaseGrant(id: LeaseID(id), ttl: .seconds(5), remaining: .seconds(5))
    }

    private func settle(_ answers: inout PendingAnswers, _ id: RequestID, _ reply: ClientReply) {
        answers.settle(id, with: reply) { answer, reply in answer.completion(reply) }
    }

    @Test func eachClientHearsOfItsOwnLeases() throws {
        let told = Told()
        var answers = PendingAnswers()
        var renewals = GatheredRenewals()
        for (client, leases) in [("a", [1]), ("b", [2, 3]), ("c", []), ("d", [4])] as [(String, [UInt64])] {
            renewals.add(leases.map { LeaseID($0) }, timeout: .seconds(1), answer: told.answer(client, on: loop))
        }
        let taken = renewals.take()
        let (leases, timeout, shares) = try #require(taken)
        #expect(leases == [LeaseID(1), LeaseID(2), LeaseID(3), LeaseID(4)] && timeout == .seconds(1))
        #expect(renewals.clients == 0)
        let nothing = renewals.take()
        #expect(nothing == nil)
        let id = answers.expect(shares)
        #expect(answers.count == 4)
        settle(&answers, id, .renewed([grant(1), nil, grant(3), grant(4)], position))
        #expect(told.leases("a") == [1] && told.leases("b") == [nil, 3])
        #expect(told.leases("c") == [] && told.leases("d") == [4])
        #expect(answers.count == 0)
        settle(&answers, id, .renewed([], position))
    }

    @Test func aRefusalIsEverybodys() throws {
        let told = Told()
        var answers = PendingAnswers()
        var renewals = GatheredRenewals()
        for client in ["a", "b"] {
            renewals.add([LeaseID(1)], timeout: .seconds(1), answer: told.answer(client, on: loop))
        }
        let taken = renewals.take()
        let id = answers.expect(try #require(taken).shares)
        settle(&answers, id, .refused(.timeout, position))
        #expect(told.refusal("a") == .timeout && told.refusal("b") == .timeout)
    }

    @Test func onlyRenewalsWithTheSameTimeOutShareARequestAndNotTooMany() {
        var renewals = GatheredRenewals()
        let some = [LeaseID](repeating: LeaseID(1), count: Limits.renewalsPerRequest - 1)
        #expect(renewals.hasRoom(for: some + some, timeout: .seconds(1)))
        renewals.add(some, timeout: .seconds(1), answer: Told().answer("a", on: loop))
        #expect(!renewals.hasRoom(for: [LeaseID(2)], timeout: .seconds(2)))
        #expect(renewals.hasRoom(for: [LeaseID(2)], timeout: .seconds(1)))
        #expect(!renewals.hasRoom(for: [LeaseID(2), LeaseID(3)], timeout: .seconds(1)))
    }

    @Test func whoWaitsWhenTheNodeEndsIsTold() async throws {
        let told = Told()
        var answers = PendingAnswers()
        var renewals = GatheredRenewals()
        renewals.add([LeaseID(1)], timeout: .seconds(1), answer: told.answer("b", on: loop))
        _ = answers.expect(told.answer("a", on: loop))
        let taken = renewals.take()
        _ = answers.expect(try #require(taken).shares)
        answers.settleAll(with: .refused(.timeout, position))
        #expect(answers.count == 0)
        try await loop.submit {}.get()
        #expect(told.refusal("a") == .timeout && told.refusal("b") == .timeout)
    }
}
