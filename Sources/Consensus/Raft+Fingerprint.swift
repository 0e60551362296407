package import Primitives

// What tells two states of a member apart for whoever explores all of them.
//
// Left out is what no decision depends on once the time-outs are somebody else's choice: moments and cluster times, the
// generator that draws delays, round-trip times, the numbers of writes and of read batches, and what follows from the rest.

extension Raft {
    /// Combines everything that decides what this member does next, time and chance aside.
    package func combine(into print: inout Fingerprint) {
        hardState.combine(into: &print)
        print.combine(log.baseIndex.rawValue)
        print.combine(log.baseTerm.rawValue)
        print.combine(log.lastIndex.rawValue)
        for entry in log.suffix(from: log.firstIndex) { entry.combine(into: &print) }
        print.combine(commitIndex.rawValue)
        print.combine(stableIndex.rawValue)
        print.combine(unwrittenFrom?.rawValue ?? 0)
        print.combine(hardStateIsDirty)
        doubt?.combine(into: &print)
        for first in firsts { print.combine(first.member.rawValue ^ first.directory.rawValue) }
        print.combine(needsSnapshot)
        print.combine(pendingReset?.index.rawValue ?? 0)
        print.combine(digestStamp.index.rawValue)
        print.combine(UInt64(promises.count))
        for promise in promises { promise.combine(into: &print) }
        print.combine(UInt64(writesInFlight.count))
        for write in writesInFlight {
            print.combine(write.lastIndex.rawValue)
            print.combine(write.isReset)
        }
        print.combine(UInt64(waitingReads.count))
        for read in waitingReads { print.combine(read.rawValue) }
        print.combine(incoming.map { $0.position.index.rawValue << 32 | $0.next << 1 | ($0.isComplete ? 1 : 0) } ?? 0)
        combineRole(into: &print)
    }

    private func combineRole(into print: inout Fingerprint) {
        switch role {
        case .looking(let looking): combine(looking, into: &print)
        case .follower(let following): following.combine(into: &print)
        case .leader(let leading): leading.value.combine(into: &print)
        }
    }

    private func combine(_ looking: Looking, into print: inout Fingerprint) {
        // Those that do not ask for credentials decide nothing by them.
        if asksForCredentials {
            print.combine(looking.lost?.rawValue ?? 0)
            for heard in looking.heard.sorted(by: { $0.contender.id < $1.contender.id }) {
                heard.contender.combine(into: &print)
            }
        }
        switch looking.phase {
        case .waiting: print.combine(1)
        case .ranking: print.combine(6)
        case .backing(let better):
            print.combine(7)
            for member in better { print.combine(member.rawValue) }
        case .preVoting(let granted):
            print.combine(2)
            for voter in granted.sorted() { print.combine(voter.rawValue) }
        case .campaigning(let campaign):
            print.combine(3)
            for voter in campaign.granted.sorted() { print.combine(voter.rawValue) }
            for voter in campaign.refused.sorted() { print.combine(~voter.rawValue) }
            let place = writesInFlight.firstIndex { $0.id == campaign.write }
            print.combine(UInt64(place.map { $0 + 1 } ?? 0))
        }
    }
}

extension Contender {
    fileprivate func combine(into print: inout Fingerprint) {
        print.combine(id.rawValue)
        print.combine(credentials.lastTerm.rawValue)
        print.combine(credentials.lastIndex.rawValue)
        print.combine(UInt64(credentials.priority))
    }
}

extension Following {
    fileprivate func combine(into print: inout Fingerprint) {
        print.combine(4)
        print.combine(leader.rawValue)
        print.combine(wasForgiven)
        print.combine(verified.rawValue)
        print.combine(heldByOthers.rawValue)
        print.combine(owed.map { $0.round << 2 | ($0.isUrgent ? 3 : 2) } ?? 0)
        print.combine(acknowledged.map { $0.round << 1 | 1 } ?? 0)
        print.combine(acknowledged?.through.rawValue ?? 0)
        for batch in reads { for read in batch.reads { print.combine(read.rawValue) } }
    }
}

extension Leading {
    fileprivate func combine(into print: inout Fingerprint) {
        print.combine(5)
        print.combine(noop.rawValue)
        print.combine(mayBeCommitted.rawValue)
        print.combine(round)
        print.combine(UInt64(reads.count))
        for read in reads { print.combine(read.round << 32 | read.index.rawValue) }
        print.combine(handOver?.target.rawValue ?? 0)
        print.combine(handOver?.asked ?? false)
        for peer in peers { peer.combine(into: &print) }
    }
}

extension Progress {
    fileprivate func combine(into print: inout Fingerprint) {
        print.combine(match.rawValue)
        print.combine(next.rawValue)
        print.combine(ackedRound)
        print.combine(sentCommit.rawValue)
        print.combine(sentHeldByOthers.rawValue)
        print.combine(heardSinceElection)
        print.combine(priority.map { UInt64($0) + 1 } ?? 0)
        print.combine(heartbeatDue)
        print.combine(counts)
        print.combine(asked?.question ?? 0)
        print.combine(asked?.later.rawValue ?? 0)
        print.combine(UInt64(inFlight.count))
        for index in inFlight { print.combine(index.rawValue) }
        switch flow {
        case .probing(let paused): print.combine(paused ? 1 : 2)
        case .replicating: print.combine(3)
        case .snapshotting(let transfer): print.combine(4 + (transfer.position?.index.rawValue ?? 0))
        }
    }
}

extension Doubt {
    fileprivate func combine(into print: inout Fingerprint) {
        print.combine(directory?.rawValue ?? 0)
        print.combine(lostEntries)
        print.combine(isLate)
        print.combine(question)
        for (member, directory) in known.sorted(by: { $0.key < $1.key }) {
            print.combine(member.rawValue ^ directory.rawValue)
            print.combine(knownBefore[member]?.rawValue ?? 0)
        }
        for member in confirmed.sorted() { print.combine(member.rawValue) }
        for member in unasked.sorted() { print.combine(member.rawValue) }
        print.combine(later.map { $0.index.rawValue << 32 | $0.term.rawValue } ?? 0)
        print.combine(settled.map { ($0.write?.rawValue ?? 0) << 2 | ($0.0 == .isFirst ? 3 : 2) } ?? 0)
    }
}

extension HardState {
    package func combine(into print: inout Fingerprint) {
        print.combine(term.rawValue)
        print.combine(votedFor?.rawValue ?? 0)
    }
}

extension Entry {
    /// Combines the entry without its time.
    package func combine(into print: inout Fingerprint) {
        print.combine(index.rawValue << 32 | term.rawValue)
        switch payload {
        case .noop: print.combine(1)
        case .configuration(let configuration):
            for member in configuration.members { print.combine(member.id.rawValue) }
        case .command(let bytes): print.combine(bytes)
        }
    }
}

extension Envelope {
    /// Combines the message and its addressee, without times.
    package func combine(into print: inout Fingerprint) {
        var timeless = message
        if case .append(var append) = message {
            append.time = .zero
            for place in append.entries.indices { append.entries[place].time = .zero }
            timeless = .append(append)
        }
        if case .readReply(var reply) = message {
            reply.time = .zero
            timeless = .readReply(reply)
        }
        var writer = ByteWriter()
        timeless.encode(into: &writer)
        print.combine(to.rawValue)
        print.combine(writer.bytes)
    }
}
