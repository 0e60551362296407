import Foundation
import Testing

@testable import HTTPAPI

@Suite("The written contract")
struct ContractTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let contract = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)

    @Test func isTheSameInTheDocumentsAndInTheNode() throws {
        let document = try Data(contentsOf: Self.root.appending(path: "Docs/openapi.yaml"))
        #expect(Array(document) == PackageResources.openapi_yaml)
    }

    @Test func namesEveryRoute() {
        let routes = Route.allCases.filter { $0 != .guest }
        for route in routes {
            #expect(Self.contract.contains("operationId: \(route.label)\n"), "\(route.label)")
        }
        #expect(Self.contract.ranges(of: "operationId: ").count == routes.count)
    }

    @Test func namesEveryError() throws {
        let page = String(
            decoding: try Data(contentsOf: Self.root.appending(path: "Docs/API.md")), as: UTF8.self)
        for code in Problem.Code.allCases {
            #expect(Self.contract.contains("- urn:conclave:error:\(code.name)\n"))
            #expect(page.contains("`\(code.name)`"))
        }
    }

    @Test func aDashboardNeedsNothingFromElsewhere() {
        let page = String(decoding: PackageResources.dashboard_html, as: UTF8.self)
        #expect(!page.contains("http://") && !page.contains("https://"))
        #expect(!page.contains("innerHTML"))
    }
}
