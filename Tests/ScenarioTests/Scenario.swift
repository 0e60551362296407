import Foundation

/// A scenario file: a lesson in comment lines, then commands, each with what it must print.
///
/// ```
/// # What this teaches.
///
/// timeout n1
/// ----
/// n1 -> n2  pre-vote? term 2, log ends at 1/1
/// ```
struct Scenario {
    let name: String
    private(set) var parts: [Part]

    /// A stretch of the file.
    enum Part: Equatable {
        case comment([String])
        /// The lines before `----`, and those after it.
        case exchange(commands: [String], transcript: [String])
    }

    init(name: String, text: String) {
        self.name = name
        parts = text.split(separator: "\n\n").map { paragraph in
            let lines = paragraph.split(separator: "\n").map(String.init)
            guard let first = lines.first, !first.hasPrefix("#") else { return .comment(lines) }
            let bar = lines.firstIndex(of: "----") ?? lines.count
            return .exchange(commands: Array(lines[..<bar]), transcript: Array(lines[bar...].dropFirst()))
        }
    }

    var text: String {
        parts.map { part in
            switch part {
            case .comment(let lines): lines.joined(separator: "\n")
            case .exchange(let commands, let transcript): (commands + ["----"] + transcript).joined(separator: "\n")
            }
        }.joined(separator: "\n\n") + "\n"
    }

    /// Whether it begins with a lesson.
    var teaches: Bool {
        if case .comment(let lines) = parts.first { lines.count > 1 } else { false }
    }

    /// The same scenario with the transcripts that its commands give today.
    func played() throws -> Scenario {
        var stage = Stage()
        var copy = self
        copy.parts = try parts.map { part in
            guard case .exchange(let commands, _) = part else { return part }
            for command in commands { try stage.perform(command) }
            return .exchange(commands: commands, transcript: stage.takeLines())
        }
        return copy
    }
}

/// The files beside this one.
enum Library {
    /// Set to rewrite every file with what its commands print today, for a review of the difference.
    static let rewrites = ProcessInfo.processInfo.environment["CONCLAVE_REWRITE_SCENARIOS"] != nil

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scenarios")

    static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".txt") }.sorted()

    static func read(_ name: String) throws -> Scenario {
        Scenario(name: name, text: try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
    }

    static func write(_ scenario: Scenario) throws {
        try scenario.text.write(to: folder.appendingPathComponent(scenario.name), atomically: true, encoding: .utf8)
    }
}
