/// What this is a release of.
package enum Release {
    /// As nodes report it, and `conclave --version` prints it.
    package static let version = "0.1.0"
}
