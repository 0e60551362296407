import FoundationEssentials

/// The address of one node's client port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// Scheme, host and port, without a slash at the end.
    public let url: String

    /// Reads `http://host:port`, `https://host:port` or `host:port`; `nil` when it is none of these.
    public init?(_ text: some StringProtocol) {
        var written = text.trimmingCharacters(in: .whitespaces)
        if !written.contains("://") { written = "http://" + written }
        while written.hasSuffix("/") { written.removeLast() }
        guard let url = URL(string: written), let scheme = url.scheme, ["http", "https"].contains(scheme),
            let host = url.host(), !host.isEmpty, url.path().isEmpty, url.query() == nil, url.fragment() == nil
        else { return nil }
        self.url = written
    }

    /// Reads a list separated by commas.
    ///
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/badRequest`` that names the part that is not an address.
    public static func list(_ text: String) throws -> [Endpoint] {
        try text.split(separator: ",").map { part in
            guard let endpoint = Endpoint(part) else {
                throw ConclaveError(
                    .badRequest, "\"\(part)\" is not an endpoint; write http://host:port, several separated by commas")
            }
            return endpoint
        }
    }

    /// As written in ``url``.
    public var description: String { url }
}

/// Which endpoint the next request goes to: the last one that answered, until it fails.
struct EndpointRotation: Sendable {
    let endpoints: [Endpoint]
    /// A valid index of ``endpoints``.
    private(set) var preferred = 0

    init(_ endpoints: [Endpoint]) {
        precondition(!endpoints.isEmpty, "a client needs at least one endpoint")
        self.endpoints = endpoints
    }

    func next(after index: Int) -> Int { (index + 1) % endpoints.count }

    mutating func answered(_ index: Int) { preferred = index }

    /// Moves on only when `index` is still the preferred one, so that many failing requests move it once.
    mutating func failed(_ index: Int) {
        if preferred == index { preferred = next(after: index) }
    }
}
