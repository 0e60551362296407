/// A local cluster did not do what was expected.
package struct ClusterFailure: Error, CustomStringConvertible {
    package var sentence: String
    /// The last lines of the log that may tell why; empty when there is none.
    package var log: String

    package init(_ sentence: String, log: String = "") {
        self.sentence = sentence
        self.log = log
    }

    package var description: String { log.isEmpty ? sentence : "\(sentence); its last words:\n\(log)" }
}
