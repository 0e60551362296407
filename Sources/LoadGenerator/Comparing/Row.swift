/// One line of the comparison's table: a figure, how its samples become one number, and what it must reach.
package struct Row: Sendable {
    package var title: String
    package var figure: Figure
    package var statistic: Statistic
    package var unit: FigureUnit
    package var goals: [Goal]

    package enum Statistic: Hashable, Sendable {
        case median
        case percentile(Double)
        case maximum

        package func of(_ values: [Double]) -> Double? {
            switch self {
            case .median: Sample.median(of: values)
            case .percentile(let percent): Sample.percentile(percent, of: values)
            case .maximum: values.max()
            }
        }
    }

    package init(
        _ title: String, _ figure: Figure, _ unit: FigureUnit, _ statistic: Statistic = .median, goals: [Goal] = []
    ) {
        self.title = title
        self.figure = figure
        self.unit = unit
        self.statistic = statistic
        self.goals = goals
    }

    /// The rows that `compare` prints.
    package static let all: [Row] =
        [
            Row(
                "idle node, resident memory", Figure(.idle, .resident), .bytes, goals: [.atMost(40e6)])
        ] + throughput(.create, "create-if-absent", goals: [.ratioAtLeast(4)])
        + throughput(.put, "put") + throughput(.get, "linearizable read", goals: [.ratioAtLeast(3)])
        + throughput(.serial, "one serial writer", p50Goals: [.ratioAtMost(0.6)])
        + throughput(.renew, "lease renewal", goals: [.ratioAtLeast(5)])
        + throughput(.renewAtFollower, "lease renewal at a follower", goals: [.ratioAtLeast(5)])
        + throughput(.renewAlone, "lease renewal at a cluster of one", goals: [.ratioAtLeast(5)])
        + throughput(.renewMany, "lease renewal by many", goals: [.ratioAtLeast(5)])
        + throughput(.renewManyAtFollower, "lease renewal by many at a follower", goals: [.ratioAtLeast(5)])
        + throughput(.grpcPut, "gRPC put", goals: [.ratioAtLeast(2)])
        + throughput(.grpcRange, "gRPC linearizable range", goals: [.ratioAtLeast(2)])
        + throughput(.grpcKeepAlive, "gRPC keep-alive stream", goals: [.ratioAtLeast(3)])
        + throughput(.grpcPutApart, "gRPC put, a connection each", goals: [.ratioAtLeast(2)])
        + throughput(.grpcRangeApart, "gRPC linearizable range, a connection each", goals: [.ratioAtLeast(2)])
        + throughput(.grpcKeepAliveApart, "gRPC keep-alive stream, a connection each", goals: [.ratioAtLeast(3)])
        + throughput(.gatewayPut, "gateway put", goals: [.ratioAtLeast(4)])
        + throughput(.gatewayRange, "gateway linearizable range", goals: [.ratioAtLeast(4)]) + watch + expiry
        + storm + succession + comeback
        + gaps(.kill, "leader killed (SIGKILL)", p50: [.ratioAtMost(0.3), .atMost(100)], worst: [.atMost(200)])
        + gaps(.stop, "leader stopped (SIGSTOP)", p50: [.atMost(400)], worst: [.atMost(1000)])
        + gaps(.term, "leader asked to go (SIGTERM)", p50: [.atMost(30)], worst: []) + wrk

    private static func throughput(
        _ trial: Trial, _ title: String, goals: [Goal] = [], p50Goals: [Goal] = []
    ) -> [Row] {
        let rows = [
            Row("\(title): rate", Figure(trial, .rate), .perSecond, goals: goals),
            Row("\(title): p50", Figure(trial, .p50), .milliseconds, goals: p50Goals),
            Row("\(title): p99", Figure(trial, .p99), .milliseconds),
            Row("\(title): server CPU per request", Figure(trial, .cpu), .microseconds),
            Row("\(title): generator CPU per request", Figure(trial, .generator), .microseconds),
        ]
        guard trial.throughput?.writes == true else { return rows }
        return rows + [
            Row("\(title): log syncs per request", Figure(trial, .syncs), .count),
            Row("\(title): disk bytes per request", Figure(trial, .written), .bytes),
        ]
    }

    private static let watch = [
        Row("one change to all watchers: median told", Figure(.watch, .median), .milliseconds),
        Row(
            "one change to all watchers: last told", Figure(.watch, .last), .milliseconds,
            goals: [.ratioAtMost(0.35)]),
        Row(
            "servers' resident memory per watching connection", Figure(.watch, .resident), .bytes,
            goals: [.ratioAtMost(0.3)]),
    ]

    private static let expiry = [
        Row("lease expiry told beyond TTL: p50", Figure(.expiry, .lag), .milliseconds, goals: [.atMost(10)]),
        Row(
            "lease expiry told beyond TTL: p99", Figure(.expiry, .lag), .milliseconds, .percentile(99),
            goals: [.atMost(50)]),
    ]

    private static let storm = [
        Row("leases that end together: last told after", Figure(.storm, .last), .milliseconds, goals: [.atMost(1_000)]),
        Row("leases that end together: writes before, p99", Figure(.storm, .calm), .milliseconds),
        Row("leases that end together: writes meanwhile, p99", Figure(.storm, .p99), .milliseconds),
        Row("leases that end together: p99 meanwhile ÷ before", Figure(.storm, .rate), .count, goals: [.atMost(5)]),
    ]

    private static let succession = [
        Row("plain recipe, beyond TTL: successor seated", Figure(.succession, .seated), .milliseconds),
        Row("plain recipe, beyond TTL: half know", Figure(.succession, .median), .milliseconds),
        Row(
            "plain recipe, beyond TTL: all know", Figure(.succession, .last), .milliseconds, goals: [.ratioAtMost(0.2)]),
    ]

    private static let comeback = [
        Row(
            "reconnecting clients: all are back after", Figure(.comeback, .last), .milliseconds, goals: [.atMost(2_000)]
        ),
        Row("reconnecting clients: writes meanwhile, p99", Figure(.comeback, .p99), .milliseconds),
        Row(
            "reconnecting clients: elections of the servers' leader", Figure(.comeback, .elections), .count,
            goals: [.atMost(0)]),
    ]

    private static let wrk = [
        Row("wrk: read", Figure(.wrk, .getRate), .perSecond),
        Row("wrk: put", Figure(.wrk, .putRate), .perSecond),
    ]

    private static func gaps(_ trial: Trial, _ title: String, p50: [Goal], worst: [Goal]) -> [Row] {
        [
            Row("\(title): write gap p50", Figure(trial, .gap), .milliseconds, goals: p50),
            Row("\(title): longest write gap", Figure(trial, .gap), .milliseconds, .maximum, goals: worst),
        ]
    }
}

