import Glibc
import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization
import Testing

@testable import PeerTransport

let cluster = ClusterID(token: "test", memberNames: ["a", "b", "c"])
let nodeA = NodeID(name: "a")
let nodeB = NodeID(name: "b")

/// Notes what a transport tells its node.
final class Recorder: PeerReceiver, Sendable {
    enum Event: Hashable { case connected(NodeID), disconnected(NodeID, processIsGone: Bool) }

    private let state = Mutex<(events: [Event], bodies: [Bytes])>(([], []))

    var events: [Event] { state.withLock { $0.events } }
    var bodies: [Bytes] { state.withLock { $0.bodies } }

    func received(_ body: Bytes, from node: NodeID) { state.withLock { $0.bodies.append(body) } }
    func connected(to node: NodeID) { state.withLock { $0.events.append(.connected(node)) } }
    func disconnected(from node: NodeID, processIsGone: Bool) {
        state.withLock { $0.events.append(.disconnected(node, processIsGone: processIsGone)) }
    }
}

/// A transport with its loop and what it was told.
struct Member {
    let transport: PeerTransport
    let recorder = Recorder()

    init(
        _ name: String, port: Int, incarnation: UInt64 = 1, peers: [String: Int],
        change: (inout PeerTransportConfiguration) -> Void = { _ in }
    ) {
        let addresses = peers.map { (NodeID(name: $0), PeerAddress(name: $0, host: "127.0.0.1", port: $1)) }
        var configuration = PeerTransportConfiguration(
            node: NodeID(name: name), name: name, cluster: cluster, incarnation: Incarnation(incarnation),
            listenHost: "127.0.0.1", listenPort: port, peers: Dictionary(uniqueKeysWithValues: addresses),
            jitterSeed: 1)
        configuration.longestReconnectDelay = .milliseconds(50)
        // A test that plays the peer may be held up on a busy machine.
        configuration.handshakeTimeout = .seconds(30)
        change(&configuration)
        transport = PeerTransport(
            configuration: configuration, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, receiver: recorder)
    }

    /// Sends all bodies and flushes once.
    func send(_ bodies: [Bytes], to node: NodeID) async throws {
        try await transport.eventLoop.submit { [transport] in
            for body in bodies { transport.send(body, to: node) }
            transport.flush()
        }.get()
    }
}

/// Waits until `condition` holds; records an issue when it does not in time.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation,
    _ condition: () -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record(what, sourceLocation: location)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}

/// Runs `body` with two members that know each other, and stops them afterwards.
func withPair(
    change: (inout PeerTransportConfiguration) -> Void = { _ in }, _ body: (Member, Member) async throws -> Void
) async throws {
    let (portA, portB) = (freePort(), freePort())
    let a = Member("a", port: portA, peers: ["b": portB], change: change)
    let b = Member("b", port: portB, peers: ["a": portA], change: change)
    try await a.transport.start()
    try await b.transport.start()
    do {
        try await eventually("both are connected") {
            a.recorder.events.last == .connected(nodeB) && b.recorder.events.last == .connected(nodeA)
        }
        try await body(a, b)
    } catch {
        await a.transport.stop()
        await b.transport.stop()
        throw error
    }
    await a.transport.stop()
    await b.transport.stop()
}

// MARK: - Sockets that behave as no member would

/// A port nobody listens on.
func freePort() -> Int {
    let listener = RawListener(port: 0)
    defer { listener.close() }
    return listener.port
}

private func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return address
}

/// A blocking connection.
struct RawConnection {
    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
        // A lost answer fails the test instead of hanging it.
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    init(port: Int) {
        self.init(descriptor: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var target = address(port)
        withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func write(_ bytes: Bytes) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// The next bytes; empty when the other side closed, `nil` when nothing comes.
    func read() -> Bytes? {
        var bytes = Bytes(repeating: 0, count: 65_536)
        let count = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0 { return errno == ECONNRESET ? [] : nil }
        return Bytes(bytes.prefix(count))
    }

    /// Whether the other side closes without having sent anything.
    var isRefused: Bool { read() == [] }

    func close() { Glibc.close(descriptor) }

    /// Says no more, and waits until the other side has closed too.
    func finish() {
        shutdown(descriptor, Int32(SHUT_WR))
        while let bytes = read(), !bytes.isEmpty {}
        close()
    }

    /// Closes with a reset in place of an orderly end.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Introduces itself as `name`, as a member would.
    func introduce(
        as name: String, to recipient: NodeID, incarnation: UInt64 = 1, cluster id: ClusterID = cluster
    ) {
        write(helloBytes(name, to: recipient, incarnation: incarnation, cluster: id))
    }
}

func helloBytes(_ name: String, to recipient: NodeID, incarnation: UInt64 = 1, cluster id: ClusterID = cluster) -> Bytes
{
    frameBytes(PeerHello(recipient: recipient, name: name).encoded(), from: name, incarnation: incarnation, cluster: id)
}

func frameBytes(_ body: Bytes, from name: String, incarnation: UInt64 = 1, cluster id: ClusterID = cluster) -> Bytes {
    var buffer = ByteBuffer()
    buffer.writeFrame(
        body, from: PeerFrame.Origin(cluster: id, incarnation: Incarnation(incarnation), node: NodeID(name: name)))
    return Bytes(buffer.readableBytesView)
}

/// A blocking listener.
struct RawListener {
    let descriptor: Int32
    let port: Int

    init(port wanted: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var own = address(wanted)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listening = descriptor
        withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listening, $0, size)
                _ = listen(listening, 16)
                _ = getsockname(listening, $0, &size)
            }
        }
        port = Int(in_port_t(bigEndian: own.sin_port))
    }

    /// The next connection; `nil` when none comes.
    func accept() -> RawConnection? {
        let connection = Glibc.accept(descriptor, nil, nil)
        return connection >= 0 ? RawConnection(descriptor: connection) : nil
    }

    func close() { Glibc.close(descriptor) }
}
