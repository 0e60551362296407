import Primitives

/// A decoder of bytes from outside, as libFuzzer drives it: whatever the bytes, it may refuse them, and must not trap.
struct Decoder: Sendable {
    /// How the command line and the corpus call it.
    var name: String
    /// Inputs that take its ordinary ways, so that fuzzing does not begin from nothing.
    var seeds: @Sendable () -> [Bytes]
    /// Takes one input to the end, and traps when what was decoded breaks a promise.
    var decode: @Sendable (Bytes) -> Void

    static let all: [Decoder] = [
        .json, .request, .grpc, .gateway, .frame, .message, .member, .command, .snapshot, .logRows, .stateRows,
        .durableMark,
    ]
}
