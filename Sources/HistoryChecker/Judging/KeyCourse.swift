/// What happened to one key, as an order is searched for it: without revisions, only with what was asked, what was
/// answered, and when.
struct KeyCourse {
    private(set) var steps: [Step] = []
    private var numbers: [String: Int32] = [:]

    /// A value of the key, by number; ``absent`` when it is not there.
    typealias State = Int32
    static let absent: State = -1

    /// One operation on the key.
    struct Step {
        var call: Int64
        var end: Int64
        var requires: Requirement
        /// What the key is afterwards; `nil` for a read.
        var leaves: State?
    }

    /// What an operation must have met.
    enum Requirement {
        case anything, present
        case state(State)
        case other(than: State)

        func holds(for state: State) -> Bool {
            switch self {
            case .anything: true
            case .present: state != KeyCourse.absent
            case .state(let one): state == one
            case .other(let one): state != one
            }
        }
    }

    mutating func add(from call: Int64, to end: Int64, _ requires: Requirement, leaves state: State? = nil) {
        steps.append(Step(call: call, end: end, requires: requires, leaves: state))
    }

    /// Values are compared as often as a node is asked: by number.
    mutating func state(_ value: String?) -> State {
        guard let value else { return Self.absent }
        if let number = numbers[value] { return number }
        numbers[value] = State(numbers.count)
        return State(numbers.count - 1)
    }
}
