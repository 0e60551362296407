import KeyValue
internal import Primitives

extension Call {
    /// The parameters of an event stream; `selections` are given when the path names the key.
    static func watch(
        _ headers: RequestHeaders, _ parameters: inout QueryParameters, selections: [KeySelection]? = nil
    ) throws(Problem) -> WatchCall {
        try Conditions.none(headers)
        let chosen = if let selections { selections } else { try watchSelections(&parameters) }
        let heartbeat = try heartbeat(&parameters)
        let after = try resumePoint(headers, try parameters.take("from"))
        return WatchCall(
            subject: .keys(chosen, after: after), showsPrevious: try parameters.takeFlag("prev"), heartbeat: heartbeat)
    }

    static func heartbeat(_ parameters: inout QueryParameters) throws(Problem) -> TimeSpan {
        guard let text = try parameters.take("heartbeat") else { return Limits.heartbeat }
        return try duration("heartbeat", text, from: Limits.minimumHeartbeat, to: Limits.maximumHeartbeat)
    }

    private static func watchSelections(_ parameters: inout QueryParameters) throws(Problem) -> [KeySelection] {
        var selections: [KeySelection] = []
        for bytes in try parameters.takeAll("key") { selections.append(.key(try key("key", bytes))) }
        for bytes in try parameters.takeAll("prefix") { selections.append(.prefix(try keyPart("prefix", bytes))) }
        guard !selections.isEmpty else {
            throw .badRequest("key and prefix are both missing; a watch needs one; prefix= watches everything")
        }
        guard selections.count <= Limits.watchSelections else {
            throw .badRequest(
                "key and prefix are there \(selections.count) times; at most \(Limits.watchSelections) are allowed")
        }
        return selections
    }

    /// A browser that reconnects repeats the address with its `from`, and adds how far it came, which is later.
    private static func resumePoint(_ headers: RequestHeaders, _ from: Bytes?) throws(Problem) -> Revision? {
        let asked = try from.map { (text) throws(Problem) in try revision("from", text) }
        guard let id = headers.lastEventID, !id.isEmpty else { return asked }
        return try revision("Last-Event-ID", Array(id.utf8))
    }
}
