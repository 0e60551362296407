import Consensus
import Exploration
import Primitives

// What the commands of a scenario do; `Docs/TESTING.md` lists them.

extension Stage {
    mutating func perform(_ line: String) throws {
        let command = try Command(line)
        isBrief = false
        switch command.verb {
        case "cluster": try begin(command)
        case "start": try start(command)
        case "stop": try stop(command)
        case "restart": try restart(command)
        case "timeout", "heartbeat": try time(command)
        case "elect": try elect(command)
        case "wait": try wait(command)
        case "deliver", "duplicate", "drop", "settle", "mail": try moveMail(command)
        case "cut", "heal": try changeLinks(command)
        case "disk", "sync", "install", "compact": try moveDisk(command)
        case "propose", "read", "hand-over", "gone", "connected": try ask(command)
        case "show", "log", "why": try show(command)
        case "inject": try inject(command)
        default: throw command.refusal
        }
    }

    private func known(_ command: Command, _ place: Int) throws -> String {
        let name = try command.word(place)
        guard members[name] != nil else { throw command.refusal }
        return name
    }

    // MARK: Lives

    private mutating func begin(_ command: Command) throws {
        let names = try (1...command.number(at: 0)).map { "n\($0)" }
        configuration = Configuration(members: names.map { Configuration.Member(name: $0, peerAddress: "\($0):1") })
        isBrief = true
        try readSettings(command)
        for name in names {
            members[name] = Member(id: id(name), settings: try settings(of: name, command), bootstrap: configuration)
            step(name) { _, _, _ in }
        }
        say("\(names.joined(separator: " "))  begin, each with 1/1 on disk")
    }

    /// `election=ranked priorities=100,200,0`
    private mutating func readSettings(_ command: Command) throws {
        guard let election = ElectionStrategy(rawValue: command.option("election") ?? "randomized") else {
            throw command.refusal
        }
        let priorities = try command.numbers("priorities").map { number in
            guard let priority = UInt8(exactly: number) else { throw command.refusal }
            return priority
        }
        guard priorities.isEmpty || priorities.count == names.count else { throw command.refusal }
        for (place, name) in names.enumerated() {
            settings[name] = Settings(
                heartbeat: .milliseconds(50), electionTimeout: .milliseconds(400), election: election,
                priority: priorities.isEmpty ? Settings.standardPriority : priorities[place])
        }
    }

    private func settings(of name: String, _ command: Command) throws -> Settings {
        guard let own = settings[name] else { throw command.refusal }
        return own
    }

    /// `start n1 log=1,1,2 term=3 vote=n2 damaged=1`: a life with this on its disk. `start n1 blank=7`: one in a data
    /// directory with that number, which has not joined.
    private mutating func start(_ command: Command) throws {
        let name = try known(command, 0)
        stopped.remove(name)
        let terms = try command.numbers("log")
        let blank = try command.number("blank")
        let term = try command.number("term") ?? terms.last ?? (blank == nil ? 1 : 0)
        var disk = RecoveredLog(
            hardState: HardState(term: Term(term), votedFor: command.option("vote").map(id)),
            entries: terms.enumerated().map { place, term in entry(LogIndex(UInt64(place) + 1), Term(term)) })
        disk.isDamaged = try command.number("damaged") == 1
        disk.blank = blank.map { DirectoryID($0) }
        mail = mail.filter { $0.to != id(name) && $0.from != id(name) }
        members[name] = Member(
            id: id(name), settings: try settings(of: name, command), bootstrap: configuration, disk: disk)
        step(name) { _, _, _ in }
    }

    /// A command of an earlier leader; the first entry is the configuration every cluster begins with.
    func entry(_ index: LogIndex, _ term: Term) -> Entry {
        let command = Bytes("\(index.rawValue)@\(term.rawValue)".utf8)
        return Entry(
            index: index, term: term, time: .zero,
            payload: index == LogIndex(1) ? .configuration(configuration) : .command(command))
    }

    private mutating func stop(_ command: Command) throws {
        let name = try known(command, 0)
        stopped.insert(name)
        say(name, "is down")
    }

