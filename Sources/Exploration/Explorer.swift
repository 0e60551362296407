internal import Consensus
internal import Primitives

/// Looks at every state that three members can reach within bounds, shortest ways first, and holds the rules against each.
///
/// A state is three members, the messages under way and what of the bounds is used up. Between two members messages keep
/// their order, as on a connection, and a message that arrives may be the first after some that were lost; a bounded number
/// of them overtakes others, or comes twice. Time is in the choices: a time-out comes when the explorer says so, and
/// whether a member still trusts its leader is decided when it matters.
package struct Explorer {
    package let bounds: ExplorationBounds
    private var catalogue: Catalogue
    private var states = StateTable()
    private var checkedPairs: Set<UInt64> = []
    private var report = ExplorationReport()
    /// The state being looked at: three members, what is spent, the messages in the order of their numbers.
    private var current: ContiguousArray<UInt32> = []
    private var scratch: ContiguousArray<UInt32> = []
    private var expanding = 0

    private static let size = 3
    private static let firstLetter = 4

    package init(_ bounds: ExplorationBounds) {
        self.bounds = bounds
        let names = (1...Explorer.size).map { "n\($0)" }
        let configuration = Configuration(
            members: names.map { Configuration.Member(name: $0, peerAddress: "\($0):1") })
        let ids = names.map { NodeID(name: $0) }
        catalogue = Catalogue(configuration: configuration, ids: ids, checksPromises: bounds.checksPromises)
        let first = Entry(index: LogIndex(1), term: Term(1), time: .zero, payload: .configuration(configuration))
        let disk = RecoveredLog(hardState: HardState(term: Term(1)), entries: [first])
        for id in ids {
            let member = Member(
                id: id, settings: Settings(), bootstrap: configuration, disk: disk, mistake: bounds.mistake)
            current.append(catalogue.number(of: Place(member, memory: Memory())))
        }
        current.append(Spent().rawValue)
        if bounds.start == .led { electFirst() }
        _ = states.insert(current, parent: 0, action: 0)
    }

    /// Looks at everything, and calls `progress` with each depth that is done.
    package mutating func run(progress: (ExplorationReport) -> Void = { _ in }) -> ExplorationReport {
        var endOfDepth = states.count
        while expanding < states.count, report.problem == nil, states.count < bounds.states {
            states.read(expanding, into: &current)
            expand()
            expanding += 1
            guard expanding == endOfDepth else { continue }
            endOfDepth = states.count
            report.depth += 1
            fillReport()
            progress(report)
        }
        fillReport()
        return report
    }

    private mutating func fillReport() {
        report.states = states.count
        report.unexplored = states.count - expanding
        report.memberStates = catalogue.places.count
        report.messages = catalogue.letters.count
        report.raftSteps = catalogue.steps
    }

    private var spent: Spent { Spent(rawValue: current[Explorer.size]) }

    private func place(_ member: Int) -> Place { catalogue.places[Int(current[member])] }

    // MARK: What may happen next

    private mutating func expand() {
        if current.count > Explorer.firstLetter + bounds.letters { return loseOne() }
        var linkBegins = Explorer.firstLetter
        for position in Explorer.firstLetter..<current.count {
            if position > linkBegins, letter(at: position).link != letter(at: linkBegins).link { linkBegins = position }
            deliver(position, linkBegins: linkBegins)
        }
        for member in 0..<Explorer.size { expandMember(member) }
    }

    private func letter(at position: Int) -> Letter { catalogue.letters[Int(current[position])] }

    private mutating func deliver(_ position: Int, linkBegins: Int) {
        let (number, letter) = (current[position], letter(at: position))
        let arrives = Action.deliver(letter: number, late: false)
        attempt(arrives, at: letter.to, spent: spent, removing: linkBegins..<position + 1)
        if letter.asksForTrust, place(letter.to).isProtecting {
            let late = Action.deliver(letter: number, late: true)
            attempt(late, at: letter.to, spent: spent, removing: linkBegins..<position + 1)
        }
        if position > linkBegins, spent.count(.reorders) < bounds.reorders {
            attempt(arrives, at: letter.to, spent: spent.plusOne(.reorders), removing: position..<position + 1)
        }
        if spent.count(.duplicates) < bounds.duplicates {
            let again = Action.duplicate(letter: number)
            attempt(again, at: letter.to, spent: spent.plusOne(.duplicates), removing: linkBegins..<position)
        }
    }

    private mutating func loseOne() {
        for lost in Explorer.firstLetter..<current.count {
            scratch = current
            let letter = scratch.remove(at: lost)
            report.transitions += 1
            _ = states.insert(scratch, parent: expanding, action: Action.lose(letter: letter).packed)
        }
    }

    private mutating func expandMember(_ member: Int) {
        let place = place(member)
        let writes = place.member.writes.count
        if writes > 0 { attempt(.sync(member), at: member, spent: spent) }
        if !spent.hasCrashed(member), spent.count(.crashed).nonzeroBitCount < bounds.crashes {
            for kept in 0...writes { attempt(.crash(member, kept: kept), at: member, spent: spent.crashed(member)) }
        }
        if place.member.raft.isLeader {
            expandLeader(member, place)
        } else if spent.count(.timeouts) < bounds.timeouts {
            attempt(.timeout(member), at: member, spent: spent.plusOne(.timeouts))
        }
    }

    private mutating func expandLeader(_ member: Int, _ place: Place) {
        let entries = spent.count(.entries)
        if entries < bounds.entries, place.member.raft.acceptsProposals {
            attempt(.propose(member, entry: entries), at: member, spent: spent.plusOne(.entries))
        }
        if spent.count(.heartbeats) < bounds.heartbeats {
            attempt(.heartbeat(member), at: member, spent: spent.plusOne(.heartbeats))
        }
        if spent.count(.quorumLosses) < bounds.quorumLosses {
            attempt(.loseQuorum(member), at: member, spent: spent.plusOne(.quorumLosses))
        }
        guard spent.count(.handOvers) < bounds.handOvers, place.member.raft.acceptsProposals else { return }
        for target in 0..<Explorer.size where target != member {
            attempt(.handOver(member, to: target), at: member, spent: spent.plusOne(.handOvers))
        }
    }

    // MARK: Steps

    /// Makes the state that `action` leads to, and holds the rules against it when it is new.
    private mutating func attempt(_ action: Action, at member: Int, spent: Spent, removing: Range<Int> = 0..<0) {
        let outcome = catalogue.outcome(of: action, at: current[member])
        report.transitions += 1
        let after = catalogue.places[Int(outcome.place)]
        guard after.term.rawValue <= bounds.terms else {
            report.beyondTerms += 1
            return
        }
        write(outcome, at: member, spent: spent, removing: removing)
        guard states.insert(scratch, parent: expanding, action: action.packed) else { return }
        guard let problem = outcome.problem ?? brokenRule(after: member) else { return }
        guard report.problem == nil else { return }
        report.problem = problem
        report.story = story(of: states.count - 1)
    }

    /// The record of the next state: messages that nothing can come of are left out.
    private mutating func write(_ outcome: Catalogue.Outcome, at member: Int, spent: Spent, removing: Range<Int>) {
        scratch.removeAll(keepingCapacity: true)
        for other in 0..<Explorer.size { scratch.append(other == member ? outcome.place : current[other]) }
        scratch.append(spent.rawValue)
        for position in Explorer.firstLetter..<current.count where !removing.contains(position) {
            if letter(at: position).to != member || isAlive(current[position]) { scratch.append(current[position]) }
        }
        for letter in outcome.letters where isAlive(letter) { post(letter) }
    }

    /// Puts a message at the end of its link. One that differs in nothing from one before takes its place.
    private mutating func post(_ number: UInt32) {
        let link = catalogue.letters[Int(number)].link
        var end = Explorer.firstLetter
        var position = end
        while position < scratch.count {
            if scratch[position] == number {
                scratch.remove(at: position)
                continue
            }
            position += 1
            if catalogue.letters[Int(scratch[position - 1])].link <= link { end = position }
        }
        scratch.insert(number, at: end)
    }

    private func isAlive(_ number: UInt32) -> Bool {
        let letter = catalogue.letters[Int(number)]
        let receiver = catalogue.places[Int(scratch[letter.to])]
        return !letter.isDead(atDurableTerm: receiver.member.disk.hardState.term)
    }

    /// Holds the rules against the state just made, in which only `member` is another.
    private mutating func brokenRule(after member: Int) -> String? {
        let changed = catalogue.places[Int(scratch[member])]
        for other in 0..<Explorer.size {
            let pair = UInt64(scratch[member]) << 32 | UInt64(scratch[other])
            guard checkedPairs.insert(pair).inserted else { continue }
            let place = catalogue.places[Int(scratch[other])]
            if other != member, let problem = catalogue.problem(between: changed, and: place) { return problem }
        }
        return catalogue.problem(among: (0..<Explorer.size).map { catalogue.places[Int(scratch[$0])] })
    }

    // MARK: Beginnings and ends

    /// Lets n1 win an election in which nothing is lost, and everybody learn of it.
    private mutating func electFirst() {
        apply(.timeout(0), at: 0)
        while true {
            if let busy = (0..<Explorer.size).first(where: { !place($0).member.writes.isEmpty }) {
                apply(.sync(busy), at: busy)
            } else if current.count > Explorer.firstLetter {
                let first = Explorer.firstLetter
                let arrives = Action.deliver(letter: current[first], late: false)
                apply(arrives, at: letter(at: first).to, removing: first..<first + 1)
            } else {
                return
            }
        }
    }

    private mutating func apply(_ action: Action, at member: Int, removing: Range<Int> = 0..<0) {
        write(catalogue.outcome(of: action, at: current[member]), at: member, spent: Spent(), removing: removing)
        swap(&current, &scratch)
    }

    /// The shortest way to a state, a line for each step.
    private mutating func story(of number: Int) -> [String] {
        var steps: [(parent: Int, action: Action)] = []
        var state = number
        while let origin = states.origin(of: state) {
            steps.append(origin)
            state = origin.parent
        }
        let wording = Wording(catalogue.configuration)
        return steps.reversed().map { catalogue.words($0.action, wording) }
    }
}
