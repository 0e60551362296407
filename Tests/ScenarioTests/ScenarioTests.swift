import Testing

@Suite struct ScenarioTests {
    @Test(arguments: Library.names)
    func theTranscriptIsWhatTheFileSays(_ name: String) throws {
        let scenario = try Library.read(name)
        let played = try scenario.played()
        if Library.rewrites { return try Library.write(played) }
        for (expected, actual) in zip(scenario.parts, played.parts) { #expect(expected == actual) }
        #expect(scenario.text == played.text)
    }

    @Test(arguments: Library.names)
    func theScenarioBeginsWithWhatItTeaches(_ name: String) throws {
        #expect(try Library.read(name).teaches)
    }

    @Test func theCourseHasFortyLessons() {
        #expect(Library.names.count >= 40)
    }

    @Test func aCommandThatThereIsNotIsRefused() {
        let scenario = Scenario(name: "wrong", text: "cluster 3\nsing n1\n----\n")
        #expect(throws: BadCommand.self) { try scenario.played() }
    }
}
