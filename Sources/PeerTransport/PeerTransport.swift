import Glibc
import NIOPosix
package import Logging
package import NIOCore
package import Primitives

/// Carries frames between the nodes of a cluster over TCP, without looking into them: whole, checksummed, in order
/// while a connection stands, and only from the latest life of a member. Frames may be lost; nothing is repeated.
///
/// Unchecked because all mutable state is touched on ``eventLoop`` only, which every entry checks.
package final class PeerTransport: @unchecked Sendable {
    package let eventLoop: any EventLoop
    let configuration: PeerTransportConfiguration
    let logger: Logger
    /// What every frame of this node says of its sender.
    let origin: PeerFrame.Origin
    /// Let go when the transport stops.
    private(set) var receiver: (any PeerReceiver)?
    private var links: [NodeID: PeerLink] = [:]
    /// The links with frames to flush.
    private var unflushed: [PeerLink] = []
    private var server: (any Channel)?
    private var isStopped = false
    /// All accepted connections, and the one each member uses now.
    private var acceptedChannels: [ObjectIdentifier: any Channel] = [:]
    private var acceptedByNode: [NodeID: any Channel] = [:]
    private var throttles: [String: LogThrottle] = [:]

    package init(
        configuration: PeerTransportConfiguration, eventLoop: any EventLoop, logger: Logger,
        receiver: any PeerReceiver
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        self.receiver = receiver
        origin = PeerFrame.Origin(
            cluster: configuration.cluster, incarnation: configuration.incarnation, node: configuration.node)
        for (id, address) in configuration.peers where id != configuration.node {
            links[id] = PeerLink(id: id, address: address, transport: self)
        }
    }

    /// Listens, and begins to dial the others. Throws ``PeerTransportError``.
    package func start() async throws(PeerTransportError) {
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(ChannelOptions.backlog, value: 256)
            // NIO's default of 4 a tick starves a crowd that reconnects.
            .serverChannelOption(ChannelOptions.maxMessagesPerRead, value: 256)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .peerOptions(configuration)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
        do {
            let server = try await bootstrap.bind(host: configuration.listenHost, port: configuration.listenPort).get()
            try await eventLoop.submit { self.listening(server) }.get()
        } catch {
            throw bindFailure(error)
        }
    }

    /// Closes everything; nothing is received afterwards.
    package func stop() async {
        let closing = eventLoop.flatSubmit { [self] in
            isStopped = true
            receiver = nil
            for link in links.values { link.stop() }
            links = [:]
            unflushed = []
            for channel in acceptedChannels.values { channel.close(promise: nil) }
            return server?.close() ?? eventLoop.makeSucceededVoidFuture()
        }
        // A listener that is already closed is what is wanted.
        try? await closing.get()
    }

    /// Takes a frame along to `node` with the next ``flush()``. Dropped when there is no connection or no room.
    package func send(_ body: Bytes, to node: NodeID) {
        eventLoop.preconditionInEventLoop()
        precondition(body.count + PeerFrame.headerBytes <= Limits.frameBytes, "a frame's body is bounded by its sender")
        guard let link = links[node], link.send(body) else { return }
        if !unflushed.contains(where: { $0 === link }) { unflushed.append(link) }
    }

    /// Writes what was sent since the last time, in one go for each peer.
    package func flush() {
        eventLoop.preconditionInEventLoop()
        for link in unflushed { link.flush() }
        unflushed.removeAll(keepingCapacity: true)
    }

    private func listening(_ channel: any Channel) {
        server = channel
        if isStopped { return channel.close(promise: nil) }
        for link in links.values.sorted(by: { $0.id < $1.id }) { link.start() }
    }

    private func bindFailure(_ error: any Error) -> PeerTransportError {
        let (host, port) = (configuration.listenHost, configuration.listenPort)
        if let error = error as? IOError, error.errnoCode == EADDRINUSE { return .addressInUse(host: host, port: port) }
        let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        return .cannotListen(host: host, port: port, reason: reason)
    }
}

