import Glibc
import Primitives

/// What a test did not get in time.
struct Late: Error {
    var waitingFor: String
    var received: String
}

/// A client that sends exactly the bytes it is told to, over a blocking socket with deadlines.
final class RawClient {
    private let socket: Int32
    private(set) var unread: Bytes = []
    private(set) var sawEnd = false
    private static let patience: Int64 = 10_000

    init(port: Int, receiveBuffer: Int32? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Late(waitingFor: "a connection", received: String(cString: strerror(errno))) }
    }

    deinit { hangUp() }
    private var isOpen = true
    func hangUp() {
        if isOpen { Glibc.close(socket) }
        isOpen = false
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: Bytes) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    /// Reads once, waiting at most until `deadline`; false at the end of the stream. Waits without holding a thread,
    /// because all tests together have only a few.
    private func readMore(_ deadline: Int64, _ purpose: String) async throws -> Bool {
        var buffer = Bytes(repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                unread.append(contentsOf: buffer[..<count])
                return true
            }
            guard count < 0, errno == EAGAIN || errno == EINTR else {
                sawEnd = true
                return false
            }
            guard milliseconds() < deadline else {
                throw Late(waitingFor: purpose, received: String(decoding: unread.prefix(2000), as: UTF8.self))
            }
            try await Task.sleep(for: .microseconds(500))
        }
    }

    /// Takes everything up to and including `end`.
    func read(through end: String) async throws -> String {
        let wanted = Array(end.utf8)
        let deadline = milliseconds() + Self.patience
        while true {
            if let place = unread.firstRange(of: wanted) {
                let taken = unread[..<place.upperBound]
                unread.removeSubrange(..<place.upperBound)
                return String(decoding: taken, as: UTF8.self)
            }
            guard try await readMore(deadline, "\(end.debugDescription)") else {
                throw Late(
                    waitingFor: "\(end.debugDescription), but the server hung up",
                    received: String(decoding: unread.prefix(2000), as: UTF8.self))
            }
        }
    }

    func read(count: Int) async throws -> Bytes {
        let deadline = milliseconds() + Self.patience
        while unread.count < count {
            guard try await readMore(deadline, "\(count) bytes") else { break }
        }
        defer { unread.removeFirst(min(count, unread.count)) }
        return Bytes(unread.prefix(count))
    }

    /// Waits until the server hangs up; everything it sent until then.
    func readToEnd() async throws -> Bytes {
        let deadline = milliseconds() + Self.patience
        while try await readMore(deadline, "the end") {}
        defer { unread = [] }
        return unread
    }

    /// Whether nothing comes for a moment.
    func staysQuiet(milliseconds quiet: Int64) async -> Bool {
        guard unread.isEmpty else { return false }
        return (try? await readMore(milliseconds() + quiet, "nothing")) == nil
    }

    func response(to method: String = "GET") async throws -> Response {
        let head = try await read(through: "\r\n\r\n")
        var response = try Response(head: head)
        if method == "HEAD" || response.status == 304 || response.status == 100 { return response }
        if let length = response["content-length"].flatMap({ Int($0) }) {
            response.body = try await read(count: length)
        }
        return response
    }

    @discardableResult
    func request(
        _ method: String, _ target: String, _ fields: [String] = [], body: Bytes? = nil
    ) async throws -> Response {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: test\r\n"
        for field in fields { text += field + "\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        send(Array((text + "\r\n").utf8) + (body ?? []))
        return try await response(to: method)
    }
}

func milliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}

/// An answer as it came.
struct Response {
    var status: Int
    var fields: [(name: String, value: String)]
    var body: Bytes = []

    init(head: String) throws {
        var lines = head.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let code = Int(first.dropFirst(9).prefix(3)) else {
            throw Late(waitingFor: "a status line", received: head)
        }
        lines.removeFirst()
        status = code
        fields = lines.map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (String(line[..<colon]).lowercased(), String(line[colon...].dropFirst(2)))
        }
    }

    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
