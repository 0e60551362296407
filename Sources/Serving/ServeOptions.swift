internal import ArgumentParser
import Configuration
import Consensus
import Foundation
import Logging
import Node
import Primitives
import SystemPackage

/// The settings of `conclave serve` by name: as a flag, as `CONCLAVE_…` in the environment, and in the configuration file.
enum ServeSetting: String, CaseIterable {
    case name, dataDir, listen, peerListen, cluster, clusterToken, heartbeat, electionTimeout, election, priority
    case ioThreads, logLevel

    var flag: String { "--" + rawValue.words.joined(separator: "-") }
    var environmentVariable: String { "CONCLAVE_" + rawValue.words.joined(separator: "_").uppercased() }
}

extension String {
    /// `dataDir` → `data`, `dir`.
    fileprivate var words: [String] {
        reduce(into: [""]) { words, character in
            if character.isUppercase {
                words.append(character.lowercased())
            } else {
                words[words.count - 1].append(character)
            }
        }
    }
}

/// Everything `conclave serve` runs with, checked.
struct ServeOptions {
    var node: NodeOptions
    var listenHost: String
    var listenPort: Int
    var ioThreads: Int
    var logLevel: Logger.Level

    /// Merges flags over the environment over the file, and checks the whole. Throws ``ValidationError`` with a sentence
    /// that names the setting, what came and what is allowed.
    static func resolve(flags: [ServeSetting: String], file: String?) async throws -> ServeOptions {
        let values = try await SettingValues(flags: flags, file: file)
        let name = try values.name()
        let listen = try values.address(.listen, default: "127.0.0.1:2379")
        let peer = try values.address(.peerListen, default: "127.0.0.1:2380")
        guard listen != peer else {
            throw ValidationError(
                "--listen and --peer-listen are both \(peer.host):\(peer.port); clients and members need a port each")
        }
        let members = try values.members(
            name: name, alone: NodeOptions.Member(name: name, host: peer.host, port: peer.port))
        let node = NodeOptions(
            name: name, dataDirectory: values[.dataDir] ?? "\(name).conclave",
            clusterToken: values[.clusterToken] ?? "conclave", members: members, peerListenHost: peer.host,
            peerListenPort: peer.port, settings: try values.settings(isAlone: members.count == 1),
            version: Release.version)
        return ServeOptions(
            node: node, listenHost: listen.host, listenPort: listen.port, ioThreads: try values.ioThreads(),
            logLevel: try values.logLevel())
    }
}

/// The settings' texts, and how each is read.
private struct SettingValues {
    private let reader: ConfigReader

