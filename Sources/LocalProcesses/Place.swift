internal import Foundation

/// Where one member runs: its address and ports, and what brings its process there.
package struct Place: Hashable, Sendable {
    package var host: String
    package var client: UInt16
    package var peer: UInt16
    /// Words before the member's own command line, such as `ip netns exec n1`. They must replace themselves with it:
    /// signals go to the process that is started first.
    package var launcher: [String]

    package init(host: String = "127.0.0.1", client: UInt16, peer: UInt16, launcher: [String] = []) {
        self.host = host
        self.client = client
        self.peer = peer
        self.launcher = launcher
    }

    /// Places on loopback with ports that nobody uses, below the range from which the system draws ports for outgoing
    /// connections: one from there could be taken while its member is being restarted.
    package static func free(_ count: Int) throws -> [Place] {
        var found: Set<UInt16> = []
        for _ in 0..<10_000 where found.count < count * 2 {
            let candidate = UInt16.random(in: 12_000..<32_000)
            if isFree(candidate) { found.insert(candidate) }
        }
        let ports = Array(found)
        guard ports.count == count * 2 else { throw ClusterFailure("there are no free ports between 12000 and 32000") }
        return (0..<count).map { Place(client: ports[$0 * 2], peer: ports[$0 * 2 + 1]) }
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
