import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    /// `conclave elect` and `conclave lock`, with real commands, against three real members.
    @Suite struct Elect {
        /// A command that notes, in a file of its own, each moment at which it acts; it does not mind SIGTERM.
        private struct Worker {
            let id: String
            let file: URL
            let process: Command

            init(_ id: String, ttl: String, in directory: URL, at cluster: LocalCluster, stubborn: Bool = true) throws {
                self.id = id
                file = directory.appending(path: id)
                let trap = stubborn ? "trap '' TERM" : "trap 'exit 9' TERM"
                let script = #"\#(trap); while :; do date +%s%N >>"$0"; sleep 0.01; done"#
                process = try Command(
                    ["elect", "controller", "--id", id, "--ttl", ttl, "--endpoints", cluster.endpointList, "--"]
                        + ["sh", "-c", script, file.path])
            }

            /// Nanoseconds of the wall clock, in order; the last line may be half written.
            var acts: [Int] {
                let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
                return text.split(separator: "\n").compactMap { $0.count >= 19 ? Int($0) : nil }
            }

            var isActing: Bool { !acts.isEmpty }
        }

        /// Two workers; the first is in office.
        private func withWorkers(
            ttl: String = "1500ms", stubborn: Bool = true,
            _ body: (LocalCluster, ClusterClient, _ first: Worker, _ second: Worker) async throws -> Void
        ) async throws {
            try await withCluster { cluster, client in
                let directory = try Sandbox.directory("workers")
                let first = try Worker("first", ttl: ttl, in: directory, at: cluster, stubborn: stubborn)
                try await eventually("the first worker acts") { first.isActing }
                let second = try Worker("second", ttl: ttl, in: directory, at: cluster, stubborn: stubborn)
                try await eventually("the second worker waits") { second.process.errorsSoFar.contains("waits") }
                defer { [first, second].forEach { $0.process.send(SIGKILL) } }
                try await body(cluster, client, first, second)
            }
        }

        @Test(arguments: [SIGKILL, SIGSTOP])
        func whenTheFirstIsKilledOrStoppedItsCommandEndsBeforeTheSecondBegins(_ signal: Int32) async throws {
            try await withWorkers { _, client, first, second in
                let begin = ContinuousClock.now
                first.process.send(signal)
                try await eventually("the second worker acts") { second.isActing }
                #expect(ContinuousClock.now - begin < .milliseconds(1500) + .seconds(3))
                let later = second.acts.count
                try await eventually("it goes on") { second.acts.count > later + 10 }
                let (last, next) = (try #require(first.acts.last), try #require(second.acts.first))
                #expect(last < next, "both acted within \((last - next) / 1_000_000) ms")
                let past = try #require(try await client.history(of: .election("controller")))
                #expect(past.map(\.id) == ["second", "first"])
                #expect(past.last?.reason == .expired)
                guard signal == SIGSTOP else { return }
                first.process.send(SIGCONT)
                try await eventually("the first one knows") { first.process.errorsSoFar.contains("lost") }
                try await eventually("it waits again") { first.process.errorsSoFar.contains("waits") }
            }
        }

        @Test func whenTheCoresLeaderIsKilledTheControllerStaysInOffice() async throws {
            try await withWorkers(ttl: "4s") { cluster, client, first, second in
                let leader = try await cluster.waitForLeader(client)
                try await cluster.kill(leader.member)
                _ = try await cluster.waitForLeader(client, above: leader.term)
                // Longer than the lease would last without renewals through the new leader.
                let noticed = first.acts.count
                let fence = try await client.state(of: .election("controller"))?.fence
                let end = ContinuousClock.now + .seconds(5)
                try await eventually("more than a time to live has passed") { ContinuousClock.now > end }
                #expect(first.acts.count > noticed + 50)
                #expect(!second.isActing)
                let state = try #require(try await client.state(of: .election("controller")))
                #expect(state.leader?.id == "first")
                #expect(state.fence == fence)
                #expect(try await client.history(of: .election("controller"))?.count == 1)
            }
        }

        @Test func whoIsAskedToGoStopsItsCommandThenResigns() async throws {
            try await withWorkers(ttl: "20s", stubborn: false) { _, client, first, second in
                first.process.send(SIGTERM)
                let outcome = try await first.process.outcome()
                #expect(outcome.code == 9, "\(outcome)")
                try await eventually("the second worker acts, long before the lease is over", within: .seconds(10)) {
                    second.isActing
                }
                let (last, next) = (try #require(first.acts.last), try #require(second.acts.first))
                #expect(last < next)
                #expect(try await client.history(of: .election("controller"))?.last?.reason == .resigned)
            }
        }

        @Test func theCommandsCodeIsOursAndItsFenceCountsOnlyInOffice() async throws {
            try await withCluster { cluster, client in
                let script = #"""
                    "$0" kv put plan mine --fence "$CONCLAVE_ELECTION=$CONCLAVE_FENCE" || exit 1
                    echo "$CONCLAVE_ID" >"$1"
                    exit 7
                    """#
                let file = try Sandbox.directory("code").appending(path: "id")
                let outcome = try await Command(
                    ["elect", "a/b", "--id", "me", "--endpoints", cluster.endpointList, "--", "sh", "-c", script]
                        + [Sandbox.executable, file.path]
                ).outcome()
                #expect(outcome.code == 7, "\(outcome)")
                #expect(try String(contentsOf: file, encoding: .utf8) == "me\n")
                let past = try #require(try await client.history(of: .election("a/b"))?.first)
                #expect(past.reason == .resigned)
                let stale = try await Command.run(
                    "kv", "put", "plan", "late", "--fence", "a/b=\(past.fence)", "--endpoints", cluster.endpointList)
                #expect(stale.code == 3, "\(stale)")
                #expect(try await client.get("plan")?.value == "mine")
            }
        }

        @Test func oneIdIsOneProcess() async throws {
            try await withWorkers { cluster, _, _, _ in
                let other = try await Command.run(
                    "elect", "controller", "--id", "second", "--endpoints", cluster.endpointList, "--", "true")
                #expect(other.code == 3)
                #expect(other.complaints.count == 1, "\(other)")
            }
        }

        @Test func aLockIsOnesAloneAndWaitedForOnlyWhenAsked() async throws {
            try await withCluster { cluster, _ in
                let at = ["--endpoints", cluster.endpointList]
                let holder = try Command(["lock", "backup", "--id", "one"] + at)
                try await eventually("it holds the lock") { holder.outputSoFar.contains("holds") }
                let refused = try await Command(["lock", "backup", "--json"] + at + ["--", "true"]).outcome()
                #expect(refused.code == 3)
                #expect(refused.errors.contains(#""leader":{"id":"one""#), "\(refused)")
                let short = try await Command(["lock", "backup", "--wait-at-most", "200ms"] + at + ["--", "true"])
                    .outcome()
                #expect(short.code == 3, "\(short)")
                let waiter = try Command(["lock", "backup", "--wait"] + at + ["--", "sh", "-c", "exit 6"])
                try await eventually("another waits") { waiter.errorsSoFar.contains("waits") }
                holder.send(SIGINT)
                #expect(try await holder.outcome().code == 0)
                #expect(try await waiter.outcome().code == 6)
                let history = try await Command(["locks", "history", "backup", "--json"] + at).outcome()
                #expect(history.output.split(separator: "\n").count == 2, "\(history)")
                #expect(history.output.contains(#""id":"one""#))
                #expect(try await Command(["locks", "show", "none"] + at).outcome().code == 4)
                #expect(try await Command(["locks"] + at).outcome().output.contains("backup"))
            }
        }

        @Test func whoLeadsIsToldAsItChangesThroughADeath() async throws {
            try await withCluster { cluster, client in
                let watch = try Command(
                    ["elections", "show", "c", "--watch", "--json", "--endpoints", cluster.endpointList])
                try await eventually("it tells the vacancy") { watch.outputSoFar.contains("vacant") }
                // The first endpoint is the one that is listened to.
                try await cluster.kill(cluster.members[0])
                try await client.campaign("c", as: "node-1", value: "here").withLeadership { _ in
                    try await eventually("it tells the leader") { watch.outputSoFar.contains("node-1") }
                }
                try await eventually("it tells the end") { watch.outputSoFar.contains("resigned") }
                watch.send(SIGINT)
                let events = try await watch.outcome().output.split(separator: "\n").map {
                    try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                }
                #expect(events.map { $0["event"] as? String } == ["vacant", "leader", "vacant"])
            }
        }
    }
}
