/// A field that makes the large struct it is in one that is looked at where it is. Another large struct is copied to the stack
/// for each call that only asks it something.
///
/// What has it is copied in earnest where the compiler does not see that nothing changes meanwhile, as in a closure that takes
/// `self` along or a question asked in the middle of a change: in a profile such a place is `outlined init with copy of`.
package struct KeptInPlace: Sendable {
    /// What may be anything is handed on by its address.
    private let nothing: (any Sendable)? = nil
    package init() {}
}
