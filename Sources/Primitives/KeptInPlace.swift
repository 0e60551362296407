/// A field that makes the large struct it is in one that is looked at where it is. Another large struct is copied to the stack
/// for each call of another module that only asks it something.
package struct KeptInPlace: Sendable {
    /// What may be anything is handed on by its address.
    private let nothing: (any Sendable)? = nil
    package init() {}
}
