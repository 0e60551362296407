import HistoryChecker
import Testing

/// Histories that break one rule each, as small as they get.
@Suite struct IllegalHistoryTests {
    /// One history, and the rule it breaks.
    struct Case: CustomTestStringConvertible {
        var name: String
        var rule: Rule
        var lines: String
        var testDescription: String { name }
    }

    @Test("An illegal history is rejected for its rule", arguments: cases)
    func isRejected(_ illegal: Case) throws {
        let verdict = try judge(illegal.lines)
        #expect(verdict.count(illegal.rule) > 0, "\(verdict.violations)")
    }

    @Test func thereAreAtLeastFiftyOfThemAndEveryRuleIsBrokenByOne() {
        #expect(Self.cases.count >= 50)
        #expect(Set(Self.cases.map(\.rule)) == Set(Rule.allCases))
    }

    @Test("A mended history is accepted", arguments: legal + legalOffices)
    func isAccepted(_ lines: String) throws {
        #expect(try judge(lines).violations == [])
    }

    private func judge(_ lines: String) throws -> Verdict {
        let indented = lines.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: "\n")
        return Judge.judge(try RecordedHistory(text: "history 1\n\(indented)\nend 90000000\n"))
    }

    static let legal = [
        "",
        """
        op a n1 10 20 put k v1 => created 2 2 1
        op b n2 30 40 get k => read 1 k=v1@2,2,1 at 2
        op a n1 50 60 put k v2 if=2 => replaced 3 2 2
        op b n2 70 80 put k v3 if=absent => refused k=v2@3,2,2 at 3
        op b n2 90 95 delete k => deleted 1 at 4
        op b n2 96 97 get k => read 0 at 4
        log put k=v1@2,2,1
        log put k=v2@3,2,2
        log delete k 4 deleted
        """,
        """
        op a n1 10 20 put k v1 => unknown
        op a n1 30 40 put k v2 => failed no-leader
        op b n1 50 60 get k => read 0 at 1
        op b n1 70 80 delete k => unknown
        log put k=v1@2,2,1
        log delete k 3 deleted
        """,
        """
        op a n1 0 1000 grant 7 500 => granted lease=7 ttl=500 valid=495 at 1
        op a n1 2000 3000 put k v1 lease=7 => created 2 2 1
        op a n1 100000 101000 renew 7 => renewed 495 at 2
        op b n2 700000 701000 get k => read 0 at 3
        op a n1 702000 703000 renew 7 => renewed gone at 3
        log put k=v1@2,2,1,7
        log delete k 3 expired
        """,
        """
        op a n1 0 1000 txn if k revision == 0 then put k v1 0 then put l v2 0 else get k => then created 2 2 1 created 2 2 1 at 2
        op a n1 2000 3000 txn if k revision == 0 then put k v3 0 else get k else list k => else read 1 k=v1@2,2,1 read 1 k=v1@2,2,1 at 2
        select w prefix ~
        watch w 10 opened 1
        watch w 1500 put k=v1@2,2,1
        watch w 1600 broken
        watch w 1700 put l=v2@2,2,1
        watch w 1800 progress 2
        watch w 1900 closed 2
        log put k=v1@2,2,1
        log put l=v2@2,2,1
        """,
        """
        op a n1 0 10 id=a/1 put k v1 => unknown
        op a n2 11 20 id=a/1 put k v1 => created 2 2 1
        op a n3 21 30 id=a/1 put k v1 => created 2 2 1
        op a n3 31 40 get k stale => read 0 at 1
        op a n2 31 40 get k stale => read 1 k=v1@2,2,1 at 2
        op a n2 41 50 list k limit=1 at=1 => read 0 at 2
        op b n2 2 15 wait k 1 200 => read 1 k=v1@2,2,1 at 2
        op b n2 41 60 wait k 2 10 => failed unchanged
        log put k=v1@2,2,1
        """,
        """
        op a n1 0 5 txn all k version == 0 then put k1 v1 0 then put k2 v2 0 => then created 2 2 1 created 2 2 1 at 2
        op a n1 10 20 txn all k version == 1 if k1 lease == 0 then txn ( if k1 value == v1 then keep k1 lease=0 else get k1 ) then list k limit=1 keys => then ( then replaced 3 2 2 at 3 ) read 2 more k1=~@3,2,2 at 3
        op a n1 30 40 txn then keep k2 value=v3 then keep k3 value=v4 => failed key-not-found
        op a n1 50 60 id=a/1 txn if k1 lease > 0 else txn ( else get k1 then keep k2 value=v5 ) => else ( then replaced 4 2 2 at 4 ) at 4
        op a n2 61 70 id=a/1 txn if k1 lease > 0 else txn ( else get k1 then keep k2 value=v5 ) => else ( then replaced 4 2 2 at 4 ) at 4
        log put k1=v1@2,2,1
        log put k2=v2@2,2,1
        log put k1=v1@3,2,2
        log put k2=v5@4,2,2
        """,
        """
        op a n1 0 5 put k v1 => unknown
        op b n1 10 20 txn then keep k lease=0 then put l v2 0 => then replaced 3 2 2 created 3 3 1 at 3
        op b n1 30 40 get l => read 1 l=v2@3,3,1 at 3
        log put k=v1@2,2,1
        log put k=v1@3,2,2
        log put l=v2@3,3,1
        """,
        """
        op a n1 0 1000 grant 7 500 => granted lease=7 ttl=500 valid=500 at 1
        op a n1 2000 3000 revoke 7 => revoked 0 at 1
        op a n1 4000 5000 grant 7 500 => granted lease=7 ttl=500 valid=500 at 1
        op a n1 6000 7000 renew 7 => renewed 500 at 1
        """,
    ]

    static let cases = writes + reads + watches + leases + offices

    private static let write = "op a n1 10 20 put k v1 => created 2 2 1\n"
    private static let two = write + "op a n1 30 40 put k v2 => replaced 3 2 2\n"
    private static let log = "log put k=v1@2,2,1\n"
    private static let twoLog = log + "log put k=v2@3,2,2\n"

    private static let writes = [
        Case(name: "an acknowledged write that is not there", rule: .lost, lines: write),
        Case(name: "an acknowledged write replaced by another", rule: .lost, lines: write + "log put k=v2@2,2,1"),
        Case(
            name: "an acknowledged write at another revision", rule: .lost,
            lines: "op a n1 10 20 put k v1 => created 3 3 1\n" + log),
        Case(name: "an acknowledged write of another key", rule: .lost, lines: write + "log put l=v1@2,2,1"),
        Case(
            name: "an acknowledged deletion that is not there", rule: .lost,
            lines: write + "op a n1 30 40 delete k => deleted 1 at 3\n" + log),
        Case(
            name: "a history that ends before what was read", rule: .lost,
            lines: write + log + "op b n1 30 40 get k => read 1 k=v2@3,2,2 at 3"),
        Case(
            name: "half of a transaction", rule: .lost,
            lines: "op a n1 1 2 txn then put k v1 0 then put l v2 0 => then created 2 2 1 created 2 2 1 at 2\n" + log),
        Case(
            name: "a transaction without a lease that it asked for", rule: .lost,
            lines: "op a n1 1 2 txn then put k v1 9 => then created 2 2 1 at 2\n" + log),
        Case(
            name: "a transaction inside that takes the wrong branch", rule: .lost,
            lines: two + twoLog
                + "op b n1 50 60 txn then txn ( if k version == 1 then get k ) => then ( then read 1 k=v2@3,2,2 at 3 ) at 3"
        ),
        Case(
            name: "a comparison that does not hold for all keys with a prefix", rule: .lost,
            lines: "op a n1 1 2 txn then put k1 v1 0 then put k2 v2 0 => then created 2 2 1 created 2 2 1 at 2\n"
                + "op b n1 3 4 txn all k value == v1 then get k1 => then read 1 k1=v1@2,2,1 at 2\n"
                + "log put k1=v1@2,2,1\nlog put k2=v2@2,2,1"),
        Case(
            name: "a kept value that is another", rule: .lost,
            lines: write + log + "op a n1 30 40 txn then keep k lease=0 => then replaced 3 2 2 at 3\nlog put k=v9@3,2,2"
        ),
        Case(
            name: "a value that is kept and was never asked to be", rule: .twice,
            lines: write + log + "op a n1 30 40 txn then get k => unknown\nlog put k=v1@3,2,2"),
        Case(name: "a value nobody wrote", rule: .invented, lines: log),
        Case(name: "a deletion nobody asked for", rule: .invented, lines: write + log + "log delete k 3 deleted"),
        Case(
            name: "one unknown deletion for two", rule: .invented,
            lines: two + "op b n1 50 60 delete k => unknown\nop b n1 70 80 delete l => unknown\n" + twoLog
                + "log delete k 4 deleted\nlog put k=v3@5,5,1\nop c n1 90 95 put k v3 => created 5 5 1\n"
                + "log delete k 6 deleted"),
        Case(name: "an expiry without a lease", rule: .invented, lines: write + log + "log delete k 3 expired"),
        Case(
            name: "a revocation nobody asked for", rule: .invented,
            lines: "op a n1 1 2 put k v1 ttl=900 => created 2 2 1 lease=7 ttl=900 valid=890\n"
                + "log put k=v1@2,2,1,7\nlog delete k 3 revoked"),
        Case(
            name: "a refused write that is there", rule: .refused,
            lines: "op a n1 10 20 put k v1 => failed no-leader\n" + log),
        Case(
            name: "a write refused by its condition that is there", rule: .refused,
            lines: write + "op b n1 30 40 put k v2 if=absent => refused k=v1@2,2,1 at 2\n" + twoLog),
        Case(
            name: "a write that is there twice", rule: .twice,
            lines: "op a n1 10 20 id=a/1 put k v1 => created 2 2 1\n" + log + "log put k=v1@3,2,2"),
        Case(
            name: "an unknown write that is there twice", rule: .twice,
            lines: "op a n1 10 20 id=a/1 put k v1 => unknown\n" + log + "log put k=v1@3,2,2"),
        Case(
            name: "two deletions of one revision", rule: .twice,
            lines: write + "op a n1 30 40 delete k => deleted 1 at 3\nop b n2 30 40 delete k => deleted 1 at 3\n"
                + log + "log delete k 3 deleted"),
        Case(
            name: "a repetition that is answered otherwise", rule: .twice,
            lines: "op a n1 10 20 id=a/1 put k v1 => created 2 2 1\nop a n2 30 40 id=a/1 put k v1 => replaced 3 2 2\n"
                + log),
        Case(
            name: "a repetition refused after it was carried out", rule: .twice,
            lines: "op a n1 10 20 id=a/1 put k v1 if=absent => created 2 2 1\n"
                + "op a n2 30 40 id=a/1 put k v1 if=absent => refused k=v1@2,2,1 at 2\n" + log),
        Case(
            name: "a write with the version of another", rule: .answer,
            lines: "op a n1 10 20 put k v1 => created 2 2 2\n" + log),
        Case(
            name: "a replaced key that was told to be new", rule: .answer,
            lines: write + "op a n1 30 40 put k v2 => created 3 2 2\n" + twoLog),
        Case(
            name: "too many deleted", rule: .answer,
            lines: write + "op a n1 30 40 clear k => deleted 2 at 3\n" + log + "log delete k 3 deleted"),
        Case(
            name: "a condition that held and was refused", rule: .answer,
            lines: write + "op b n1 30 40 put k v2 if=2 => refused k=v1@2,2,1 at 2\n" + log),
        Case(
            name: "a refusal that shows a key as it never was", rule: .answer,
            lines: two + "op b n1 50 60 put k v3 if=absent => refused k=v1@2,2,1 at 3\n" + twoLog),
        Case(
            name: "a condition that did not hold and was carried out", rule: .lost,
            lines: two + "op b n1 50 60 put k v3 if=2 => replaced 4 2 3\n" + twoLog + "log put k=v3@4,2,3"),
        Case(
            name: "a transaction that took the wrong branch", rule: .lost,
            lines: write
                + "op b n1 30 40 txn if k version == 1 then put k v2 0 else put k v3 0 => else replaced 3 2 2 at 3\n"
                + log + "log put k=v3@3,2,2"),
        Case(
            name: "a transaction that read before its own write", rule: .answer,
            lines: write
                + "op b n1 30 40 txn then put k v2 0 then get k => then replaced 3 2 2 read 1 k=v1@2,2,1 at 3\n"
                + twoLog),
        Case(
            name: "a write known before it was asked for", rule: .early,
            lines: "op b n1 10 20 get k => read 1 k=v1@2,2,1 at 2\nop a n1 30 40 put k v1 => created 2 2 1\n" + log),
        Case(
            name: "writes ordered against real time", rule: .early,
            lines: "op a n1 10 20 put k v1 => created 3 3 1\nop a n1 30 40 put l v2 => created 2 2 1\n"
                + "log put l=v2@2,2,1\nlog put k=v1@3,3,1"),
        Case(
            name: "an unknown write ordered before its request", rule: .early,
            lines: "op b n1 10 20 get k => read 1 k=v1@2,2,1 at 2\nop a n1 30 40 put k v1 => unknown\n" + log),
        Case(name: "a gap in the history", rule: .log, lines: two + log + "log put k=v2@4,2,2"),
        Case(name: "a history that goes back", rule: .log, lines: two + twoLog + "log put k=v2@2,2,2"),
        Case(name: "a version that does not follow", rule: .log, lines: two + log + "log put k=v2@3,2,7"),
        Case(name: "a key deleted that is not there", rule: .log, lines: "log delete k 2 deleted"),
    ]

    private static let reads = [
        Case(
            name: "a read of an older value", rule: .answer,
            lines: two + "op b n1 50 60 get k => read 1 k=v1@2,2,1 at 3\n" + twoLog),
        Case(
            name: "a read that missed a key", rule: .answer, lines: write + log + "op b n1 50 60 get k => read 0 at 2"),
        Case(
            name: "a wait that ends with what was there already", rule: .answer,
            lines: write + log + "op b n1 50 60 wait k 2 100 => read 1 k=v1@2,2,1 at 2"),
        Case(
            name: "a wait that ends with an older value", rule: .answer,
            lines: two + "op b n1 50 60 wait k 1 100 => read 1 k=v1@2,2,1 at 3\n" + twoLog),
        Case(
            name: "a read of a deleted key", rule: .answer,
            lines: write + "op a n1 30 40 delete k => deleted 1 at 3\nop b n1 50 60 get k => read 1 k=v1@2,2,1 at 3\n"
                + log + "log delete k 3 deleted"),
        Case(
            name: "a stale linearizable read", rule: .stale,
            lines: two + "op b n1 50 60 get k => read 1 k=v1@2,2,1 at 2\n" + twoLog),
        Case(
            name: "a read older than what another client had seen", rule: .stale,
            lines: "op a n1 10 90 put k v1 => created 2 2 1\nop b n1 20 30 get k => read 1 k=v1@2,2,1 at 2\n"
                + "op c n2 40 50 get k => read 0 at 1\n" + log),
        Case(
            name: "a read older than what a watch had told", rule: .stale,
            lines: "op a n1 10 90 put k v1 => created 2 2 1\nselect w key k\nwatch w 5 opened 1\n"
                + "watch w 20 put k=v1@2,2,1\nop c n2 40 50 get k => read 0 at 1\n" + log),
        Case(
            name: "a deletion of nothing, decided on an old state", rule: .stale,
            lines: write + "op b n1 30 40 delete k => deleted 0 at 1\n" + log),
        Case(
            name: "a stale read that is wrong for its revision", rule: .answer,
            lines: two + "op b n1 50 60 get k stale => read 1 k=v2@3,2,2 at 2\n" + twoLog),
        Case(
            name: "a node whose memory went back", rule: .backwards,
            lines: two + "op b n1 50 60 get k stale => read 1 k=v2@3,2,2 at 3\n"
                + "op c n1 70 80 get k stale => read 1 k=v1@2,2,1 at 2\n" + twoLog),
        Case(
            name: "a past revision read wrongly", rule: .answer,
            lines: two + "op b n1 50 60 get k at=2 => read 1 k=v2@3,2,2 at 3\n" + twoLog),
        Case(
            name: "a list with a key missing", rule: .answer,
            lines: write + "op a n1 30 40 put l v2 => created 3 3 1\nop b n1 50 60 list ~ => read 1 k=v1@2,2,1 at 3\n"
                + log + "log put l=v2@3,3,1"),
        Case(
            name: "a list that counts wrongly", rule: .answer,
            lines: write + log + "op b n1 50 60 list ~ limit=5 => read 2 more k=v1@2,2,1 at 2"),
        Case(
            name: "a list out of order", rule: .answer,
            lines: write + "op a n1 30 40 put l v2 => created 3 3 1\n"
                + "op b n1 50 60 list ~ => read 2 l=v2@3,3,1 k=v1@2,2,1 at 3\n" + log + "log put l=v2@3,3,1"),
        Case(
            name: "reads that agree with no order, whatever the revisions say", rule: .search,
            lines: two + "op b n1 50 60 get k => read 1 k=v2@3,2,2 at 3\n"
                + "op b n1 70 80 get k => read 1 k=v1@2,2,1 at 2\n" + twoLog),
    ]

    private static let watched = two + twoLog + "select w prefix ~\nwatch w 5 opened 1\n"
    private static let pair =
        "op a n1 1 2 txn then put k v1 0 then put l v2 0 => then created 2 2 1 created 2 2 1 at 2\n"
        + "op a n1 3 4 put k v3 => replaced 3 2 2\nlog put k=v1@2,2,1\nlog put l=v2@2,2,1\nlog put k=v3@3,2,2\n"
        + "select w prefix ~\nwatch w 0 opened 1\n"

    private static let watches = [
        Case(
            name: "a watch that goes back", rule: .ordered,
            lines: watched + "watch w 41 put k=v2@3,2,2\nwatch w 42 put k=v1@2,2,1"),
        Case(
            name: "a watch that repeats itself", rule: .unique,
            lines: watched + "watch w 41 put k=v1@2,2,1\nwatch w 42 put k=v1@2,2,1"),
        Case(name: "a watch that skips", rule: .reliable, lines: watched + "watch w 42 put k=v2@3,2,2"),
        Case(
            name: "a watch that stops too early", rule: .reliable,
            lines: watched + "watch w 41 put k=v1@2,2,1\nwatch w 99 closed 3"),
        Case(name: "a watch that tells what never was", rule: .invented, lines: watched + "watch w 41 put k=v9@2,2,1"),
        Case(
            name: "a watch that skips when it goes on", rule: .resumable,
            lines: watched + "watch w 41 broken\nwatch w 42 put k=v2@3,2,2"),
        Case(
            name: "a watch that repeats when it goes on", rule: .resumable,
            lines: watched + "watch w 41 put k=v1@2,2,1\nwatch w 41 broken\nwatch w 42 put k=v1@2,2,1"),
        Case(
            name: "a watch that announces ahead", rule: .bookmarkable,
            lines: watched + "watch w 41 put k=v1@2,2,1\nwatch w 42 progress 3"),
        Case(
            name: "a watch that tells half a revision and goes on", rule: .atomic,
            lines: pair + "watch w 5 put k=v1@2,2,1\nwatch w 6 put k=v3@3,2,2"),
        Case(
            name: "a watch that tells half a revision and announces", rule: .atomic,
            lines: pair + "watch w 5 put k=v1@2,2,1\nwatch w 6 progress 2"),
        Case(
            name: "a watch that begins with another state", rule: .answer,
            lines: two + twoLog + "select w key k\nwatch w 50 state 3 k=v1@2,2,1"),
        Case(
            name: "a watch that names another predecessor", rule: .answer,
            lines: watched + "watch w 41 put k=v1@2,2,1\nwatch w 42 put k=v2@3,2,2 was k=v0@1,1,1"),
    ]

    private static let held =
        "op a n1 0 1000 put k v1 ttl=500 => created 2 2 1 lease=7 ttl=500 valid=495\nlog put k=v1@2,2,1,7\n"

    private static let leases = [
        Case(
            name: "a lease that ended early", rule: .leaseEarly,
            lines: held + "op b n2 300000 301000 get k => read 0 at 3\nlog delete k 3 expired"),
        Case(
            name: "a lease that ended in spite of a renewal", rule: .leaseEarly,
            lines: held + "op a n1 400000 401000 renew 7 => renewed 495 at 2\n"
                + "op b n2 700000 701000 get k => read 0 at 3\nlog delete k 3 expired"),
        Case(
            name: "a holder told too early that its lease is gone", rule: .leaseEarly,
            lines: held + "op a n1 400000 401000 renew 7 => renewed gone at 2"),
        Case(
            name: "an expiry that a watch told early", rule: .leaseEarly,
            lines: held + "select w key k\nwatch w 0 opened 2\nwatch w 400000 delete k 3 expired\n"
                + "log delete k 3 expired"),
        Case(
            name: "a lease that ended before it was promised with a further key", rule: .leaseEarly,
            lines: held + "op a n1 400000 401000 put l v2 lease=7 => created 3 3 1 lease=7 ttl=500 valid=400\n"
                + "log put l=v2@3,3,1,7\nop b n2 700000 701000 get k => read 0 at 4\nlog delete k 4 expired\n"
                + "log delete l 4 expired"),
        Case(
            name: "a lease renewed after its end", rule: .leaseRaised,
            lines: held + "op b n2 700000 701000 get k => read 0 at 3\nlog delete k 3 expired\n"
                + "op a n1 800000 801000 renew 7 => renewed 495 at 3"),
        Case(name: "a lease that never ended", rule: .leaseKept, lines: held),
        Case(
            name: "a lease that left a key behind", rule: .leaseKept,
            lines: held + "op a n1 2000 3000 put l v2 lease=7 => created 3 3 1\nlog put l=v2@3,3,1,7\n"
                + "op b n2 700000 701000 get k => read 0 at 4\nlog delete k 4 expired"),
        Case(
            name: "a lease with another key than its own", rule: .answer,
            lines: held + "op a n1 2000 3000 lease 7 => lease 1 l at 2"),
    ]
}
