import Testing

@testable import ConclaveClient

/// `#expect` for what a call that changes its value returns.
private func expect<Value: Equatable>(
    _ value: Value, is expected: Value, location: SourceLocation = #_sourceLocation
) {
    #expect(value == expected, sourceLocation: location)
}

@Suite struct Tenures {
    private let sent = ContinuousClock.now
    private var tenure: Tenure {
        Tenure(ttl: .seconds(3), margin: .milliseconds(300), sent: sent, validFor: .milliseconds(2970))
    }

    @Test func actingEndsBeforeTheLeaseCanCountedFromTheRequest() {
        #expect(tenure.isCurrent(at: sent + .milliseconds(2669)))
        #expect(!tenure.isCurrent(at: sent + .milliseconds(2670)))
    }

    @Test func aRenewalCountsFromWhenItWasSent() {
        var tenure = tenure
        #expect(tenure.renewal == sent + .seconds(1))
        let renewed = tenure.renewed(
            sent: sent + .seconds(1), validFor: .milliseconds(2970), at: sent + .milliseconds(2600))
        #expect(renewed)
        #expect(tenure.actUntil == sent + .milliseconds(3670))
        #expect(tenure.renewal == sent + .seconds(2))
    }

    @Test func anAnswerThatComesTooLateRevivesNothing() {
        var tenure = tenure
        let renewed = tenure.renewed(
            sent: sent + .milliseconds(2600), validFor: .milliseconds(2970), at: sent + .milliseconds(2670))
        #expect(!renewed)
        #expect(!tenure.isCurrent(at: sent + .milliseconds(2670)))
    }

    @Test func anOlderAnswerTakesNothingAway() {
        var tenure = tenure
        _ = tenure.renewed(sent: sent + .seconds(1), validFor: .milliseconds(2970), at: sent + .seconds(1))
        expect(
            tenure.renewed(sent: sent + .milliseconds(500), validFor: .milliseconds(2970), at: sent + .seconds(2)),
            is: false)
        #expect(tenure.actUntil == sent + .milliseconds(3670))
    }

    @Test func whatHasRunOutHasExpiredWhateverIsLearntOfIt() {
        var tenure = tenure
        expect(tenure.finish(.removed, at: sent + .milliseconds(2670)), is: true)
        #expect(tenure.end == .expired)
    }

    @Test func theFirstReasonOfAnEndIsFinal() {
        var tenure = tenure
        expect(tenure.finish(.removed, at: sent), is: true)
        expect(tenure.finish(.resigned, at: sent), is: false)
        #expect(tenure.end == .removed)
        #expect(!tenure.isCurrent(at: sent))
    }
}

@Suite struct Lines {
    private let begin = ContinuousClock.now

    private func standing(_ json: String) throws -> Result<Standing, ConclaveError> {
        .success(try JSON.decode(Standing.self, from: Array(json.utf8)))
    }