    private mutating func restart(_ command: Command) throws {
        let name = try known(command, 0)
        stopped.remove(name)
        let kept = try Int(command.number("keeping") ?? 0)
        let lost = (members[name]?.writes.count ?? 0) - kept
        say(name, "restarts" + (lost > 0 ? " without \(lost) of its writes" : ""))
        members[name]?.restart(keeping: kept, configuration: configuration)
        arrived[name] = nil
        step(name) { _, _, _ in }
    }

    // MARK: Time

    private mutating func time(_ command: Command) throws {
        let name = try known(command, 0)
        guard let raft = members[name]?.raft, raft.isLeader == (command.verb == "heartbeat") else {
            throw command.refusal
        }
        members[name]?.pass(until: raft.nextDeadline)
        step(name) { $0.tick(now: $1, into: &$2) }
    }

    /// A whole election in one line, for lessons about something else.
    private mutating func elect(_ command: Command) throws {
        let name = try known(command, 0)
        let before = lines
        try perform("timeout \(name)")
        try perform("settle")
        guard let raft = members[name]?.raft, raft.isLeader else { return }
        lines = before
        say(name, "leads term \(raft.term.rawValue)")
    }

    /// `wait n1 400ms` moves one clock; `wait all 400ms` moves all, with everybody ticking and talking.
    private mutating func wait(_ command: Command) throws {
        let span = try command.span(at: 1)
        guard try command.word(0) == "all" else {
            let name = try known(command, 0)
            if let member = members[name] { members[name]?.pass(until: member.clock + span) }
            return
        }
        isBrief = true
        let step = TimeSpan.milliseconds(10)
        for _ in 0..<(span.milliseconds / step.milliseconds) {
            for name in names where !stopped.contains(name) {
                guard let member = members[name] else { continue }
                members[name]?.pass(until: member.clock + step)
                guard member.raft.nextDeadline <= member.clock + step else { continue }
                self.step(name) { $0.tick(now: $1, into: &$2) }
            }
            settle()
        }
    }

    // MARK: Requests

    private mutating func ask(_ command: Command) throws {
        let name = try known(command, 0)
        switch command.verb {
        case "propose":
            let payload = Entry.Payload.command(Bytes(try command.word(1).utf8))
            var taken = true
            step(name) { raft, now, _ in taken = raft.propose(payload, now: now) != nil }
            if !taken { say(name, "takes no proposals") }
        case "read":
            let read = ReadID(rawValue: try command.number(at: 1))
            step(name) { raft, _, _ in raft.requestRead(read) }
        case "hand-over":
            let target = try command.count > 1 ? id(known(command, 1)) : nil
            var chosen: NodeID?
            step(name) { chosen = $0.handOver(to: target, now: $1, into: &$2) }
            if chosen == nil { say(name, "has nobody to hand over to") }
        case "gone":
            let peer = try id(known(command, 1))
            step(name) { $0.disconnected(peer, processIsGone: true, now: $1, into: &$2) }
        default:
            let peer = try id(known(command, 1))
            step(name) { raft, _, _ in raft.connected(peer) }
        }
    }

    // MARK: Looking

    private mutating func show(_ command: Command) throws {
        let chosen = command.count > 0 ? try (0..<command.count).map { try known(command, $0) } : names
        for name in chosen {
            guard let member = members[name] else { continue }
            let words =
                command.verb == "why"
                ? member.raft.explanation(at: member.clock, name: wording.name) : description(of: member)
            say(name, stopped.contains(name) ? "is down" : words)
        }
    }

    /// The log as in the paper's figures: the terms of its entries in order.
    private func description(of member: Member) -> String {
        let raft = member.raft
        let role = raft.isLeader ? "leader  " : raft.isLooking ? "looking " : "follower"
        let base = raft.log.baseIndex == .zero ? [] : ["(\(wording.position(raft.log.baseIndex, raft.log.baseTerm)))"]
        let log = base + raft.log.suffix(from: raft.log.firstIndex).map { String($0.term.rawValue) }
        return "\(role) term \(raft.term.rawValue), commit \(raft.commitIndex.rawValue), "
            + "on disk \(raft.stableIndex.rawValue), log \(log.joined(separator: " "))"
            + (raft.isBlank ? ", blank" : raft.isDamaged ? ", damaged" : "")
    }
}
