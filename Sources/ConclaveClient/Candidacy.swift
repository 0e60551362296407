import NIOCore

/// How one contender asks for its place in the line of an office.
///
/// It names its lease, drawn at random: by that the cluster tells it apart from another process that uses the same id.
struct Candidacy: Sendable {
    let office: Office
    let id: String
    let value: ByteString
    let ttl: Duration
    let priority: Int
    let lease = LeaseID(rawValue: .random(in: 1...UInt64(Int64.max)))

    /// Takes a place in the line, or the office if it is free.
    var beginning: Call { request([]) }

    /// Keeps the place; fails with ``ConclaveError/Code/preconditionFailed`` when there is none to keep. So a request that
    /// comes late, or twice, never begins anything.
    var renewal: Call {
        var call = request([])
        call.headers.add(name: "If-Match", value: "*")
        return call
    }

    /// Keeps the place, and is answered when there is something newer than `fence`, or the place is to be kept again.
    func listening(after fence: UInt64, for wait: Duration) -> Call {
        // The node's own limit is the same; asking for no more shows a silent one in time for another to be asked.
        let wait = max(min(wait, ttl / 2, .seconds(30)), .milliseconds(1))
        var call = request([("wait", wait.parameter), ("after", String(fence))])
        call.headers.add(name: "If-Match", value: "*")
        call.wait = wait
        return call
    }

    /// Gives the office up, or leaves the line.
    var withdrawal: Call {
        var call = Call(method: .DELETE, path: office.path(of: id), query: [("lease", lease.description)])
        call.timeout = .seconds(2)
        return call
    }

    private func request(_ more: [(name: String, value: String)]) -> Call {
        var call = Call(method: .PUT, path: office.path(of: id))
        call.query = [("ttl", ttl.parameter), ("lease", lease.description)]
        if priority != 0 { call.query.append(("priority", String(priority))) }
        call.query += more
        call.body = ByteBuffer(bytes: value.bytes)
        // A node that is silent must leave time to ask another one before the lease ends.
        call.attemptTimeout = max(ttl / 5, .milliseconds(20))
        return call
    }
}

extension ClusterClient {
    /// Sends a contender's request.
    func ask(_ call: Call) async throws -> (standing: Standing, sent: ContinuousClock.Instant) {
        let answer = try await perform(call)
        return (try answer.decode(Standing.self), answer.sent)
    }

    /// Gives up what `candidacy` holds or waits for; nothing happens when that has ended by itself.
    func withdraw(_ candidacy: Candidacy) async throws {
        do {
            _ = try await perform(identified(candidacy.withdrawal))
        } catch let error as ConclaveError where error.endsCandidacy {
            // There was nothing to give up any more.
        }
    }
}

extension ConclaveError {
    /// Whether the cluster says that there is no such candidacy, or that it is somebody else's.
    var endsCandidacy: Bool {
        switch code {
        case .preconditionFailed, .notFound, .leaseNotFound, .conflict, .fenced: true
        default: false
        }
    }
}
