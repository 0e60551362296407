import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct Faults {
        /// Another one each time; the schedule of a failed run comes back with `CONCLAVE_FAULT_SEED`.
        static let seed =
            ProcessInfo.processInfo.environment["CONCLAVE_FAULT_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 1...99_999)

        @Test(.timeLimit(.minutes(3)), arguments: [seed])
        func killedStoppedAndRestartedMembersLoseNothingAndContradictNobody(seed: UInt64) async throws {
            try await NodeDoor.withDoor { door in
                // Requests that hop between threads, or stay on one.
                try await withCluster(arguments: ["--io-threads", seed % 2 == 0 ? "1" : "2"]) { cluster, client in
                    let run = FaultRun(cluster, client, door)
                    var generator = FaultGenerator(seed: seed)
                    let late = Observer("late watch", endpoints: cluster.endpoints, after: 1)
                    try await run.whileBusy {
                        for (place, fault) in Fault.allCases.shuffled(using: &generator).enumerated() {
                            try await Task.sleep(for: .milliseconds(Int.random(in: 700...1500, using: &generator)))
                            if place == 3 {
                                await late.begin()
                                for holder in run.holders.prefix(3) { await holder.fallSilent() }
                            }
                            try await run.schedule.carryOut(fault, using: &generator)
                        }
                        for holder in run.holders.prefix(2) { await holder.begin() }
                        try await Task.sleep(for: .seconds(1))
                    }
                    let course = try await run.settle()
                    try await eventually("the late watch has caught up") {
                        await late.reached >= course.changes.last?.revision ?? 0
                    }
                    await late.end()
                    await run.end()
                    try await judge(run, course, late: late)
                }
            }
        }

        private func judge(_ run: FaultRun, _ course: StoreCourse, late: Observer) async throws {
            let writes = run.ledger.writes
            #expect(course.disorder() == [])
            #expect(course.contradictions(of: writes).prefix(5) == [])
            #expect(course.contradictions(of: run.ledger.reads).prefix(5) == [])
            #expect(run.staleProblems().prefix(5) == [])
            #expect(await run.watchProblems(course).prefix(5) == [])
            #expect(course.contradictions(of: await late.told) == [])
            #expect(await run.leaseProblems().prefix(5) == [])
            #expect(try await run.storeProblems(course) == [])
            #expect(run.ledger.problems.prefix(5) == [])
            let report = try await run.cluster.agreement(run.door)
            #expect(report.revision == course.changes.last?.revision)
            try await tell(run, course, report)
        }

        /// A run in which nothing happened proves nothing; and its figures are worth a line.
        private func tell(_ run: FaultRun, _ course: StoreCourse, _ report: NodeReport) async throws {
            let outcomes = run.ledger.writes.map(\.outcome)
            let acknowledged = outcomes.filter { if case .acknowledged = $0 { true } else { false } }.count
            let reads = run.ledger.reads
            var tenures: [LeaseHolder.Tenure] = []
            for holder in run.holders { tenures += await holder.tenures }
            var interruptions = 0
            for observer in run.observers { interruptions += await observer.told.interruptions }
            #expect(acknowledged > 500)
            #expect(reads.filter { !$0.isStale }.count > 500)
            #expect(tenures.count >= run.holders.count)
            #expect(interruptions > 0)
            let pauses = run.ledger.gaps.filter { $0.upperBound - $0.lowerBound > .milliseconds(200) }.map {
                "\(($0.upperBound - $0.lowerBound).spoken) from \(($0.lowerBound - run.begin).spoken)"
            }
            print(
                """
                faults: \(acknowledged) writes acknowledged, \(outcomes.filter { $0 == .unknown }.count) unknown, \
                \(reads.filter { !$0.isStale }.count) reads, \(reads.filter(\.isStale).count) stale reads, \
                \(course.changes.count) events x \(run.observers.count + 2) watches, \(interruptions) interruptions, \
                \(tenures.count) leases, \(tenures.map(\.renewals).reduce(0, +)) renewals; \(report); \
                longest pauses \(pauses); \(run.schedule.accounts)
                """)
        }
    }
}
