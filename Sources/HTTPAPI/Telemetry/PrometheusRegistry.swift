package import CoreMetrics
package import NIOCore
import Synchronization

/// A backend for swift-metrics that keeps every series in memory and writes them in Prometheus' text format.
/// The executable bootstraps it; `GET /metrics` shows it.
package final class PrometheusRegistry: MetricsFactory {
    /// One name with all its label sets.
    private struct Family {
        var kind: StaticString
        var series: [String: any PrometheusSeries] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(counterName(label), "counter", dimensions) { IntegerCounter() }
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(counterName(label), "counter", dimensions) { FloatingCounter() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(metricName(label), "gauge", dimensions) { Gauge() }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return series(metricName(label), "gauge", dimensions) { Gauge() } as Gauge }
        return series(metricName(label), "histogram", dimensions) { Histogram(bounds: Histogram.amounts) } as Histogram
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = metricName(label)
        return series(name.hasSuffix("_seconds") ? name : name + "_seconds", "histogram", dimensions) {
            TimerHistogram()
        }
    }

    // A series that nobody writes to any more keeps its last value: scrapes must not see counters vanish.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// All series, families in the order of their names.
    package func render(into buffer: inout ByteBuffer) {
        let snapshot = families.withLock { $0 }
        for (name, family) in snapshot.sorted(by: { $0.key < $1.key }) {
            buffer.writeString("# TYPE \(name) \(family.kind)\n")
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.render(name, labels, into: &buffer)
            }
        }
    }

    /// The series of this name and these labels, made at its first use. A name that already stands for another kind of
    /// series gets a suffix, because one name must not mean two things.
    private func series<Series: PrometheusSeries>(
        _ name: String, _ kind: StaticString, _ dimensions: [(String, String)], _ make: () -> Series
    ) -> Series {
        let labels = labelText(dimensions)
        return families.withLock { families in
            var name = name
            while true {
                var family = families[name] ?? Family(kind: kind)
                if let known = family.series[labels] as? Series { return known }
                if family.kind.description == kind.description, family.series[labels] == nil {
                    let made = make()
                    family.series[labels] = made
                    families[name] = family
                    return made
                }
                name += "_\(kind)"
            }
        }
    }
}

private func counterName(_ label: String) -> String {
    let name = metricName(label)
    return name.hasSuffix("_total") ? name : name + "_total"
}

/// A label of swift-metrics in the characters that Prometheus allows in a name.
private func metricName(_ label: String) -> String {
    let characters = label.unicodeScalars.map { scalar -> Character in
        let letter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_" || scalar == ":"
        return letter || ("0"..."9").contains(scalar) ? Character(scalar) : "_"
    }
    let name = String(characters)
    return name.first.map { $0.isNumber ? "_" + name : name } ?? "_"
}

/// `name="value"` pairs in the order of their names, escaped; empty without dimensions.
private func labelText(_ dimensions: [(String, String)]) -> String {
    dimensions.sorted { $0.0 < $1.0 }.map { name, value in
        var escaped = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return "\(metricName(name))=\"\(escaped)\""
    }.joined(separator: ",")
}
