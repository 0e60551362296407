internal import HistoryChecker
import NIOHTTP1

/// The path, method, parameters and headers of a request about elections and locks (`Docs/API.md`).
struct OfficeRequest {
    var method = HTTPMethod.GET
    var path: String
    var query: [String] = []
    var headers: [(name: String, value: String)] = []
    var body = ""

    init(_ campaign: Campaign) {
        method = .PUT
        path = Self.path(campaign.office, campaign.id)
        body = campaign.value
        if campaign.ttl > 0 { query.append("ttl=\(campaign.ttl)ms") }
        if campaign.lease > 0 { query.append("lease=\(leaseName(campaign.lease))") }
        if campaign.priority != 0 { query.append("priority=\(campaign.priority)") }
        if campaign.wait > 0 { query.append("wait=\(campaign.wait)ms") }
        if let after = campaign.after { query.append("after=\(after)") }
        switch campaign.mode {
        case .any: break
        case .renewing: headers.append(("If-Match", "*"))
        case .beginning: headers.append(("If-None-Match", "*"))
        }
    }

    init(_ resignation: Resignation) {
        method = .DELETE
        path = Self.path(resignation.office, resignation.id)
        if resignation.lease > 0 { query.append("lease=\(leaseName(resignation.lease))") }
        if let fence = resignation.fence { headers.append(("If-Match", "\"\(fence)\"")) }
    }

    init(_ question: OfficeQuery) {
        switch question {
        case .standing(let office, let point):
            path = "/v1/\(office.word)"
            if point == .stale { query = ["consistency=stale"] }
        case .change(let office, let after, let span):
            path = "/v1/\(office.word)"
            query = ["after=\(after)", "wait=\(span)ms"]
        case .list(let kind, let prefix, let limit):
            path = "/v1/\(kind.rawValue)"
            query = ["prefix=\(prefix)", "limit=\(limit)"]
        case .past(let office, let limit):
            path = "/v1/\(office.word)/history"
            query = ["limit=\(limit)"]
        }
    }

    private static func path(_ office: Office, _ id: String) -> String {
        "/v1/\(office.word)/\(office.kind == .locks ? "holders" : "candidates")/\(id)"
    }
}

extension Office.Guard {
    /// The value of `If-Fence`.
    var header: String { (office.kind == .locks ? "locks/" : "") + "\(office.name)=\(fence)" }
}
