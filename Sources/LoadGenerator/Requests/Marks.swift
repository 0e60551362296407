package import NIOCore

/// Counts how often a mark occurs in a stream whose pieces may cut it anywhere.
package struct MarkCounter: Sendable {
    private let mark: [UInt8]
    /// The end of what was heard, shorter than the mark.
    private var tail: [UInt8] = []
    package private(set) var count = 0

    package init(_ mark: [UInt8]) {
        precondition(!mark.isEmpty, "an empty mark is everywhere")
        self.mark = mark
    }

    package mutating func hear(_ piece: ByteBuffer) {
        var text = ByteBuffer(bytes: tail)
        text.writeImmutableBuffer(piece)
        while let offset = text.firstOffset(of: mark) {
            count += 1
            text.moveReaderIndex(forwardBy: offset + mark.count)
        }
        tail = Array(text.readableBytesView.suffix(mark.count - 1))
    }
}
