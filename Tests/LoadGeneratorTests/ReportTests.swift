import Testing

@testable import LoadGenerator

@Suite("The report")
struct ReportTests {
    private func report(_ fill: (inout Samples) -> Void, problems: [String] = []) -> ComparisonReport {
        var samples = Samples()
        fill(&samples)
        return ComparisonReport(
            date: "2026-01-31 12:00 UTC",
            machine: Machine(
                cores: 2, processor: "Abacus", kernel: "6.1", memoryBytes: 24e9, syncMicroseconds: 186.4),
            versions: [.conclave: "0.1.0", .etcd: "3.4.23"], settings: "3 rounds", samples: samples,
            problems: problems)
    }

    private func line(_ report: ComparisonReport, _ title: String) -> String {
        report.markdown.split(separator: "\n").first { $0.contains(title) }.map { String($0) } ?? ""
    }

    @Test("A ratio is judged by its target and shown with the range of its samples")
    func ratio() {
        let report = report {
            for rate in [40_000.0, 50_000, 45_000] { $0.add(rate, of: Figure(.create, .rate), for: .conclave) }
            for rate in [10_000.0, 11_000, 9_000] { $0.add(rate, of: Figure(.create, .rate), for: .etcd) }
        }
        #expect(
            line(report, "create-if-absent: rate")
                == "| create-if-absent: rate | 45 000/s (40 000/s – 50 000/s) | 10 000/s (9 000/s – 11 000/s)"
                + " | 4.5× | ≥ 4× | met |")
    }

    @Test("A target that is missed says so")
    func missed() {
        let report = report {
            $0.add(30_000, of: Figure(.create, .rate), for: .conclave)
            $0.add(10_000, of: Figure(.create, .rate), for: .etcd)
            $0.add(41e6, of: Figure(.idle, .resident), for: .conclave)
        }
        #expect(line(report, "create-if-absent: rate").hasSuffix("| 3× | ≥ 4× | not met |"))
        #expect(line(report, "idle node") == "| idle node, resident memory | 41 MB | – | – | ≤ 40 MB | not met |")
    }

    @Test("Where a figure is missing nothing is judged, and rows without figures are left out")
    func missing() {
        let report = report { $0.add(10_000, of: Figure(.create, .rate), for: .etcd) }
        #expect(line(report, "create-if-absent: rate").hasSuffix("| – | ≥ 4× | not judged |"))
        #expect(!report.markdown.contains("leader killed"))
    }

    @Test("Two goals of one row must both be met")
    func bothGoals() {
        let gap = Figure(.kill, .gap)
        let slow = report {
            $0.add(150, of: gap, for: .conclave)
            $0.add(1_500, of: gap, for: .etcd)
        }
        #expect(line(slow, "write gap p50").hasSuffix("| 0.1× | ≤ 0.3×, ≤ 100 ms | not met |"))
        let quick = report {
            $0.add(90, of: gap, for: .conclave)
            $0.add(1_500, of: gap, for: .etcd)
        }
        #expect(line(quick, "write gap p50").hasSuffix("| 0.06× | ≤ 0.3×, ≤ 100 ms | met |"))
    }

    @Test("Date, machine, disk, versions, settings and problems are in it")
    func facts() {
        let text = report({ _ in }, problems: ["create, etcd: status 500 (3 times)"]).markdown
        let facts = [
            "## 2026-01-31 12:00 UTC", "2 cores, Abacus, 24 GB, Linux 6.1, fdatasync of 4 KiB: 186 µs",
            "Conclave 0.1.0, etcd 3.4.23", "run: 3 rounds", "- create, etcd: status 500 (3 times)",
        ]
        for fact in facts { #expect(text.contains(fact)) }
    }

    @Test("Columns of the terminal's table line up")
    func columns() {
        let report = report {
            $0.add(30_000, of: Figure(.create, .rate), for: .conclave)
            $0.add(9, of: Figure(.create, .p50), for: .etcd)
        }
        let rows = report.text.split(separator: "\n").filter { $0.contains("create-if-absent") || $0.contains("ratio") }
        #expect(rows.count == 3)
        #expect(Set(rows.map(\.count)).count == 1)
    }

    @Test("Numbers keep three digits and people's units")
    func numbers() {
        #expect(Decimals.short(0.06) == "0.06")
        #expect(Decimals.short(12.345) == "12.3")
        #expect(Decimals.short(1234.5) == "1235" || Decimals.short(1234.5) == "1234")
        #expect(Decimals.fixed(-1.5, 1) == "-1.5")
        #expect(Decimals.fixed(0.05, 2) == "0.05")
        #expect(Decimals.grouped(1_234_567) == "1 234 567")
        #expect(FigureUnit.bytes.text(27_340_800) == "27.3 MB")
        #expect(FigureUnit.bytes.text(125_000) == "125 kB")
        #expect(FigureUnit.bytes.text(640) == "640 B")
    }

    @Test("Every figure has one row for each statistic, and every trial has a row")
    func rows() {
        #expect(Set(Row.all.map(\.title)).count == Row.all.count)
        #expect(Set(Row.all.map(\.figure.trial)) == Set(Trial.allCases))
    }

    @Test("A script for wrk carries method, headers and body, and its output is judged")
    func wrk() throws {
        let script = WrkCheck.script(EtcdDialect().get(key: "foo", expecting: Value("x")))
        #expect(script.contains(#"wrk.method = "POST""#))
        #expect(script.contains(#"wrk.headers["Content-Type"] = "application/json""#))
        #expect(script.contains(#"wrk.body = [==[{"key":"Zm9v"}]==]"#))
        #expect(try WrkCheck.rate(in: "  5 requests in 1s\nRequests/sec:  30123.45\nTransfer/sec: 1MB\n") == 30_123.45)
        #expect(throws: WorkloadFailure.self) {
            try WrkCheck.rate(in: "  Non-2xx or 3xx responses: 7\nRequests/sec: 10.0\n")
        }
        #expect(throws: WorkloadFailure.self) { try WrkCheck.rate(in: "") }
    }
}
