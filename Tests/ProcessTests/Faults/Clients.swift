import ConclaveClient
import Foundation
import LocalProcesses

@testable import conclave

/// Writes values that no one else writes, at a steady pace, and enters each outcome into the ledger.
struct FaultWriter: Sendable {
    /// How it writes, and what it does when an answer is lost.
    enum Habit: Sendable, CaseIterable {
        /// With idempotency keys, repeated on other nodes; keys of its own.
        case repeating
        /// Without: what is lost stays unknown.
        case once
        /// Creates keys that all others of this habit want to create, too.
        case creating
        /// Reads a key shared with others of this habit, and writes it if unchanged.
        case exchanging
    }

    let name: String
    let habit: Habit
    let endpoints: [Endpoint]
    let ledger: Ledger

    func run() async {
        var options = ClientOptions()
        options.idempotentWrites = habit != .once
        options.attemptTimeout = .milliseconds(700)
        let client = ClusterClient(endpoints: endpoints, options: options)
        var number = 0
        while !Task.isCancelled {
            number += 1
            await write(number, client)
            try? await Task.sleep(for: .milliseconds(4))
        }
        await client.shutdown()
    }

    private func write(_ number: Int, _ client: ClusterClient) async {
        let value = ByteString("\(name)#\(number)")
        do {
            switch habit {
            case .repeating, .once:
                await put(ByteString("own/\(name)/\(number % 5)"), value, .always, client)
            case .creating: await put(ByteString("first/\(number)"), value, .absent, client)
            case .exchanging:
                guard let record = try await client.get("shared") else {
                    return await put("shared", value, .absent, client)
                }
                await put("shared", value, .unchanged(since: record.modRevision), client)
            }
        } catch {
            // A read that failed changed nothing.
        }
    }

    private func put(_ key: ByteString, _ value: ByteString, _ condition: Condition, _ client: ClusterClient) async {
        var write = Ledger.Write(
            key: key, value: value, condition: condition, floor: ledger.newest, outcome: .unknown)
        do {
            let result = try await client.put(key, value, when: condition)
            write.outcome = .acknowledged(result.revision)
            if condition == .absent, !result.created { ledger.complain("\(value) was created and yet not new") }
        } catch let error as ConclaveError where error.outcome == .notApplied {
            write.outcome = .refused
        } catch {
            // Cancelled or lost on the way: it may be there.
        }
        ledger.add(write)
    }
}

/// Reads keys on one node, linearizably or from its memory, without moving on when the node is down.
struct FaultReader: Sendable {
    let member: LocalCluster.Member
    let isStale: Bool
    let writers: [FaultWriter]
    let ledger: Ledger
    let door: NodeDoor
    /// How often the node was started so far.
    let life: @Sendable () -> Int

    func run() async {
        while !Task.isCancelled {
            let key = choice()
            let query = isStale ? "?consistency=stale" : "?timeout=1s"
            let (floor, life) = (isStale ? 0 : ledger.newest, life())
            if let answer = try? await door.get("/v1/kv/\(key)\(query)", of: member, within: .milliseconds(2500)) {
                note(answer, key: ByteString(key), floor: floor, life: life)
            }
            try? await Task.sleep(for: .milliseconds(isStale ? 6 : 3))
        }
    }

    private func choice() -> String {
        guard let writer = writers.randomElement() else { return "shared" }
        switch writer.habit {
        case .repeating, .once: return "own/\(writer.name)/\(Int.random(in: 0..<5))"
        case .creating: return "first/\(Int.random(in: 1..<1000))"
        case .exchanging: return "shared"
        }
    }

    private func note(_ answer: NodeDoor.Answer, key: ByteString, floor: UInt64, life: Int) {
        guard answer.status == 200 || answer.status == 404 else {
            if ![503, 504, 429].contains(answer.status) {
                ledger.complain("a read on \(member.name) was answered with status \(answer.status)")
            }
            return
        }
        guard let revision = answer.revision else { return ledger.complain("an answer without Conclave-Revision") }
        guard self.life() == life else { return }
        let value = answer.status == 200 ? ByteString(answer.body) : nil
        ledger.add(
            Ledger.Read(
                node: member.name, life: life, key: key, value: value, revision: revision, floor: floor,
                isStale: isStale))
    }
}
