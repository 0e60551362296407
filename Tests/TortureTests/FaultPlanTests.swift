import Foundation
import LocalProcesses
import Testing

@testable import Torture

@Suite struct FaultPlanTests {
    private let all = FaultKind.allCases

    @Test func theSameSeedPlansTheSameFaults() {
        let one = FaultPlan(seed: 5, length: .seconds(60), kinds: all)
        #expect(one.faults == FaultPlan(seed: 5, length: .seconds(60), kinds: all).faults)
        #expect(one.faults != FaultPlan(seed: 6, length: .seconds(60), kinds: all).faults)
    }

    @Test func faultsComeInOrderWithinTheRunAndOverlap() {
        let faults = FaultPlan(seed: 1, length: .seconds(120), kinds: all).faults
        #expect(faults.count > 30)
        #expect(faults.allSatisfy { $0.at < .seconds(120) })
        #expect(zip(faults, faults.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(zip(faults, faults.dropFirst()).contains { $0.at + $0.span > $1.at })
    }

    @Test func nowAndThenAHealthyClusterLosesItsLeader() {
        let faults = FaultPlan(seed: 3, length: .seconds(600), kinds: all).faults
        let alone = faults.indices.dropFirst().filter { place in
            faults[..<place].allSatisfy { $0.at + $0.span < faults[place].at } && faults[place].kind.takesLeaderAway
        }
        #expect(alone.count > 5)
        let others = FaultPlan(seed: 3, length: .seconds(600), kinds: [.killOne, .cutPair]).faults
        #expect(others.count > 200)
    }

    @Test func syncsAreToldToHangOrFailOnlyWhereTheProgramKnowsHow() async throws {
        var plan = TorturePlan(
            nodes: 3, length: .seconds(60), seed: 1, clients: 1, pause: .zero, history: URL(filePath: "/nowhere"),
            isPrivate: true)
        #expect(!plan.kinds.contains { $0.syncFault != nil } && plan.kinds.contains(.fillDisk))
        let folder = try Folder.temporary()
        defer { Folder.remove(folder) }
        let program = folder.appending(path: "member")
        try Data("#!/bin/sh\necho hang\n".utf8).write(to: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
        plan.member = try await MemberProgram(asking: program.path)
        #expect(Set(plan.kinds.filter { $0.syncFault != nil }) == [.hangingSync, .hangingLeader])
        #expect(plan.member?.losesUnsynced == true)
        let other = try await MemberProgram(asking: "/bin/false")
        #expect(!other.losesUnsynced)
    }

    @Test func everyKindComesAndNoneThatWasNotAskedFor() {
        let kinds = Set((1...20).flatMap { FaultPlan(seed: $0, length: .seconds(60), kinds: all).faults.map(\.kind) })
        #expect(kinds == Set(all))
        let some = FaultPlan(seed: 1, length: .seconds(300), kinds: [.killOne, .stopOne]).faults.map(\.kind)
        #expect(Set(some) == [.killOne, .stopOne])
    }

    /// `.ci/run` has it.
    @Test func theSeedOfTheGateBringsEveryKindInItsNinetySeconds() {
        let faults = FaultPlan(seed: 379, length: .seconds(85), kinds: all).faults
        #expect(Set(faults.map(\.kind)) == Set(all))
    }

    @Test func stopsLastFromFiftyMillisecondsToThirtySeconds() {
        let spans = (1...40).flatMap { seed in
            FaultPlan(seed: seed, length: .seconds(300), kinds: [.stopOne]).faults.map(\.span)
        }
        #expect(spans.allSatisfy { (.milliseconds(50)...(.seconds(30))).contains($0) })
        #expect(spans.contains { $0 < .milliseconds(200) } && spans.contains { $0 > .seconds(15) })
    }
}
