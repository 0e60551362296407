import ConclaveClient

/// Tells what happens as it happens, with the time since the beginning.
struct Timeline: Sendable {
    let start = ContinuousClock.now
    private let json: Bool

    init(json: Bool) { self.json = json }

    /// One step, at `moment` or now.
    func tell(
        _ tone: Tone?, _ who: String, _ text: String, at moment: ContinuousClock.Instant = .now
    ) {
        let elapsed = (moment - start).inMilliseconds
        if json {
            let members: [(String, JSONValue)] = [
                ("at_ms", .real((elapsed * 10).rounded() / 10)), ("who", .string(who)), ("what", .string(text)),
            ]
            return Terminal.say(JSONValue.object(members).text)
        }
        let seconds = fixed(elapsed / 1000, places: 3)
        let stamp = String(repeating: " ", count: max(0, 7 - seconds.count)) + seconds
        let name = who + String(repeating: " ", count: max(0, 13 - who.count))
        Terminal.say("\(Tone.faint(stamp + " s"))  \(tone.map { $0(name) } ?? name) \(text)")
    }

    /// A remark outside of the story.
    func note(_ text: String) {
        if !json { Terminal.say(text) }
    }
}
