/// A plot as SVG text: axes, lines, bars and words, in points from the upper left.
package struct Drawing {
    /// Where values are drawn; shares of it count from its lower left.
    package struct Frame {
        package var x: Double
        package var y: Double
        package var width: Double
        package var height: Double
        package init(x: Double, y: Double, width: Double, height: Double) {
            self.x = x
            self.y = y
            self.width = width
            self.height = height
        }
    }

    package enum Anchor: String { case start, middle, end }

    private let width: Int
    private let height: Int
    private var elements: [String] = []

    package init(width: Int, height: Int, title: String) {
        self.width = width
        self.height = height
        elements.append(
            "<text x=\"70\" y=\"28\" font-size=\"15\" font-weight=\"bold\">\(Drawing.escaped(title))</text>")
    }

    package var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" \
        font-family="sans-serif" font-size="12" fill="#222222">
        <rect width="\(width)" height="\(height)" fill="#ffffff"/>
        \(elements.joined(separator: "\n"))
        </svg>

        """
    }

    package mutating func axes(
        _ frame: Frame, across: [(share: Double, text: String)], up: [(share: Double, text: String)], label: String
    ) {
        let bottom = frame.y + frame.height
        for (share, text) in up {
            let y = bottom - share * frame.height
            segment(frame.x, y, frame.x + frame.width, y, colour: share == 0 ? "#222222" : "#dddddd")
            self.text(text, x: frame.x - 6, y: y + 4, anchor: .end)
        }
        for (share, text) in across {
            let x = frame.x + share * frame.width
            segment(x, bottom, x, bottom + 5, colour: "#222222")
            self.text(text, x: x, y: bottom + 19, anchor: .middle)
        }
        text(label, x: frame.x + frame.width, y: bottom + 36, anchor: .end)
    }

    private mutating func segment(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String) {
        elements.append(
            "<line x1=\"\(tenths(x1))\" y1=\"\(tenths(y1))\" x2=\"\(tenths(x2))\" y2=\"\(tenths(y2))\" "
                + "stroke=\"\(colour)\"/>")
    }

    package mutating func line(_ points: [(x: Double, y: Double)], in frame: Frame, colour: String, isDashed: Bool) {
        let places = points.map { point in
            "\(tenths(frame.x + point.x * frame.width)),\(tenths(frame.y + frame.height * (1 - point.y)))"
        }
        elements.append(
            "<polyline points=\"\(places.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
                + "stroke-width=\"2\"\(isDashed ? " stroke-dasharray=\"6 4\"" : "")/>")
    }

    package mutating func bar(x: Double, width: Double, share: Double, in frame: Frame, colour: String) {
        let height = share * frame.height
        elements.append(
            "<rect x=\"\(tenths(x))\" y=\"\(tenths(frame.y + frame.height - height))\" width=\"\(tenths(width))\" "
                + "height=\"\(tenths(height))\" fill=\"\(colour)\"/>")
    }

    package mutating func key(x: Double, y: Double, colour: String, text: String) {
        elements.append(
            "<rect x=\"\(tenths(x))\" y=\"\(tenths(y - 10))\" width=\"12\" height=\"12\" fill=\"\(colour)\"/>")
        self.text(text, x: x + 18, y: y, anchor: .start)
    }

    package mutating func text(_ text: String, x: Double, y: Double, anchor: Anchor) {
        elements.append(
            "<text x=\"\(tenths(x))\" y=\"\(tenths(y))\" text-anchor=\"\(anchor.rawValue)\">\(Drawing.escaped(text))</text>"
        )
    }

    /// One digit after the point is finer than any eye.
    private func tenths(_ value: Double) -> String {
        let rounded = Int((value * 10).rounded())
        return rounded % 10 == 0 ? "\(rounded / 10)" : "\(Double(rounded) / 10)"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
