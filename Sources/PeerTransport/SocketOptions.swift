import NIOPosix
internal import NIOCore
internal import Primitives

extension ClientBootstrap {
    func peerOptions(_ configuration: PeerTransportConfiguration) -> ClientBootstrap {
        peerOptionList(configuration).reduce(self) { $0.channelOption($1.0, value: $1.1) }
    }
}

extension ServerBootstrap {
    func peerOptions(_ configuration: PeerTransportConfiguration) -> ServerBootstrap {
        peerOptionList(configuration).reduce(self) { $0.childChannelOption($1.0, value: $1.1) }
    }
}

/// No waiting for fuller packets; a connection whose other end vanished ends within the silence time-out.
private func peerOptionList(
    _ configuration: PeerTransportConfiguration
) -> [(ChannelOptions.Types.SocketOption, SocketOptionValue)] {
    let silence = configuration.silenceTimeout
    let seconds = SocketOptionValue(max(1, silence.milliseconds / 1000))
    return [
        (ChannelOptions.tcpOption(.tcp_nodelay), 1),
        (ChannelOptions.socketOption(.so_keepalive), 1),
        // Linux: TCP_KEEPIDLE 4, TCP_KEEPINTVL 5, TCP_KEEPCNT 6, TCP_USER_TIMEOUT 18.
        (ChannelOptions.tcpOption(.init(rawValue: 4)), seconds),
        (ChannelOptions.tcpOption(.init(rawValue: 5)), 1),
        (ChannelOptions.tcpOption(.init(rawValue: 6)), 3),
        (ChannelOptions.tcpOption(.init(rawValue: 18)), SocketOptionValue(silence.milliseconds)),
    ]
}