// MARK: - Accepted connections

extension PeerTransport {
    private func accept(_ channel: any Channel) throws {
        guard !isStopped, acceptedChannels.count < Limits.peerConnections else {
            report("too many connections from peers", about: nil)
            return channel.close(promise: nil)
        }
        acceptedChannels[ObjectIdentifier(channel)] = channel
        try channel.pipeline.syncOperations.addHandlers(
            ByteToMessageHandler(PeerFrameDecoder()), AcceptedHandler(self))
    }

    /// Throws ``PeerRefusal`` unless the frame introduces a member, in its newest life, to this node.
    /// `expected` is who was dialled.
    func checkHello(_ frame: PeerFrame, expecting expected: NodeID?) throws -> PeerHello {
        guard let hello = try? PeerHello(frame.body) else { throw PeerRefusal.malformed }
        guard hello.version == PeerHello.protocolVersion else { throw PeerRefusal.version(hello.version) }
        guard frame.origin.cluster == configuration.cluster else { throw PeerRefusal.otherCluster }
        guard frame.origin.node != configuration.node else { throw PeerRefusal.itself }
        guard let link = links[frame.origin.node] else { throw PeerRefusal.unknownMember(hello.name) }
        guard hello.recipient == configuration.node, expected == nil || expected == frame.origin.node else {
            throw PeerRefusal.otherRecipient(hello.name)
        }
        try checkLife(frame.origin, of: link)
        return hello
    }

    private func checkLife(_ origin: PeerFrame.Origin, of link: PeerLink) throws {
        guard link.admits(origin.incarnation) else {
            throw PeerRefusal.earlierLife(origin.incarnation, newest: link.newestIncarnation)
        }
    }

    /// A member introduced itself; it has one connection, the newest.
    func accepted(_ channel: any Channel, from node: NodeID, name: String) {
        let before = acceptedByNode.updateValue(channel, forKey: node)
        before?.close(promise: nil)
        links[node]?.peerIsThere()
        logger.debug("a peer connected", metadata: ["peer": "\(name)"])
    }

    /// A frame after the introduction; throws ``PeerRefusal`` when it does not belong on this connection.
    func received(_ frame: PeerFrame, on channel: any Channel, from introduced: PeerFrame.Origin) throws {
        guard frame.origin == introduced, let link = links[introduced.node] else { throw PeerRefusal.unexpectedFrame }
        try checkLife(frame.origin, of: link)
        // A connection that was replaced may still have frames; they would overtake the newer ones.
        guard acceptedByNode[introduced.node] === channel else { return }
        receiver?.received(frame.body, from: introduced.node)
    }

    func acceptedEnded(_ channel: any Channel, of node: NodeID?) {
        acceptedChannels[ObjectIdentifier(channel)] = nil
        guard let node, acceptedByNode[node] === channel else { return }
        acceptedByNode[node] = nil
        links[node]?.acceptedConnectionEnded()
    }

    func refused(_ channel: any Channel, reason: any Error) {
        let from = channel.remoteAddress.map { "\($0)" } ?? "an unknown address"
        report("a connection from a peer is refused", about: nil, metadata: ["from": "\(from)"], reason: reason)
    }
}

// MARK: - Log lines

extension PeerTransport {
    func metadata(_ link: PeerLink?, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        guard let link else { return more }
        return more.merging(["peer": "\(link.address.name)"]) { $1 }
    }

    /// A warning, at most once a second for each message.
    func report(
        _ message: Logger.Message, about link: PeerLink?, metadata more: Logger.Metadata = [:],
        reason: (any Error)? = nil
    ) {
        guard let suppressed = throttles[message.description, default: LogThrottle()].admit(at: .now()) else { return }
        var metadata = metadata(link, more)
        if let reason { metadata["reason"] = "\(reason)" }
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning(message, metadata: metadata)
    }
}
