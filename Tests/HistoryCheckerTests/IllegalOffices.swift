import HistoryChecker

/// Histories of elections, locks and lines that break one rule each.
extension IllegalHistoryTests {
    private static let a = "a=v@5,7"
    private static let b = "b=v@9,8"
    /// Somebody leads election `e` with fence 5.
    private static let led =
        "op a n1 0 1000 campaign elections/e a v lease=7 ttl=500 => leading new 5 \(a) lease=7 ttl=500 valid=495 at 1\n"
        + "seat elections/e 5 \(a)\n"
    private static let rival =
        "op b n2 2000 3000 campaign elections/e b v lease=8 ttl=500 => waiting 1 new 5 \(a) lease=8 ttl=500 valid=495 at 1\n"
    /// Then another with fence 9, because the first gave up.
    private static let followed =
        led + rival + "op a n1 5000 6000 resign elections/e a lease=7 => resigned leading 9 \(b) at 1\n"
        + "seat elections/e 9 \(b) was a 5 resigned\n"
    private static let listened = followed + "select w office elections/e\nwatch w 5 opened 0\n"
    private static let first = "watch w 7000 office elections/e 5 \(a)\n"
    private static let second = "watch w 7001 office elections/e 9 \(b) was a 5 resigned\n"

    static let legalOffices = [
        led, followed, listened + first + "watch w 7000 broken\n" + second + "watch w 7002 closed 9",
        followed + "op c n1 7000 7100 under elections/e 9 put k v1 => created 2 2 1\nlog put k=v1@2,2,1\n"
            + "op c n1 7200 7300 under elections/e 5 put k v2 => fenced 9 at 2\n"
            + "op c n1 7400 7500 resign elections/e b lease=1 => denied conflict 9 \(b) at 2\n"
            + "op c n1 7600 7700 past elections/e 9 => past 2 \(b) standing \(a) resigned at 2\n"
            + "op c n1 7800 7900 offices elections ~ 9 => offices 1 e 9 \(b) at 2",
        // Who repeats a campaign hears how it stands by then.
        led + rival
            + "op b n3 4000 5000 id=b/1 campaign elections/e c v lease=9 ttl=500 => "
            + "waiting 2 new 5 \(a) lease=9 ttl=500 valid=495 at 1\n"
            + "op b n3 6000 7000 id=b/1 campaign elections/e c v lease=9 ttl=500 => "
            + "waiting 1 new 5 \(a) lease=9 ttl=500 valid=480 at 1",
        // Who repeats a refused request is told what it was told.
        led + rival + "op c n1 3000 4000 id=c/1 resign elections/e a lease=3 => denied conflict 5 \(a) at 1\n"
            + "op a n1 5000 6000 resign elections/e a lease=7 => resigned leading 9 \(b) at 1\n"
            + "op c n1 7000 8000 id=c/1 resign elections/e a lease=3 => denied conflict 5 \(a) at 1\n"
            + "seat elections/e 9 \(b) was a 5 resigned",
        // Nobody leads once the only candidate's lease ran out.
        led + "seat elections/e 9 - was a 5 expired\nop b n1 700000 701000 office elections/e => standing 9 - 0 at 1",
        // A line of etcd's keys: the second is at the front once the first's lease was revoked.
        "op a n1 0 10 grant 7 2000 => granted lease=7 ttl=2000 valid=2000 at 1\n"
            + "op b n1 0 10 grant 8 2000 => granted lease=8 ttl=2000 valid=2000 at 1\n"
            + "op a n1 20 30 enter e 7 v1 => seated e/7 2 at 2\n" + "op a n1 40 50 proclaim e 7 2 v2 => done at 3\n"
            + "op b n2 35 90 lock e 8 => seated e/8 0 at 5\n" + "op a n1 60 70 revoke 7 => done at 5\n"
            + "op c n1 100 110 front e => read 1 e/8=~@4,4,1,8 at 5\nop b n2 120 130 unlock e 8 => done at 6\n"
            + "log put e/7=v1@2,2,1,7\nlog put e/7=v2@3,2,2,7\nlog put e/8=~@4,4,1,8\nlog delete e/7 5 revoked\n"
            + "log delete e/8 6 deleted",
        // Who frees what it gave up already is told of the revision that did that.
        "op a n1 0 10 grant 7 2000 => granted lease=7 ttl=2000 valid=2000 at 1\n"
            + "op a n1 20 30 enter e 7 v1 => seated e/7 2 at 2\n" + "op a n1 40 50 step-down e 7 2 => done at 3\n"
            + "op a n1 60 70 unlock e 7 => done at 3\nlog put e/7=v1@2,2,1,7\nlog delete e/7 3 deleted",
        // A place of unknown outcome, which its node gave up.
        "op a n1 20 30 lock e 7 => unknown\nlog put e/7=~@2,2,1,7\nlog delete e/7 3 deleted",
        "op a n1 20 30 put k v1 => wrote at 2\nop a n1 40 50 put k v2 => wrote k=v1@2,2,1 at 3\n"
            + "op a n1 60 70 txn if k lease == 0 then put k v3 0 then get k => then wrote read 1 k=v3@4,2,3 at 4\n"
            + "op a n1 80 90 compact 2 => done at 4\n"
            + "op a n1 91 92 leases limit=2 => leases at 4\nlog put k=v1@2,2,1\nlog put k=v2@3,2,2\nlog put k=v3@4,2,3",
    ]