    private func leading(_ fence: Int = 17) throws -> Result<Standing, ConclaveError> {
        try standing(#"{"state":"leading","fence":\#(fence),"valid_for_ms":1980}"#)
    }

    private func waiting() throws -> Result<Standing, ConclaveError> {
        try standing(
            #"{"state":"waiting","fence":17,"position":2,"leader":{"id":"b","fence":17},"valid_for_ms":1980}"#)
    }

    /// A line, and the request it makes of its candidacy.
    private func withLine(
        patience: Duration? = nil, lastFence: UInt64 = 0,
        _ body: (inout Line, (Line) -> Call) throws -> Void
    ) async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        try await withClient([dead]) { client in
            let contest = client.campaign("c", as: "a", ttl: .seconds(2), patience: patience).contest
            let candidacy = Candidacy(
                office: contest.office, id: "a", value: "v", ttl: contest.ttl, priority: contest.priority)
            var line = Line(contest, after: lastFence, begin: begin)
            try body(&line) { $0.request(candidacy, at: begin) }
        }
    }

    @Test func oneWhoIsSeatedAtOnceLeads() async throws {
        try await withLine { line, request in
            #expect(request(line).headers["If-Match"].isEmpty)
            guard case .leads(17, let tenure) = line.step(after: try leading(), sent: begin, at: begin) else {
                return #expect(Bool(false))
            }
            #expect(tenure.actUntil == begin + .milliseconds(1780))
        }
    }

    @Test func oneWhoWaitsAsksToBeToldAndKeepsItsPlaceOnly() async throws {
        try await withLine { line, request in
            try expect(line.step(after: waiting(), sent: begin, at: begin), is: .again(after: .zero))
            let call = request(line)
            #expect(call.headers["If-Match"] == ["*"])
            #expect(call.wait == .seconds(1))
            #expect(call.query.contains { $0 == ("after", "17") })
        }
    }

    @Test func newsIsToldOnce() async throws {
        try await withLine { line, _ in
            let news = line.news(in: try waiting())
            #expect(news?.position == 2)
            #expect(news?.leader?.id == "b")
            try expect(line.news(in: waiting()), is: nil)
            try expect(line.news(in: leading()), is: nil)
        }
    }

    @Test func anAnswerThatWasHeldLongIsConfirmedBeforeItCounts() async throws {
        try await withLine { line, request in
            _ = line.step(after: try waiting(), sent: begin, at: begin)
            try expect(line.step(after: leading(), sent: begin, at: begin + .seconds(1)), is: .again(after: .zero))
            #expect(request(line).wait == .zero)
            #expect(request(line).headers["If-Match"] == ["*"])
            guard
                case .leads(17, _) = line.step(after: try leading(), sent: begin + .seconds(1), at: begin + .seconds(1))
            else { return #expect(Bool(false)) }
        }
    }

    @Test func anEarlierLeadershipOfItsOwnIsNotTakenUpAgain() async throws {
        try await withLine(lastFence: 17) { line, request in
            try expect(line.step(after: leading(17), sent: begin, at: begin), is: .afresh)
            #expect(request(line).headers["If-Match"].isEmpty)
            guard case .leads(18, _) = line.step(after: try leading(18), sent: begin, at: begin) else {
                return #expect(Bool(false))
            }
        }
    }

    @Test func aPromiseThatIsOverWhenItComesIsGivenBack() async throws {
        try await withLine { line, _ in
            let late = begin + .seconds(3)
            try expect(line.step(after: leading(), sent: begin, at: late), is: .again(after: .zero))
            try expect(line.step(after: leading(), sent: begin, at: late), is: .afresh)
        }
    }

    @Test func aLostPlaceIsTakenAnew() async throws {
        try await withLine { line, request in
            _ = line.step(after: try waiting(), sent: begin, at: begin)
            let lost = Result<Standing, ConclaveError>.failure(ConclaveError(.preconditionFailed, "ended"))
            expect(line.step(after: lost, sent: begin, at: begin), is: .again(after: .zero))
            #expect(request(line).headers["If-Match"].isEmpty)
            _ = line.step(after: try waiting(), sent: begin, at: begin)
            try expect(
                line.step(after: standing(#"{"state":"ended","fence":17}"#), sent: begin, at: begin),
                is: .again(after: .zero))
            #expect(request(line).headers["If-Match"].isEmpty)
        }
    }

    @Test func anIdInUseIsAClearErrorAtAnyMoment() async throws {
        try await withLine { line, _ in
            _ = line.step(after: try waiting(), sent: begin, at: begin)
            let conflict = ConclaveError(.conflict, "somebody else uses this id")
            expect(line.step(after: .failure(conflict), sent: begin, at: begin), is: .failed(conflict))
        }
    }

    @Test func onlyTheFirstAnswerHasToComeInTime() async throws {
        try await withLine { line, _ in
            let silence = ConclaveError(.timeout, "nobody answers", outcome: .unknown)
            expect(line.step(after: .failure(silence), sent: begin, at: begin), is: .failed(silence))
            _ = line.step(after: try waiting(), sent: begin, at: begin)
            for _ in 0..<20 {
                guard case .again = line.step(after: .failure(silence), sent: begin, at: begin + .seconds(3600)) else {
                    return #expect(Bool(false))
                }
            }
        }
    }

    @Test func patienceEnds() async throws {
        try await withLine(patience: .milliseconds(300)) { line, request in
            try expect(line.step(after: waiting(), sent: begin, at: begin), is: .again(after: .zero))
            #expect(request(line).wait == .milliseconds(300))
            guard case .failed(let error) = line.step(after: try waiting(), sent: begin, at: begin + .milliseconds(300))
            else { return #expect(Bool(false)) }
            #expect(error.code == .preconditionFailed)
            #expect(error.incumbent?.id == "b")
        }
    }
}
