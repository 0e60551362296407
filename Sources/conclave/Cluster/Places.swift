import Foundation

/// A new folder that only this user can read.
func makeTemporaryDirectory() throws -> URL {
    var template = Array(FileManager.default.temporaryDirectory.appending(path: "conclave-XXXXXX").path.utf8CString)
    guard mkdtemp(&template) != nil else {
        throw ClusterFailure("cannot create a temporary folder: \(String(cString: strerror(errno)))")
    }
    let path = template.dropLast().map { UInt8(bitPattern: $0) }
    return URL(filePath: String(decoding: path, as: UTF8.self))
}

/// Ports on loopback that nobody uses, below the range from which the system draws ports for outgoing connections: one
/// from there could be taken while its member is being restarted.
func freePorts(_ members: Int) throws -> [LocalCluster.Ports] {
    var found: Set<UInt16> = []
    for _ in 0..<10_000 where found.count < members * 2 {
        let candidate = UInt16.random(in: 12_000..<32_000)
        if isFree(candidate) { found.insert(candidate) }
    }
    let ports = Array(found)
    guard ports.count == members * 2 else { throw ClusterFailure("there are no free ports between 12000 and 32000") }
    return (0..<members).map { LocalCluster.Ports(client: ports[$0 * 2], peer: ports[$0 * 2 + 1]) }
}

private func isFree(_ port: UInt16) -> Bool {
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
