import Primitives
import Testing

@testable import Node

@Suite struct RepeatedWarningTests {
    @Test func isGivenAtOnceAndThenForAllThatCame() {
        var warning = RepeatedWarning()
        let (start, one, other) = (Instant(nanoseconds: 5), NodeID(1), NodeID(2))
        #expect(warning.count(of: one, at: start) == 1)
        for _ in 0..<7 { #expect(warning.count(of: one, at: start + .seconds(9)) == nil) }
        // Each member for itself.
        #expect(warning.count(of: other, at: start + .seconds(9)) == 1)
        #expect(warning.count(of: one, at: start + RepeatedWarning.pause) == 8)
        #expect(warning.count(of: one, at: start + RepeatedWarning.pause) == nil)
        #expect(warning.count(of: one, at: start + .seconds(100)) == 2)
        #expect(warning.count(of: one, at: start + .seconds(200)) == 1)
    }
}
