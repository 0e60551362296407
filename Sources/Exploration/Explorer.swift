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
    var catalogue: Catalogue
    var states = StateTable()
    /// Pairs of member states that the rules about two were held against.
    private var checkedPairs: Set<UInt64> = []
    var report = ExplorationReport()
    /// The state being looked at: three members, what is spent, the messages in the order of their numbers.
    var current: ContiguousArray<UInt32> = []
    /// The state being made.
    var scratch: ContiguousArray<UInt32> = []
    /// The number of the state being looked at; all before it are done.
    var expanding = 0

    static let size = 3
    static let firstLetter = 4

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
                id: id, settings: Settings(election: bounds.election), bootstrap: configuration, disk: disk,
                mistake: bounds.mistake)
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

    var spent: Spent { Spent(rawValue: current[Explorer.size]) }

    func letter(at position: Int) -> Letter { catalogue.letters[Int(current[position])] }

    func place(_ member: Int) -> Place { catalogue.places[Int(current[member])] }

    // MARK: Steps

    /// Makes the state that `action` leads to, and holds the rules against it when it is new.
    mutating func attempt(_ action: Action, at member: Int, spent: Spent, removing: Range<Int> = 0..<0) {
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

    /// Mutating only so that the explorer is asked in place, not copied first.
    private mutating func isAlive(_ number: UInt32) -> Bool {
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
