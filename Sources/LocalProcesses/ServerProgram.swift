internal import Foundation

/// What a member runs: an executable, and what it is told of itself and of the others.
package struct ServerProgram: Sendable {
    package typealias Arguments =
        @Sendable (_ member: LocalCluster.Member, _ all: [LocalCluster.Member]) -> [String]

    package var executable: String
    package var arguments: Arguments

    package init(_ executable: String, _ arguments: @escaping Arguments) {
        self.executable = executable
        self.arguments = arguments
    }

    /// `conclave serve` with its defaults and with `flags`; of this very program when `executable` is `nil`.
    package static func conclave(_ executable: String? = nil, flags: [String] = []) throws -> ServerProgram {
        let own = "/proc/self/exe"
        return ServerProgram(try executable ?? FileManager.default.destinationOfSymbolicLink(atPath: own)) {
            member, all in
            let cluster = all.map { "\($0.name)=\($0.peerAddress)" }.joined(separator: ",")
            return [
                "serve", "--name", member.name, "--data-dir", member.dataDirectory.path, "--listen",
                member.clientAddress, "--peer-listen", member.peerAddress, "--cluster", cluster,
            ] + flags
        }
    }

    /// The file that `name` stands for: itself if it has a slash, else what `PATH` finds.
    package static func find(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
