import Primitives
import Testing

@testable import Consensus
@testable import Simulation

@Suite("What a broken rule's last events say") struct WordingTests {
    @Test func numbersStandWithoutTheirTypes() {
        let request = VoteRequest(term: Term(4), lastIndex: LogIndex(13), lastTerm: Term(3), handOver: false)
        #expect(
            Wording.plain("\(Message.vote(request))")
                == "vote(VoteRequest(term: 4, lastIndex: 13, lastTerm: 3, handOver: false))")
    }

    @Test func membersStandByName() {
        let notice = Notice.lookingForLeader(Term(3), .leaderGone(NodeID(name: "n4")))
        #expect(Wording.plain("n1 \(notice)") == "n1 lookingForLeader(3, leaderGone(n4))")
    }

    @Test func whatIsThereStandsAlone() {
        let value: (Term?, Term?, TimeSpan) = (Term(2), nil, .milliseconds(3))
        #expect(Wording.plain("\(value)") == "(2, nil, 3000 µs)")
    }

    @Test func bytesThatAreLettersAreText() {
        let values: ([UInt8], [UInt8], [Int]) = (Array("a/1".utf8), [0, 97], [])
        #expect(Wording.plain("\(values)") == "(\"a/1\", [0, 97], [])")
    }

    @Test(arguments: ["", "a)b", "f(", "\"Module.Type(rawValue: 1)", "x.y 1.5 n1 → n2", "A.", "[97", "\"\\"])
    func whatIsNoValueIsLeftAsItIs(text: String) { #expect(Wording.plain(text).hasPrefix(text)) }
}
