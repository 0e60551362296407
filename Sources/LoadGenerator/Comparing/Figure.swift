/// What `compare` can measure, in the order it does.
package enum Trial: String, CaseIterable, Hashable, Sendable, Codable {
    case idle, create, put, get, serial, renew
    /// Renewals at one node that does not lead; at a cluster of one; by many clients, at any node and at one that does not lead.
    case renewAtFollower, renewAlone, renewMany, renewManyAtFollower
    /// Over etcd's gRPC and etcd's gateway, which both systems speak.
    case grpcPut, grpcRange, grpcKeepAlive, gatewayPut, gatewayRange
    /// Over gRPC with a connection for each request in flight.
    case grpcPutApart, grpcRangeApart, grpcKeepAliveApart
    case watch, expiry
    /// Many leases that end together; a silent controller and many contenders; many clients that reconnect together.
    case storm, succession, comeback
    /// The leader is killed (SIGKILL), stopped (SIGSTOP), asked to go (SIGTERM).
    case kill, stop, term
    case wrk
}

extension Trial {
    /// What a throughput trial drives; `nil` for the others.
    var throughput: ThroughputKind? {
        switch self {
        case .create: .create
        case .put, .grpcPut, .grpcPutApart, .gatewayPut: .put
        case .get, .grpcRange, .grpcRangeApart, .gatewayRange: .get
        case .serial: .serial
        case .renew, .renewAtFollower, .renewAlone, .renewMany, .renewManyAtFollower, .grpcKeepAlive,
            .grpcKeepAliveApart:
            .renew
        case .idle, .watch, .expiry, .storm, .succession, .comeback, .kill, .stop, .term, .wrk: nil
        }
    }

    package var isOverGRPC: Bool { wire(of: .conclave) == .grpc }

    /// Whether each request in flight has a connection of its own where the wire could do with fewer.
    var isApart: Bool { [.grpcPutApart, .grpcRangeApart, .grpcKeepAliveApart].contains(self) }

    /// Whether all requests go to one node that does not lead.
    var isAtFollower: Bool { [.renewAtFollower, .renewManyAtFollower].contains(self) }

    /// Nodes of the cluster that is measured.
    var nodes: Int { self == .renewAlone ? 1 : 3 }

    /// Requests in flight at once.
    func connections(in plan: ComparisonPlan) -> Int {
        switch self {
        case .serial: 1
        case .renewMany, .renewManyAtFollower: plan.scale.crowd.renewers
        default: plan.connections
        }
    }

    func wire(of system: TargetSystem) -> Wire {
        switch self {
        case .grpcPut, .grpcRange, .grpcKeepAlive, .grpcPutApart, .grpcRangeApart, .grpcKeepAliveApart: .grpc
        case .gatewayPut, .gatewayRange: .gateway
        default: system.ownWire
        }
    }
}

/// One thing that is measured of a system.
package struct Figure: Hashable, Sendable {
    package var trial: Trial
    package var quantity: Quantity

    package init(_ trial: Trial, _ quantity: Quantity) {
        self.trial = trial
        self.quantity = quantity
    }

    package enum Quantity: String, Hashable, Sendable {
        case rate, p50, p99, cpu, generator, syncs, written, resident, median, last, lag, gap, getRate, putRate
        case calm, seated, elections
    }
}

/// All samples of one comparison.
package struct Samples: Sendable {
    private var values: [TargetSystem: [Figure: [Double]]] = [:]
    package init() {}

    package mutating func add(_ value: Double, of figure: Figure, for system: TargetSystem) {
        values[system, default: [:]][figure, default: []].append(value)
    }

    package func of(_ figure: Figure, for system: TargetSystem) -> [Double] { values[system]?[figure] ?? [] }
}

/// What a row must show.
package enum Goal: Hashable, Sendable {
    /// Conclave's figure divided by etcd's.
    case ratioAtLeast(Double)
    case ratioAtMost(Double)
    /// Conclave's figure by itself.
    case atMost(Double)

    /// Whether it is met; `nil` where it cannot be said because a figure is missing.
    package func isMet(conclave: Double?, ratio: Double?) -> Bool? {
        switch self {
        case .ratioAtLeast(let bound): ratio.map { $0 >= bound }
        case .ratioAtMost(let bound): ratio.map { $0 <= bound }
        case .atMost(let bound): conclave.map { $0 <= bound }
        }
    }

    package func text(unit: FigureUnit) -> String {
        switch self {
        case .ratioAtLeast(let bound): "≥ \(Decimals.short(bound))×"
        case .ratioAtMost(let bound): "≤ \(Decimals.short(bound))×"
        case .atMost(let bound): "≤ \(unit.text(bound))"
        }
    }
}

/// What a figure counts.
package enum FigureUnit: Hashable, Sendable {
    case perSecond, milliseconds, microseconds, bytes, percent, count

    package func text(_ value: Double) -> String {
        switch self {
        case .perSecond: Decimals.grouped(value) + "/s"
        case .milliseconds: Decimals.short(value) + " ms"
        case .microseconds: Decimals.short(value) + " µs"
        case .bytes: bytes(value)
        case .percent: Decimals.short(value) + " %"
        case .count: Decimals.short(value)
        }
    }

    private func bytes(_ value: Double) -> String {
        if value >= 1e6 { return Decimals.short(value / 1e6) + " MB" }
        return value >= 10_000 ? Decimals.short(value / 1e3) + " kB" : Decimals.short(value) + " B"
    }
}

/// Numbers for people.
package enum Decimals {
    /// Three significant digits, more where the number is larger.
    package static func short(_ value: Double) -> String {
        let digits = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : 2
        var text = fixed(value, digits)
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }

    package static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let whole = String(scaled / Int64(scale))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + whole }
        let part = String(scaled % Int64(scale))
        return sign + whole + "." + String(repeating: "0", count: digits - part.count) + part
    }

    /// A whole number with thin groups of three.
    package static func grouped(_ value: Double) -> String {
        let digits = Array(fixed(value, 0))
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, digit.isNumber, (digits.count - index) % 3 == 0, digits[index - 1].isNumber {
                out.append(" ")
            }
            out.append(digit)
        }
        return out
    }
}