    init(flags: [ServeSetting: String], file: String?) async throws {
        let given = Dictionary(
            uniqueKeysWithValues: flags.map {
                (AbsoluteConfigKey([$0.key.rawValue]), ConfigValue(stringLiteral: $0.value))
            })
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: given),
            EnvironmentVariablesProvider().prefixKeys(with: "conclave"),
        ]
        if let file { providers.append(try await Self.provider(file)) }
        reader = ConfigReader(providers: providers)
    }

    private static func provider(_ path: String) async throws -> any ConfigProvider {
        let known = ServeSetting.allCases.map(\.rawValue)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ValidationError("--config \(path): there is no such file, or it cannot be read")
        }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw ValidationError("--config \(path): a JSON object is expected, as {\"name\": \"n1\"}")
        }
        for key in object.keys.sorted() where !known.contains(key) {
            throw ValidationError(
                "--config \(path): unknown setting \"\(key)\"; known are \(known.joined(separator: ", "))")
        }
        for (key, value) in object where !(value is String) {
            throw ValidationError("--config \(path): \"\(key)\" must be a text, as \"50ms\" or \"1\"")
        }
        return try await FileProvider<JSONSnapshot>(filePath: FilePath(path))
    }

    subscript(setting: ServeSetting) -> String? { reader.string(forKey: ConfigKey([setting.rawValue])) }

    private func fault(_ setting: ServeSetting, _ value: String, _ allowed: String) -> ValidationError {
        ValidationError("\(setting.flag) (or \(setting.environmentVariable)): got \"\(value)\"; \(allowed)")
    }

    func name() throws -> String {
        let name = self[.name] ?? "n1"
        guard Self.isName(name) else {
            throw fault(.name, name, "a name has 1 to \(Limits.nameBytes) letters, digits, '-', '_' or '.'")
        }
        return name
    }

    private static func isName(_ text: String) -> Bool {
        (1...Limits.nameBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-_.".utf8.contains(byte)
            }
    }

    func address(_ setting: ServeSetting, default standard: String) throws -> (host: String, port: Int) {
        let text = self[setting] ?? standard
        guard let address = Self.address(text) else {
            throw fault(setting, text, "host:port is expected, as \(standard)")
        }
        return address
    }

    /// `host:port`, with an IPv6 host in brackets.
    private static func address(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (String(host), port)
    }

    func members(name: String, alone: NodeOptions.Member) throws -> [NodeOptions.Member] {
        guard let text = self[.cluster] else { return [alone] }
        let allowed = "name=host:port for 1, 3 or 5 members, separated by commas, is expected"
        let members = try text.split(separator: ",").map { part in
            let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard sides.count == 2, Self.isName(sides[0]), let address = Self.address(sides[1]) else {
                throw fault(.cluster, String(part), allowed)
            }
            return NodeOptions.Member(name: sides[0], host: address.host, port: address.port)
        }
        guard [1, 3, 5].contains(members.count) else { throw fault(.cluster, text, allowed) }
        guard Set(members.map(\.name)).count == members.count else {
            throw fault(.cluster, text, "each name once is expected")
        }
        guard Set(members.map { NodeID(name: $0.name) }).count == members.count else {
            throw fault(.cluster, text, "two of the names hash alike; rename one")
        }
        guard members.contains(where: { $0.name == name }) else {
            throw fault(
                .cluster, text, "this member's own name, \"\(name)\" (\(ServeSetting.name.flag)), must be among them")
        }
        return members
    }

    func settings(isAlone: Bool) throws -> Settings {
        let standard = Settings()
        let heartbeat = try span(.heartbeat, default: standard.heartbeat, from: .milliseconds(5), to: .seconds(10))
        let timeout = try span(
            .electionTimeout, default: max(standard.electionTimeout, heartbeat * 4), from: .milliseconds(20),
            to: .seconds(60))
        guard heartbeat * 2 <= timeout else {
            throw fault(
                .electionTimeout, "\(timeout.milliseconds)ms",
                "at least two heartbeats (\(heartbeat.milliseconds)ms each) are expected")
        }
        return Settings(
            heartbeat: heartbeat, electionTimeout: timeout, election: try election(),
            priority: try priority(isAlone: isAlone))
    }

    private func election() throws -> ElectionStrategy {
        guard let text = self[.election] else { return .randomized }
        guard let strategy = ElectionStrategy(rawValue: text) else {
            let strategies = ElectionStrategy.allCases.map(\.rawValue).joined(separator: " or ")
            throw fault(.election, text, "\(strategies) is expected")
        }
        return strategy
    }

    private func priority(isAlone: Bool) throws -> UInt8 {
        guard let text = self[.priority] else { return Settings.standardPriority }
        guard let priority = UInt8(text) else {
            throw fault(.priority, text, "a number from 0 (never lead) to 255 is expected")
        }
        guard priority > 0 || !isAlone else {
            throw fault(.priority, text, "a cluster of one has nobody else to lead it; 1 to 255 is expected")
        }
        return priority
    }

    private func span(_ setting: ServeSetting, default standard: TimeSpan, from low: TimeSpan, to high: TimeSpan) throws
        -> TimeSpan
    {
        guard let text = self[setting] else { return standard }
        let allowed = "a duration from \(low.milliseconds)ms to \(high.milliseconds)ms is expected, as 50ms or 1s"
        guard let span = TimeSpan(duration: text), span >= low, span <= high else {
            throw fault(setting, text, allowed)
        }
        return span
    }

    func ioThreads() throws -> Int {
        guard let text = self[.ioThreads] else { return 1 }
        guard let count = Int(text), (1...64).contains(count) else {
            throw fault(.ioThreads, text, "a number from 1 to 64 is expected")
        }
        return count
    }

    func logLevel() throws -> Logger.Level {
        guard let text = self[.logLevel] else { return .notice }
        let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        guard let level = Logger.Level(rawValue: text) else {
            throw fault(.logLevel, text, "one of \(levels) is expected")
        }
        return level
    }
}

extension TimeSpan {
    /// `800ms`, `3s`, `2m`.
    fileprivate init?(duration text: String) {
        let units: [(String, Int64)] = [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)]
        guard let (suffix, unit) = units.first(where: { text.hasSuffix($0.0) }),
            let count = Int64(text.dropLast(suffix.count)), count >= 0, count < 1_000_000_000
        else { return nil }
        self.init(nanoseconds: count * unit)
    }
}
