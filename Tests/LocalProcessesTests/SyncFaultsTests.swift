import Foundation
import LocalProcesses
import Testing

@Suite struct SyncFaultsTests {
    @Test func anOrderStandsUntilItIsTakenBackAndShowsWhetherItWasMet() throws {
        let folder = try Folder.temporary()
        defer { Folder.remove(folder) }
        let (tormentor, member) = (
            SyncFaults(of: folder.appending(path: "n1").path), SyncFaults(of: folder.appending(path: "n1").path)
        )
        #expect(member.ordered == nil && !tormentor.isMet)
        for kind in SyncFaults.Kind.allCases {
            try tormentor.order(kind)
            #expect(member.ordered == kind && !tormentor.isMet)
            member.meet()
            #expect(tormentor.isMet)
        }
        try tormentor.order(nil)
        #expect(member.ordered == nil && !tormentor.isMet)
    }
}
