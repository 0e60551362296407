import LoadGenerator
import Simulating

/// How long a succession takes with more and more nodes, drawn.
enum SuccessionPicture {
    /// Milliseconds beyond the time to live.
    struct Figure {
        var nodes: Int
        var seated: Double
        var half: Double
        var all: Double
    }

    private static let curves: [(name: String, colour: String, value: any KeyPath<Figure, Double> & Sendable)] = [
        ("seated", "#2a9d5c", \.seated), ("half know", "#c7762b", \.half), ("all know", "#1b6ca8", \.all),
    ]

    static func draw(_ figures: [Figure]) -> String {
        let frame = Drawing.Frame(x: 70, y: 50, width: 620, height: 300)
        var drawing = Drawing(
            width: 720, height: 440, title: "A controller dies: ms beyond its TTL until the nodes know the next one")
        let highest = max(1, figures.flatMap { figure in curves.map { figure[keyPath: $0.value] } }.max() ?? 1) * 1.05
        let places = figures.indices.map { (Double($0) + 0.5) / Double(max(1, figures.count)) }
        drawing.axes(
            frame, across: zip(places, figures).map { ($0, "\($1.nodes)") },
            up: (0...4).map { (Double($0) / 4, Decimals.short(highest * Double($0) / 4)) }, label: "nodes")
        for (place, curve) in curves.enumerated() {
            let points = zip(places, figures).map { ($0, $1[keyPath: curve.value] / highest) }
            drawing.line(points, in: frame, colour: curve.colour, isDashed: false)
            drawing.key(x: 70 + 150 * Double(place), y: 420, colour: curve.colour, text: curve.name)
        }
        return drawing.svg
    }
}
