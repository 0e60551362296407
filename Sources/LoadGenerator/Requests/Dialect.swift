package import NIOCore

/// What the throughput workloads send. Keys are made by this module of letters, digits, `-` and `/` only, so that they need
/// no escaping in any dialect.
package protocol RequestDialect: Sendable {
    /// Writes `key` only if it is absent; anything but "created" is wrong.
    func create(key: String, value: Value) -> LoadRequest
    func put(key: String, value: Value) -> LoadRequest
    /// A linearizable read that must bring `value`.
    func get(key: String, expecting value: Value) -> LoadRequest
    func renew(lease: String, seconds: Int) -> LoadRequest
}

/// One system's way of saying what all workloads need, over HTTP/1.1.
package protocol Dialect: RequestDialect {
    func grant(seconds: Int) -> LoadRequest
    /// The id in the answer to ``grant(seconds:)``.
    func lease(in answer: Answer) -> String?
    /// Requests that renew all of `leases`, as few as there can be.
    func renew(leases: [String], seconds: Int) -> [LoadRequest]
    /// Writes `key` under `lease` if it is absent; where it is not, the answer tells its value.
    func claim(key: String, value: Value, lease: String) -> LoadRequest
    /// Whether an answer to ``claim(key:value:lease:)`` says that the key was created.
    func claimed(_ answer: Answer) -> Bool
    /// Writes `key` so that it goes when `lease` ends.
    func put(key: String, value: Value, lease: String) -> LoadRequest

    func watch(key: String) -> LoadRequest
    func watch(prefix: String) -> LoadRequest
    /// Bytes that a watch stream carries exactly when it tells that `value` was written.
    func trace(of value: Value) -> [UInt8]
    /// Bytes that a watch stream carries once for each deletion that it tells.
    var deletionMark: [UInt8] { get }
    /// What ends one message of a watch stream.
    var messageEnd: [UInt8] { get }
    /// Keys that a message of a watch stream reports as deleted.
    func deletedKeys(in message: ByteBuffer) -> [String]

    var status: LoadRequest { get }
    /// What a node says of itself in the answer to ``status``.
    func nodeReport(in answer: Answer) -> NodeReport?
    /// The counter in `/metrics` that grows with every sync of the log.
    var syncCounter: String { get }
}

/// A node's account of itself, as far as a benchmark needs it.
package struct NodeReport: Hashable, Sendable {
    package var leads: Bool
    package var knowsLeader: Bool
    package var term: UInt64
    package var version: String
    package init(leads: Bool, knowsLeader: Bool, term: UInt64, version: String) {
        self.leads = leads
        self.knowsLeader = knowsLeader
        self.term = term
        self.version = version
    }
}

/// The systems that can be driven.
package enum TargetSystem: String, CaseIterable, Hashable, Sendable, Codable {
    case conclave
    case etcd

    package var dialect: any Dialect {
        switch self {
        case .conclave: ConclaveDialect()
        case .etcd: EtcdDialect()
        }
    }
}

/// A value in every form a dialect needs, made once so that no request pays for it.
package struct Value: Sendable {
    package let raw: ByteBuffer
    package let base64: String
    package let text: String

    /// `text` must be ASCII that JSON carries unescaped.
    package init(_ text: String) {
        self.text = text
        raw = ByteBuffer(string: text)
        base64 = Base64.encode(text)
    }

    /// A value of `size` printable bytes that depends on `seed`.
    package init(size: Int, seed: UInt64) {
        var generator = SplitMix(seed: seed)
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz012345".utf8)
        self.init(String(decoding: (0..<size).map { _ in alphabet[Int(generator.next() & 31)] }, as: UTF8.self))
    }
}

/// A small seeded generator: workloads repeat exactly.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
