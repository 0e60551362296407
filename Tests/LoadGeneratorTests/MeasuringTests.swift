import Foundation
import NIOCore
import Testing

@testable import LoadGenerator

@Suite("Measuring")
struct MeasuringTests {
    private let zero = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private func at(_ milliseconds: Int64) -> NIODeadline { zero + .milliseconds(milliseconds) }
    private func window(end: Int64, giveUp: Int64) -> Window {
        Window(measureFrom: zero, end: at(end), giveUp: at(giveUp))
    }

    @Test("An open loop keeps the intended moment of requests that a stall held up")
    func stallIsCharged() {
        var pace = Pace.open(window(end: 100, giveUp: 1_000), start: zero, interval: .milliseconds(10))
        var latencies = LatencyHistogram()
        var now = at(0)
        // The server answers in 1 ms, except the third request, which takes 50 ms.
        for number in 1...10 {
            var step = pace.next(now: now)
            if case .wait(let moment) = step {
                now = moment
                step = pace.next(now: now)
            }
            guard case .send(let intended) = step else { break }
            now = now + (number == 3 ? .milliseconds(50) : .milliseconds(1))
            latencies.record(now - intended)
        }
        #expect(latencies.count == 10)
        #expect(abs(latencies.maximumMilliseconds - 50) < 0.1)
        // Requests 4 to 7 waited 41, 32, 23 and 14 ms; a closed loop would have called all of them 1 ms.
        #expect(latencies.milliseconds(at: 50) > 4)
        #expect(latencies.milliseconds(at: 80) > 30)
    }

    @Test("A closed loop sends at once until the window ends")
    func closedLoop() {
        var pace = Pace.closed(window(end: 10, giveUp: 10))
        #expect(pace.next(now: at(3)) == .send(intended: at(3)))
        #expect(pace.next(now: at(10)) == .over)
        #expect(pace.unsent == 0)
    }

    @Test("Requests that never found a free connection are counted, not forgotten")
    func unsent() {
        var pace = Pace.open(window(end: 100, giveUp: 150), start: zero, interval: .milliseconds(10))
        #expect(pace.next(now: at(0)) == .send(intended: at(0)))
        #expect(pace.next(now: at(5)) == .wait(until: at(10)))
        #expect(pace.next(now: at(60)) == .send(intended: at(10)))
        #expect(pace.unsent == 8)
        #expect(pace.next(now: at(150)) == .over)
    }

    @Test("Percentiles come out within the histogram's three digits")
    func percentiles() {
        var histogram = LatencyHistogram()
        for microseconds in 1...10_000 { histogram.record(.microseconds(Int64(microseconds))) }
        #expect(abs(histogram.milliseconds(at: 50) - 5) < 0.01)
        #expect(abs(histogram.milliseconds(at: 99) - 9.9) < 0.02)
        #expect(abs(histogram.meanMilliseconds - 5) < 0.01)
        var other = LatencyHistogram()
        other.record(.seconds(7_200))
        histogram.add(other)
        #expect(histogram.count == 10_001)
        #expect(histogram.maximumMilliseconds > 599_000)
    }

    @Test("The median and percentiles of a few values are exact")
    func samples() {
        #expect(Sample.median(of: [3, 1, 2]) == 2)
        #expect(Sample.median(of: [4, 1, 2, 3]) == 2.5)
        #expect(Sample.median(of: []) == nil)
        #expect(Sample.percentile(99, of: (1...100).map(Double.init)) == 99)
        #expect(Sample.percentile(50, of: [7]) == 7)
    }

    @Test("The longest silence after the action is found, whoever wrote")
    func gaps() {
        let before: [Int64] = [0, 10, 20, 30]
        #expect(GapFinder.longestGap(in: before + [130, 140], after: 35, until: 145) == 100)
        #expect(GapFinder.longestGap(in: [140, 30, 130, 0], after: 35, until: 145) == 100)
        #expect(GapFinder.longestGap(in: [0, 500, 510, 520], after: 505, until: 525) == 10)
        #expect(GapFinder.longestGap(in: before, after: 35, until: 1_000) == 970)
        #expect(GapFinder.longestGap(in: [], after: 35, until: 1_000) == 965)
    }

    @Test("Writing is steady only if it lasted the whole span without a pause")
    func steadiness() {
        let every10 = stride(from: Int64(0), through: 200, by: 10).map { $0 }
        #expect(GapFinder.isSteady(every10, at: 205, span: 100, pause: 20))
        #expect(!GapFinder.isSteady(every10, at: 250, span: 100, pause: 20))
        #expect(!GapFinder.isSteady(every10.filter { $0 >= 150 }, at: 205, span: 100, pause: 20))
        #expect(!GapFinder.isSteady(every10.filter { $0 < 130 || $0 > 160 }, at: 205, span: 100, pause: 20))
    }

    @Test("Counters are summed over their labels and not mistaken for longer names")
    func metrics() {
        let page = """
            # HELP syncs_total Syncs.
            # TYPE syncs_total counter
            syncs_total{disk="a b"} 3
            syncs_total{disk="c"} 4 1700000000
            syncs_total_more 100
            other 1e3
            """
        #expect(MetricsPage.sum(of: "syncs_total", in: page) == 7)
        #expect(MetricsPage.sum(of: "other", in: page) == 1000)
        #expect(MetricsPage.sum(of: "absent", in: page) == nil)
    }

    @Test("Errors are ranked, and endless kinds do not take endless memory")
    func tally() {
        var tally = ErrorTally()
        tally.record("b", count: 2)
        tally.record("a", count: 2)
        tally.record("c", count: 5)
        tally.record("d", count: 0)
        #expect(tally.ranked.map(\.reason) == ["c", "a", "b"])
        for number in 0..<1_000 { tally.record("kind \(number)") }
        #expect(tally.total == 1_009)
        #expect(tally.counts.count <= 33)
    }
}
