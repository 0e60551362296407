internal import Primitives

/// Who hears whom, for as long as a trial lasts.
package struct Graph: Hashable, Sendable {
    /// How many members there are.
    package let size: Int
    /// For each member the set of those that hear it, one bit each.
    private var hearers: [UInt8]

    package static let directedOfThree: [Graph] = (0..<64).map { Graph(size: 3, number: $0, isDirected: true) }
    package static let undirectedOfFive: [Graph] = (0..<1024).map { Graph(size: 5, number: $0, isDirected: false) }

    /// Everybody hears everybody.
    package init(complete size: Int) {
        self.size = size
        hearers = (0..<size).map { UInt8((1 << size) - 1) & ~(1 << UInt8($0)) }
    }

    /// The graph whose links are the bits of `number`.
    private init(size: Int, number: Int, isDirected: Bool) {
        self.size = size
        hearers = Array(repeating: 0, count: size)
        var rest = number
        for from in 0..<size {
            for to in (isDirected ? 0 : from + 1)..<size where to != from {
                if rest & 1 == 1 {
                    hearers[from] |= 1 << UInt8(to)
                    if !isDirected { hearers[to] |= 1 << UInt8(from) }
                }
                rest >>= 1
            }
        }
    }

    mutating func isolate(_ member: Int) {
        for other in 0..<size { hearers[other] &= ~(1 << UInt8(member)) }
        hearers[member] = 0
    }

    /// A different one for every graph, to draw different worlds from.
    var hash: UInt64 { stableHash(hearers) }

    package func hears(_ to: Int, from: Int) -> Bool { hearers[from] >> UInt8(to) & 1 == 1 }

    /// Those that `member` can talk with, in both directions.
    package func partners(of member: Int) -> [Int] {
        (0..<size).filter { hears($0, from: member) && hears(member, from: $0) }
    }

    /// Whether a leader must emerge: some member talks in both directions with a majority, itself included, in which
    /// nobody's log is ahead of its own, and is not one that never leads. A vote takes a question and an answer, and so does an acknowledgement; nothing
    /// that comes in one direction only helps a member to lead.
    package func isElectable(lagging: Set<Int>, neverLeading: Set<Int> = []) -> Bool {
        (0..<size).contains { member in
            guard !neverLeading.contains(member) else { return false }
            let voters = partners(of: member).filter { lagging.contains($0) || !lagging.contains(member) }
            return voters.count + 1 > size / 2
        }
    }

    /// Such as `n1>n2 n1=n3`: one direction, or both.
    package var words: String {
        var links: [String] = []
        for from in 0..<size {
            for to in 0..<size where hears(to, from: from) {
                let isMutual = hears(from, from: to)
                if !isMutual { links.append("n\(from + 1)>n\(to + 1)") }
                if isMutual && from < to { links.append("n\(from + 1)=n\(to + 1)") }
            }
        }
        return links.isEmpty ? "no links" : links.joined(separator: " ")
    }
}
