package import Foundation
internal import LocalProcesses
internal import NIOCore
internal import NIOHTTP1

/// The same work driven by Debian's `wrk`, so that nobody need trust our generator alone. One key, one node.
package struct WrkCheck: Sendable {
    private static let key = "bench/wrk"

    package enum Work: String, Sendable {
        case get, put
    }

    package var system: TargetSystem
    package var endpoint: Endpoint
    package var connections: Int
    package var seconds: Int64
    package var valueSize: Int

    package init(system: TargetSystem, endpoint: Endpoint, connections: Int, seconds: Int64, valueSize: Int) {
        self.system = system
        self.endpoint = endpoint
        self.connections = connections
        self.seconds = seconds
        self.valueSize = valueSize
    }

    private var value: Value { Value(size: valueSize, seed: 1) }

    private func request(_ work: Work) -> LoadRequest {
        switch work {
        case .get: system.dialect.get(key: Self.key, expecting: value)
        case .put: system.dialect.put(key: Self.key, value: value)
        }
    }

    /// A script for `wrk` that sends `request` again and again. Lua's long brackets keep the body as it is.
    package static func script(_ request: LoadRequest) -> String {
        var lines = ["wrk.method = \"\(request.method)\""]
        lines += request.headers.map { "wrk.headers[\"\($0.name)\"] = \"\($0.value)\"" }
        if request.body.readableBytes > 0 { lines.append("wrk.body = [==[\(String(buffer: request.body))]==]") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Requests per second in `wrk`'s output; throws if it saw errors.
    package static func rate(in output: String) throws -> Double {
        for line in output.split(separator: "\n") {
            if line.contains("Non-2xx or 3xx responses") || line.contains("Socket errors") {
                throw WorkloadFailure("wrk reports \(line.drop { $0 == " " })")
            }
        }
        for line in output.split(separator: "\n") where line.hasPrefix("Requests/sec:") {
            if let rate = line.split(separator: ":").last.flatMap({ Double($0.filter { $0 != " " }) }) { return rate }
        }
        throw WorkloadFailure("wrk told no rate")
    }

    package func rate(_ work: Work, directory: URL) async throws -> Double {
        guard let path = ServerProgram.find("wrk") else {
            throw WorkloadFailure("wrk is not installed: apt-get install wrk")
        }
        let client = Client(endpoint)
        _ = try await client.sendExpecting(system.dialect.put(key: Self.key, value: value))
        await client.close()
        let request = request(work)
        let name = "\(system.rawValue)-\(work.rawValue)"
        let script = directory.appending(path: name + ".lua").path
        let output = directory.appending(path: name + ".out")
        try SmallFile.write(Self.script(request), to: script)
        let process = try ChildProcess(
            path,
            [
                "-t1", "-c\(connections)", "-d\(seconds)s", "--timeout", "10s", "-s", script,
                "http://\(endpoint)\(request.path)",
            ], log: output)
        try await process.waitForEnd(within: .seconds(seconds + 30))
        defer { unlink(output.path) }
        return try Self.rate(in: SmallFile.text(output.path) ?? "")
    }
}

extension SmallFile {
    /// Replaces the file `path`.
    package static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            throw WorkloadFailure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        let written = fputs(text, file)
        guard fclose(file) == 0, written >= 0 else { throw WorkloadFailure("cannot write \(path)") }
    }
}
