/// A value behind one reference, so that it is looked at, and moved about, without counting everything it holds. Copied when
/// it is changed while another copy of the box is there.
struct Boxed<Value: Sendable>: Sendable {
    /// Always one: an array is the box that is a value by itself.
    private var content: [Value]

    init(_ value: Value) { content = [value] }

    var value: Value {
        _read { yield content[0] }
        _modify { yield &content[0] }
    }
}
