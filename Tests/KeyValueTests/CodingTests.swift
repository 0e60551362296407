import KeyValue
import Primitives
import Testing

@Suite struct CodingTests {
    /// Proposals of every kind.
    static func proposals(seed: UInt64, count: Int) -> [Proposal] {
        var draw = RandomCommands(seed: seed)
        return (0..<count).map { _ in
            let due = (0..<draw.number(0...3)).map { LeaseGeneration(lease: draw.lease(), generation: UInt64($0)) }
            return draw.proposal(Revision(UInt64(draw.number(1...100_000))), Term(3), due: due)
        }
    }

    /// Results and records of every kind, from a store that lived.
    static func lived() -> (results: [CommandResult], deltas: [StateDelta]) {
        var driver = Driver(
            bounds: StoreBounds(storeBytes: 9_000, leases: 6, elections: 2, candidates: 3, rememberedRequests: 12))
        var results: [CommandResult] = []
        var deltas: [StateDelta] = []
        var draw = RandomCommands(seed: 21)
        for _ in 1...1_500 {
            driver.pass(.milliseconds(2))
            let due = driver.store.dueLeases(at: driver.time, limit: 2)
            let proposal = draw.proposal(driver.store.revision, driver.term, due: due)
            results.append(driver.store.apply(proposal, at: driver.nextPosition).result)
            if draw.chance(20), let delta = driver.store.takeDelta() { deltas.append(delta) }
        }
        return (results, deltas)
    }

    @Test func everyProposalComesBackAsItWas() throws {
        for proposal in Self.proposals(seed: 1, count: 5_000) {
            #expect(try Proposal(decoding: proposal.encoded()) == proposal)
        }
    }

    @Test func extremeNumbersComeBackAsTheyWere() throws {
        let query = RangeQuery(selection: .range(from: [], to: []), limit: .min, at: Revision(.max))
        let proposals = [
            Proposal(
                idempotencyKey: IdempotencyKey(client: "", number: .max),
                command: .expireLeases([LeaseGeneration(lease: LeaseID(.max), generation: .max)], term: Term(.max))),
            Proposal(command: .grantLease(LeaseID(0), ttl: TimeSpan(nanoseconds: .min))),
            Proposal(command: .transaction(Transaction(comparisons: [], then: [.get(query)], otherwise: []))),
        ]
        for proposal in proposals { #expect(try Proposal(decoding: proposal.encoded()) == proposal) }
    }

    @Test func everyResultAndDeltaComesBackAsItWas() throws {
        let (results, deltas) = Self.lived()
        for result in results {
            var writer = ByteWriter()
            result.encode(into: &writer)
            var reader = ByteReader(writer.bytes)
            #expect(try CommandResult(from: &reader) == result)
            #expect(reader.remaining == 0)
        }
        for delta in deltas {
            var writer = ByteWriter()
            delta.encode(into: &writer)
            var reader = ByteReader(writer.bytes)
            #expect(try StateDelta(from: &reader) == delta)
            #expect(reader.remaining == 0)
        }
    }

    @Test func everyPrefixOfAProposalIsRefusedAndSoIsATrailingByte() {
        for proposal in Self.proposals(seed: 2, count: 200) {
            let bytes = proposal.encoded()
            for cut in bytes.indices {
                #expect(throws: DecodingFailure.self) { try Proposal(decoding: Array(bytes[..<cut])) }
            }
            #expect(throws: DecodingFailure.trailingBytes(1)) { try Proposal(decoding: bytes + [0]) }
        }
    }

    @Test func mutatedProposalsAreDecodedOrRefusedAndWhatIsDecodedCanBeApplied() {
        var random = SeededGenerator(seed: 4)
        let originals = Self.proposals(seed: 3, count: 500).map { $0.encoded() }
        var driver = Driver()
        var decoded = 0
        for round in 0..<60_000 {
            var bytes = originals[round % originals.count]
            for _ in 0...Int.random(in: 0...3, using: &random) { mutate(&bytes, &random) }
            guard let proposal = try? Proposal(decoding: bytes) else { continue }
            decoded += 1
            #expect((try? Proposal(decoding: proposal.encoded())) == proposal)
            _ = driver.store.apply(proposal, at: driver.nextPosition)
        }
        #expect(decoded > 1_000)
    }

    @Test func mutatedAndRandomStateIsDecodedOrRefused() {
        var random = SeededGenerator(seed: 5)
        let originals = Self.lived().deltas.map { delta in
            var writer = ByteWriter()
            delta.encode(into: &writer)
            return writer.bytes
        }
        var refused = 0
        for round in 0..<40_000 {
            var bytes = originals[round % originals.count]
            if round % 4 == 0 { bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in random.byte } }
            for _ in 0...Int.random(in: 0...3, using: &random) { mutate(&bytes, &random) }
            var reader = ByteReader(bytes)
            if (try? StateDelta(from: &reader)) == nil { refused += 1 }
            reader = ByteReader(bytes)
            _ = try? CommandResult(from: &reader)
            reader = ByteReader(bytes)
            _ = try? StateRecord(from: &reader)
        }
        #expect(refused > 1_000)
    }

    @Test func aCountThatLiesReservesNoMemory() {
        var writer = ByteWriter()
        writer.write(false)
        writer.write(UInt8(5))
        writer.write(varint: UInt64.max)
        #expect(throws: DecodingFailure.self) { try Proposal(decoding: writer.bytes) }
    }

    func mutate(_ bytes: inout Bytes, _ random: inout SeededGenerator) {
        guard let place = bytes.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes[place] = random.byte
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2: bytes.remove(at: place)
        default: bytes.insert(random.byte, at: place)
        }
    }
}

extension SeededGenerator {
    fileprivate var byte: UInt8 { mutating get { UInt8(truncatingIfNeeded: next()) } }
}