    static let offices = [
        Case(
            name: "a fence that goes back", rule: .fence,
            lines: led + rival + "op a n1 5000 6000 resign elections/e a lease=7 => resigned leading 4 b=v@4,8 at 1\n"
                + "seat elections/e 4 b=v@4,8 was a 5 resigned"),
        Case(
            name: "a fence that comes twice", rule: .fence,
            lines: followed + "seat elections/e 9 c=v@9,1 was b 9 resigned"),
        Case(
            name: "a fence that was never given", rule: .fence,
            lines: followed + "op c n1 7000 8000 office elections/e => standing 7 c=v@7,1 0 at 1"),
        Case(
            name: "two leaders with one fence", rule: .leaders,
            lines: led + "op b n2 2000 3000 office elections/e => standing 5 b=v@5,8 0 at 1"),
        Case(
            name: "a leader who is another to the one it told", rule: .leaders,
            lines: led + "op b n2 2000 3000 office elections/e => standing 5 a=v@5,9 0 at 1"),
        Case(name: "a leader beside another", rule: .leaders, lines: led + rival + "seat elections/e 9 \(b)"),
        Case(
            name: "a leader that another was said to be before", rule: .leaders,
            lines: led + rival + "seat elections/e 9 \(b) was c 4 expired"),
        Case(
            name: "a leader that the service's history does not have", rule: .lost,
            lines: led + rival + "op b n2 600000 601000 office elections/e => standing 9 \(b) 0 at 1"),
        Case(
            name: "a resignation that ended nothing", rule: .lost,
            lines: led + "op a n1 5000 6000 resign elections/e a lease=7 => resigned leading 5 \(a) at 1"),
        Case(
            name: "a leader who never campaigned", rule: .invented,
            lines: led + "op a n1 5000 6000 resign elections/e a lease=7 => resigned leading 9 \(b) at 1\n"
                + "seat elections/e 9 \(b) was a 5 resigned"),
        Case(
            name: "an old leader told after the new one", rule: .stale,
            lines: followed + "op c n1 7000 8000 office elections/e => standing 5 \(a) 0 at 1"),
        Case(
            name: "another leader before the first one's time is over", rule: .deposed,
            lines: led + rival + "seat elections/e 9 \(b) was a 5 expired\n"
                + "op b n2 400000 401000 office elections/e => standing 9 \(b) 0 at 1"),
        Case(
            name: "a leadership that a watch saw end early", rule: .deposed,
            lines: led + rival + "seat elections/e 9 \(b) was a 5 expired\nselect w office elections/e\n"
                + "watch w 0 opened 5\nwatch w 400000 office elections/e 9 \(b) was a 5 expired"),
        Case(
            name: "a leadership that ended early in spite of a renewal", rule: .deposed,
            lines: led + "op a n1 300000 301000 campaign elections/e a v lease=7 ttl=500 mode=renewing => "
                + "leading 5 \(a) lease=7 ttl=500 valid=495 at 1\n" + rival
                + "seat elections/e 9 \(b) was a 5 expired\n"
                + "op b n2 700000 701000 office elections/e => standing 9 \(b) 0 at 1"),
        Case(
            name: "a write under a leadership that was over", rule: .fenced,
            lines: followed + "op a n1 7000 8000 under elections/e 5 put k v1 => created 2 2 1\nlog put k=v1@2,2,1"),
        Case(
            name: "a write under a leadership that was over at its revision", rule: .fenced,
            lines: followed + "op a n1 5000 8000 under elections/e 5 put k v1 => created 3 3 1\nlog put l=v2@2,2,1\n"
                + "log put k=v1@3,3,1\nop c n1 5100 5200 put l v2 => created 2 2 1\n"
                + "op c n1 5300 9000 office elections/e => standing 9 \(b) 0 at 2"),
        Case(
            name: "a write of unknown outcome under a leadership that was over", rule: .fenced,
            lines: followed + "op a n1 7000 8000 under elections/e 5 put k v1 => unknown\nlog put k=v1@2,2,1"),
        Case(
            name: "a lease under a leadership that was over", rule: .fenced,
            lines: followed
                + "op a n1 7000 8000 under elections/e 5 grant 9 500 => granted lease=9 ttl=500 valid=495 at 1"),
        Case(
            name: "a write that was fenced and carried out", rule: .refused,
            lines: followed + "op a n1 7000 8000 under elections/e 5 put k v1 => fenced 9 at 1\nlog put k=v1@2,2,1"),
        Case(
            name: "a write refused under a leadership that stands", rule: .answer,
            lines: led + "op a n1 2000 3000 under elections/e 5 put k v1 => fenced 5 at 1"),
        Case(
            name: "a release by one who does not hold", rule: .released,
            lines: led + rival + "op c n1 5000 6000 resign elections/e a lease=3 => denied conflict 5 \(a) at 1\n"
                + "seat elections/e 9 \(b) was a 5 resigned"),
        Case(
            name: "a release that nobody asked for", rule: .released,
            lines: led + rival + "seat elections/e 9 \(b) was a 5 resigned"),
        Case(
            name: "a removal that nobody asked for", rule: .released,
            lines: led + rival + "seat elections/e 9 \(b) was a 5 removed"),
        Case(
            name: "nobody leads though somebody waits", rule: .succession,
            lines: led + rival + "op c n1 5000 5100 office elections/e => standing 5 \(a) 1 b at 1\n"
                + "op a n1 6000 7000 resign elections/e a lease=7 => resigned leading 9 - at 1\n"
                + "seat elections/e 9 - was a 5 resigned"),
        Case(
            name: "a history of leaders with a gap", rule: .answer,
            lines: followed + "op c n1 7000 8000 past elections/e 9 => past 1 \(a) resigned at 1\n"
                + "op c n1 5500 8000 past elections/e 9 => past 2 \(b) standing c=v@7,3 expired at 1"),
        Case(
            name: "a watch of an election that skips", rule: .reliable, lines: listened + second),
        Case(
            name: "a watch of an election that stops too early", rule: .reliable,
            lines: listened + first + "watch w 7002 closed 9"),
        Case(name: "a watch of an election that repeats", rule: .unique, lines: listened + first + first),
        Case(
            name: "a watch of an election that goes back", rule: .ordered, lines: listened + first + second + first),
        Case(
            name: "a watch of an election that skips when it goes on", rule: .resumable,
            lines: listened + "watch w 6000 broken\n" + second),
        Case(
            name: "a watch of an election that tells what never was", rule: .invented,
            lines: listened + "watch w 7000 office elections/e 6 c=v@6,1\n"),
        Case(
            name: "a place that was told to be at the front and is not", rule: .line,
            lines: "op a n1 20 30 enter e 7 v1 => seated e/7 2 at 2\nop b n2 40 50 enter e 8 v2 => seated e/8 3 at 3\n"
                + "log put e/7=v1@2,2,1,7\nlog put e/8=v2@3,3,1,8"),
        Case(
            name: "a lock that is held twice", rule: .line,
            lines: "op a n1 20 30 lock e 7 => seated e/7 0 at 2\nop b n2 40 50 lock e 8 => seated e/8 0 at 3\n"
                + "log put e/7=~@2,2,1,7\nlog put e/8=~@3,3,1,8"),
        Case(
            name: "an office freed by a stranger", rule: .invented,
            lines: "op a n1 20 30 lock e 7 => seated e/7 0 at 2\nop b n2 40 50 unlock e 8 => done at 3\n"
                + "log put e/7=~@2,2,1,7\nlog delete e/7 3 deleted"),
        Case(
            name: "a put that tells another predecessor", rule: .answer,
            lines: "op a n1 20 30 put k v1 => done at 2\nop a n1 40 50 put k v2 => wrote k=v0@1,1,1 at 3\n"
                + "log put k=v1@2,2,1\nlog put k=v2@3,2,2"),
        Case(
            name: "a put told at another revision", rule: .lost,
            lines: "op a n1 20 30 put k v1 => done at 3\nop b n1 20 30 put l v2 => done at 3\n"
                + "log put k=v1@2,2,1\nlog put l=v2@3,3,1"),
        Case(
            name: "a lease listed after its end", rule: .leaseRaised,
            lines: "op a n1 0 1000 grant 7 500 => granted lease=7 ttl=500 valid=495 at 1\n"
                + "op a n1 700000 701000 renew 7 => renewed gone at 1\nop a n1 702000 703000 leases => leases 7 at 1"),
        Case(
            name: "a lease missing from a list", rule: .leaseEarly,
            lines: "op a n1 0 1000 grant 7 500 => granted lease=7 ttl=500 valid=495 at 1\n"
                + "op a n1 2000 3000 leases => leases at 1"),
        Case(
            name: "a page of leases out of order", rule: .answer,
            lines: "op a n1 2000 3000 leases start=5 => leases 7 6 at 1"),
    ]
}
