import Glibc
internal import NIOCore
import NIOPosix

/// What a failed attempt to connect says of the process at the other end.
enum DialOutcome {
    /// Nobody listens there: the process is gone.
    case refused
    /// It was there and ended in the middle, as a dying process does.
    case brokenOff
    /// Nothing was heard.
    case unreachable
}

extension Error {
    var dialOutcome: DialOutcome {
        if let error = self as? IOError { return error.dialOutcome }
        guard let error = self as? NIOConnectionError else { return isConnectTimeout ? .unreachable : .brokenOff }
        let outcomes = error.connectionErrors.map(\.error.dialOutcome)
        // A name may stand for several addresses, and for none.
        if outcomes.isEmpty || outcomes.contains(.unreachable) { return .unreachable }
        return outcomes.contains(.brokenOff) ? .brokenOff : .refused
    }

    private var isConnectTimeout: Bool {
        if case .connectTimeout? = self as? ChannelError { true } else { false }
    }
}

extension IOError {
    fileprivate var dialOutcome: DialOutcome {
        switch errnoCode {
        case ECONNREFUSED: .refused
        case EHOSTUNREACH, ENETUNREACH, ETIMEDOUT: .unreachable
        default: .brokenOff
        }
    }
}