/// A row with its numbers.
package struct Verdict: Sendable {
    package var row: Row
    package var conclave: Double?
    package var etcd: Double?
    /// The smallest and largest sample of each, where there are several.
    package var conclaveRange: ClosedRange<Double>?
    package var etcdRange: ClosedRange<Double>?

    package init(_ row: Row, in samples: Samples) {
        self.row = row
        let own = samples.of(row.figure, for: .conclave)
        let other = samples.of(row.figure, for: .etcd)
        conclave = row.statistic.of(own)
        etcd = row.statistic.of(other)
        conclaveRange = Self.range(own)
        etcdRange = Self.range(other)
    }

    private static func range(_ values: [Double]) -> ClosedRange<Double>? {
        guard values.count > 1, let low = values.min(), let high = values.max() else { return nil }
        return low...high
    }

    package var ratio: Double? {
        guard let conclave, let etcd, etcd > 0 else { return nil }
        return conclave / etcd
    }

    /// `nil` where the row has no goal or cannot be judged.
    package var isMet: Bool? {
        let answers = row.goals.map { $0.isMet(conclave: conclave, ratio: ratio) }
        if answers.contains(false) { return false }
        return answers.isEmpty || answers.contains(nil) ? nil : true
    }

    package var isEmpty: Bool { conclave == nil && etcd == nil }
}
