package import LocalProcesses

/// A system that takes part in a comparison, and what starts one node of it.
package struct Contestant: Sendable {
    package var system: TargetSystem
    package var program: ServerProgram

    package init(_ system: TargetSystem, _ program: ServerProgram) {
        self.system = system
        self.program = program
    }
}

extension ServerProgram {
    /// etcd with its defaults, as its users run it.
    package static func etcd(_ executable: String) -> ServerProgram {
        ServerProgram(executable) { member, all in
            let cluster = all.map { "\($0.name)=http://\($0.peerAddress)" }.joined(separator: ",")
            return [
                "--name", member.name, "--data-dir", member.dataDirectory.path, "--listen-client-urls",
                "http://\(member.clientAddress)", "--advertise-client-urls", "http://\(member.clientAddress)",
                "--listen-peer-urls", "http://\(member.peerAddress)", "--initial-advertise-peer-urls",
                "http://\(member.peerAddress)", "--initial-cluster", cluster, "--initial-cluster-state", "new",
            ]
        }
    }
}
