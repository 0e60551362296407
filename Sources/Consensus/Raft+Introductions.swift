internal import Primitives

// How a member that may have forgotten what it promised becomes one of the others: as a member of a cluster that is new, or
// brought up to date by a leader. Until then it neither votes nor campaigns nor counts. Why this is safe:
// `Docs/Decisions/0005-blank-members.md`.

extension Raft {
    /// Whether this member's data directory has not joined the cluster yet.
    package var isBlank: Bool { doubt?.directory != nil }

    // MARK: Asking

    /// Repeats the question, whose answers may have been lost, and in the end asks anew: the others may have changed.
    mutating func askAgainIfDue(now: Instant) {
        guard let doubt, doubt.settled == nil, doubt.asksAt <= now else { return }
        let pause = min(doubt.pause * 2, settings.electionTimeout)
        self.doubt?.pause = pause
        self.doubt?.asksAt = now + doubt.pause
        // Each question costs a leader an entry: once its answer is there, that is waited for.
        if case .follower = role, doubt.later?.term == term { return }
        if doubt.question == 0 || doubt.pause >= settings.electionTimeout { return beginQuestion(now: now) }
        askAll()
    }

    private mutating func askAll() {
        let others = configuration.members.map(\.id).filter { $0 != id }
        doubt?.unasked = others
    }

    /// Asks all others anew. Whoever was heard of before and is blank still was so at this moment.
    private mutating func beginQuestion(now: Instant) {
        guard var doubt else { return }
        doubt.question = generator.next()
        doubt.knownBefore = doubt.known
        doubt.confirmed = []
        doubt.asksAt = now + doubt.pause
        self.doubt = doubt
        askAll()
    }

    /// The newest question also goes to `peer`, who most likely has not got it, or has something new to say.
    mutating func ask(_ peer: NodeID) {
        guard doubt?.unasked.contains(peer) == false else { return }
        doubt?.unasked.append(peer)
    }

    mutating func flushIntroductions(now: Instant, into out: inout RaftOutbox) {
        // Of one member it is the majority.
        joinIfProven()
        if doubt?.question == 0 { beginQuestion(now: now) }
        guard let doubt, doubt.settled == nil else { return }
        for peer in doubt.unasked {
            let message = introduction(question: doubt.question, answered: nil, later: nil)
            out.sends.append(Envelope(to: peer, message: .introduction(message)))
        }
        self.doubt?.unasked = []
    }

    private func introduction(question: UInt64?, answered: UInt64?, later: LogIndex?) -> Introduction {
        Introduction(
            term: term, directory: holdsNothing ? doubt?.directory : nil, holdsEntries: !holdsNothing,
            question: question, answered: answered, firsts: firsts, later: later)
    }

    /// Whether there is at most what every member of a new cluster begins with.
    private var holdsNothing: Bool { log.baseIndex == .zero && log.lastIndex <= LogIndex(1) && commitIndex == .zero }

    // MARK: Hearing

    mutating func receiveIntroduction(
        _ introduction: Introduction, from sender: NodeID, now: Instant, into out: inout RaftOutbox
    ) {
        if let question = introduction.question {
            let later = laterEntry(for: sender, question: question, now: now)
            var answer = self.introduction(question: nil, answered: question, later: later)
            #if PlantedBugs
                if planted(.vouchesForStrangers), !isBlank, let directory = introduction.directory {
                    answer.firsts.append(FirstDirectory(member: sender, directory: directory))
                }
            #endif
            out.sends.append(Envelope(to: sender, message: .introduction(answer)))
        }
        guard doubt?.settled == nil, let doubt else { return }
        let isAnswer = introduction.answered == doubt.question
        if isAnswer, let later = introduction.later { self.doubt?.later = (later, introduction.term) }
        if introduction.holdsEntries { self.doubt?.isLate = true }
        if isBlank, let directory = introduction.directory { note(directory, of: sender, isAnswer: isAnswer, now: now) }
        adopt(introduction.firsts)
        joinIfProven()
        repairIfComplete()
    }

    private mutating func note(_ directory: DirectoryID, of member: NodeID, isAnswer: Bool, now: Instant) {
        guard var doubt else { return }
        doubt.known[member] = directory
        let isKnownBefore = doubt.knownBefore[member] == directory
        if isAnswer, isKnownBefore, !doubt.confirmed.contains(member) { doubt.confirmed.append(member) }
        self.doubt = doubt
        // With those that are known now, another round may prove what this one cannot.
        if doubt.knownBefore.count + 1 < configuration.quorum, doubt.known.count + 1 >= configuration.quorum {
            beginQuestion(now: now)
        }
    }

    /// What another knows to be first directories are so for ever.
    private mutating func adopt(_ others: [FirstDirectory]) {
        guard let directory = doubt?.directory else { return }
        if others.contains(FirstDirectory(member: id, directory: directory)) { firsts = others }
    }

    /// Settles that this member's directory is its first one: when at one moment a majority was blank, nobody had lost
    /// anything, and all directories that were known then are first ones; or because another says so who saw that.
    private mutating func joinIfProven() {
        guard let doubt, doubt.settled == nil, let directory = doubt.directory else { return }
        let own = FirstDirectory(member: id, directory: directory)
        let isProven = holdsNothing && !doubt.isLate && doubt.confirmed.count + 1 >= configuration.quorum
        if !firsts.contains(own), isProven || configuration.quorum == 1 {
            firsts = [own] + doubt.knownBefore.map { FirstDirectory(member: $0, directory: $1) }
            firsts.sort { $0.member < $1.member }
        }
        guard firsts.contains(own) else { return }
        if log.lastIndex == .zero && !doubt.lostEntries { appendFirstConfiguration(configuration) }
        settle(.isFirst)
    }

    // MARK: The end of the doubt

    /// Ends the doubt with the next write: what a member is trusted with must outlive a crash.
    mutating func settle(_ settlement: LogWrite.Settlement) {
        doubt?.settled = (settlement, nil)
        hardStateIsDirty = true
    }

    /// Everything up to `write` is durable.
    mutating func endDoubtIfDurable(_ write: WriteID, into out: inout RaftOutbox) {
        guard var doubt, let settled = doubt.settled, let own = settled.write, own <= write else { return }
        let isNew = settled.0 == .isFirst
        out.notices.append(
            doubt.directory == nil ? .damageRepaired(commitIndex) : .joined(isNew: isNew, stableIndex))
        (doubt.directory, doubt.settled) = (nil, nil)
        self.doubt = isNew && doubt.lostEntries ? doubt : nil
    }

    /// A leader's entry from after `question` had come. Once a majority that does not count the asker has it, whatever the
    /// asker once promised and forgot decides nothing any more: no candidate it may have voted for can still win, because
    /// none has this entry, and all that it acknowledged lies below.
    private mutating func laterEntry(for asker: NodeID, question: UInt64, now: Instant) -> LogIndex? {
        guard case .leader = role, let peer = leading.peers.firstIndex(where: { $0.id == asker }) else { return nil }
        if let asked = leading.peers[peer].asked, asked.question == question { return asked.later }
        guard let entry = propose(.noop, now: now) else { return nil }
        leading.peers[peer].asked = (question, entry.index)
        return entry.index
    }
}
