import ConclaveClient
import Foundation

/// What `conclave elect` and `conclave lock` do with an office while they hold it.
struct Holding: Sendable {
    let program: Program?
    /// How long the command gets to end in order, between SIGTERM and SIGKILL.
    let grace: Duration
    /// Where the cluster is, for the command.
    let endpoints: [Endpoint]
    let announcer: Announcer

    /// How a leadership came to its end.
    enum Outcome: Hashable, Sendable {
        /// The command ended, by itself or because this process was asked to.
        case ended(code: Int32)
        /// The office was lost, and the command stopped before anybody else could have it.
        case lost
    }

    /// How long before the lease could end a leadership is over: for the command to end in order, and for SIGKILL to do
    /// its work.
    static func margin(ttl: Duration, grace: Duration) -> Duration { grace + max(ttl / 20, .milliseconds(10)) }

    /// Holds on to `leadership` until it ends, the command does, or the task is cancelled.
    func hold(_ leadership: Leadership) async throws -> Outcome {
        announcer.holds(leadership)
        guard let program else {
            for await _ in leadership.deadlines {}
            return Task.isCancelled ? .ended(code: 0) : lost(leadership)
        }
        let command = try KeptCommand(
            program, environment: environment(leadership), order: order(actUntil: leadership.actUntil))
        let renewing = Task {
            for await moment in leadership.deadlines { command.obey(order(actUntil: moment)) }
            // Somebody else may be in office already.
            if leadership.end == .removed { command.obey(.immediate) }
        }
        defer { renewing.cancel() }
        let end = try await command.end {
            // The office is kept until the command has ended.
            renewing.cancel()
            command.obey(order(actUntil: min(.now, leadership.actUntil)))
        }
        // Only the keeper knows whether the command ended by itself in the moment in which it was due.
        return end.wasStopped && !Task.isCancelled ? lost(leadership) : .ended(code: end.code)
    }

    private func order(actUntil moment: ContinuousClock.Instant) -> KeptCommand.Order {
        KeptCommand.Order(terminateAt: moment, killAt: moment + grace)
    }

    private func lost(_ leadership: Leadership) -> Outcome {
        announcer.lost(leadership)
        return .lost
    }

    private func environment(_ leadership: Leadership) -> [String: String] {
        let office = leadership.office
        return [
            office.kind == .elections ? "CONCLAVE_ELECTION" : "CONCLAVE_LOCK": office.name,
            "CONCLAVE_ID": leadership.id,
            "CONCLAVE_FENCE": String(leadership.fence.number),
            "CONCLAVE_ENDPOINTS": endpoints.map(\.url).joined(separator: ","),
        ]
    }
}

/// Says how things stand: on standard output, or on standard error where that is a command's.
struct Announcer: Sendable {
    let office: Office
    let id: String
    let json: Bool
    let toErrors: Bool

    func waits(_ waiting: Waiting) {
        let leader = waiting.leader?.id ?? "nobody"
        say(
            "\(id) waits for \(office), place \(waiting.position); \(verb) by \(leader)", "waiting",
            [("position", .number(waiting.position)), ("leader", .optional(waiting.leader) { $0.json })])
    }

    func holds(_ leadership: Leadership) {
        let fence = leadership.fence.number
        let sentence = office.kind == .elections ? "\(id) leads \(office)" : "\(id) holds \(office)"
        say(
            Tone.green(sentence) + ", fence \(fence)", office.kind == .elections ? "leading" : "holding",
            [("fence", .number(fence))])
    }

    func lost(_ leadership: Leadership) {
        let end = leadership.end ?? .expired
        let reason = end == .expired ? "it could not be renewed in time" : "somebody ended it"
        say(
            Tone.red("\(id) lost \(office)") + ": \(reason)", "lost",
            [("fence", .number(leadership.fence.number)), ("reason", .string(end.rawValue))])
    }

    private var verb: String { office.kind == .elections ? "led" : "held" }

    private func say(_ sentence: String, _ event: String, _ members: [(String, JSONValue)]) {
        let name = (office.kind == .elections ? "election" : "lock", JSONValue.string(office.name))
        let document = JSONValue.object([("event", .string(event)), name, ("id", .string(id))] + members)
        let line = json ? document.text : toErrors ? "conclave: \(sentence)" : sentence
        if toErrors { Terminal.complain(line) } else { Terminal.say(line) }
    }
}

/// An id that no other process draws, and a person can place.
func drawnID() -> String {
    let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "host"
    return "\(host.prefix(64))-\(String(UInt32.random(in: .min ... .max), radix: 36))"
}
