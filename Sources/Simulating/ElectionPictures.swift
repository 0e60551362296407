import Consensus
import Primitives

/// The pictures of `Docs/ELECTIONS.md`.
enum ElectionPictures {
    static func all(_ figures: [ElectionFigures]) -> [(name: String, picture: String)] {
        [3, 5].map { nodes in
            ("elections-time-\(nodes).svg", times(figures.filter { $0.nodes == nodes }, nodes: nodes))
        } + [("elections-rounds.svg", rounds(figures)), ("elections-splits.svg", splits(figures))]
    }

    private static let colours = ["#1b6ca8", "#2a9d5c", "#c7762b", "#a83250", "#6a4fa3", "#555555"]

    /// One colour for each timeout; a dashed line is ranked. Times are in election timeouts, so that all fit one picture.
    private static func times(_ figures: [ElectionFigures], nodes: Int) -> String {
        let frame = Drawing.Frame(x: 70, y: 50, width: 620, height: 300)
        var drawing = Drawing(
            width: 720, height: 470, title: "\(nodes) nodes: time from the old leader's silence to a new leader")
        let most = 3.0
        drawing.axes(
            frame, across: (0...6).map { (Double($0) / 6, "\(Double($0) / 2)") },
            up: (0...4).map { (Double($0) / 4, "\($0 * 25) %") }, label: "election timeouts")
        let timeouts = Array(Set(figures.map(\.timeout))).sorted()
        for (place, timeout) in timeouts.enumerated() {
            let colour = colours[place % colours.count]
            for figure in figures where figure.timeout == timeout {
                let points = (0...200).map { step in
                    let share = Double(step) / 200
                    let time = Double(figure.time(at: share)) / Double(timeout.milliseconds)
                    return (min(1, time / most), share)
                }
                drawing.line(points, in: frame, colour: colour, isDashed: figure.strategy == .ranked)
            }
            let y = 410.0 + 20 * Double(place / 3)
            let x = 70 + 210 * Double(place % 3)
            drawing.key(x: x, y: y, colour: colour, text: "timeout \(timeout.milliseconds) ms")
        }
        drawing.text("solid: randomized, dashed: ranked", x: 690, y: 455, anchor: .end)
        return drawing.svg
    }

    private static func rounds(_ figures: [ElectionFigures]) -> String {
        bars(
            figures, title: "Elections with more than one try (above: tries, on average)",
            value: { figure in
                let more = figure.rounds.dropFirst().reduce(0, +)
                let tries = figure.rounds.enumerated().reduce(0) { $0 + ($1.offset + 1) * $1.element }
                let count = max(1, figure.times.count)
                let hundredths = tries * 100 / count
                let mean = "\(hundredths / 100)." + (hundredths % 100 < 10 ? "0" : "") + "\(hundredths % 100)"
                return (Double(more) / Double(count) * 100, mean)
            }, unit: "%")
    }

    private static func splits(_ figures: [ElectionFigures]) -> String {
        bars(
            figures, title: "Split votes per 10 000 elections",
            value: { (Double($0.splitPerTenThousand), "\($0.splitPerTenThousand)") }, unit: "")
    }

    /// A pair of bars for each size and timeout.
    private static func bars(
        _ figures: [ElectionFigures], title: String, value: (ElectionFigures) -> (Double, String), unit: String
    ) -> String {
        let frame = Drawing.Frame(x: 70, y: 50, width: 620, height: 260)
        var drawing = Drawing(width: 720, height: 420, title: title)
        let highest = max(1, figures.map { value($0).0 }.max() ?? 1) * 1.1
        drawing.axes(
            frame, across: [],
            up: (0...4).map { (Double($0) / 4, "\(Int((highest * Double($0) / 4).rounded()))\(unit)") }, label: "")
        let slot = frame.width / Double(max(1, figures.count) / 2)
        for (place, figure) in figures.enumerated() {
            let (height, text) = value(figure)
            let isRanked = figure.strategy == .ranked
            let left = frame.x + slot * Double(place / 2) + (isRanked ? slot / 2 : slot * 0.1)
            drawing.bar(
                x: left, width: slot * 0.38, share: height / highest, in: frame,
                colour: isRanked ? colours[2] : colours[0])
            let top = frame.y + frame.height * (1 - height / highest) - 5
            drawing.text(text, x: left + slot * 0.19, y: top, anchor: .middle)
            guard !isRanked else { continue }
            let middle = frame.x + slot * (Double(place / 2) + 0.5)
            drawing.text("\(figure.timeout.milliseconds) ms", x: middle, y: 330, anchor: .middle)
            drawing.text("\(figure.nodes) nodes", x: middle, y: 348, anchor: .middle)
        }
        drawing.key(x: 70, y: 390, colour: colours[0], text: "randomized")
        drawing.key(x: 210, y: 390, colour: colours[2], text: "ranked")
        return drawing.svg
    }
}
