/// A mistake that can be built in on purpose, to show that the checks see it.
///
/// Those in the core are compiled only with the package trait `PlantedBugs`; without it the places in the core that name
/// them do not exist. Those in the world around it (its disks, its transport, its clocks) are the simulator's own.
@usableFromInline package enum PlantedBug: String, CaseIterable, Sendable {
    // In the core.
    case votesTwice, votesBeforeDurable, campaignsBeforeDurable, leadsBeforeDurable, acknowledgesUnwritten
    case hurriesAcknowledgements, commitsUnsynced, keepsStableIndex, cutsOffMatching
    case countsStaleAcknowledgements, commitsByMinority, vouchesForUnseen, countsOlderTerms, keepsVoteForever
    case protectsNobody, skipsPreVote, neverStepsDown, leadsWithHangingDisk, reusesOrigins, cutsLogTooFar
    case believesSnapshotAtOnce, dropsSuffixUnderSnapshot, neverSendsSnapshots, cutsLogDuringTransfer
    case savesIndexEarly, forgetsRemovedRows, answersBeforeCurrent, votesDamaged, countsDamaged
    case repairsTooEarly, repairsInMemory, refusesDeletes, staysReadOnly, appliesAtOwnTime, neverComparesDigests
    case answersWhileDiverged, restoresFirstGeneration, compactsOnlySaved, forgetsRequests, appliesRepetitions
    case retriesTooEarly, refusesWhatItTook, deniesWhatItSent, readsBeforeNoop, countsEarlierRounds
    case readsWithoutAsking, answersBeforeApplied, trustsLease, renewsBeforeCommit, expiresRenewed
    case stampsOwnClock, inheritsAnyClock, forgetsClusterTime, expiresOnce, keepsWatchesLive, skipsCompacted
    case beginsWatchLate, skipsRestOfHistory, repeatsOnResume, splitsRevisions, progressAhead
    case deliversAllAtOnce, electsByMinority, countsStaleVotes, skipsTermCheck, keepsConflicts, ignoresLogs
    case comparesLengthFirst, commitsUnverified
    case votesBlank, vouchesForStrangers, countsLeasesFromEntries
    case countsItselfUnsynced, countsItselfForOlderTerms, countsItselfUnverified, countsItselfInDoubt, readsWhatItKnows

    // In the world around it.
    case sendsBeforeDurable, forgetsVote, lyingDisk, losesDurableEntries, deliversOldFrames
    case savesIndexWithoutRows, takesDamageForTail, takesTailForDamage, retriesFailedSync, repeatsForwards
    case readsFromMemory, racingClocks, skipsDeliveries, dropsFences

    // Between a node and its client, where no check of the world looks.
    case answersFromCache, answersRepetitionsAnew, losesEvents, leadsFromCache
}

#if PlantedBugs
    extension PlantedBug {
        /// The bug of the world whose core is at work.
        @TaskLocal package static var active: PlantedBug?
    }

    /// Whether `bug` is built into the core that asks.
    package func planted(_ bug: PlantedBug) -> Bool { PlantedBug.active == bug }
#endif

extension PlantedBug {
    /// Whether bugs in the core are there to be planted.
    package static var reachTheCore: Bool {
        #if PlantedBugs
            true
        #else
            false
        #endif
    }

    /// Carries out work of a core into which `bug` is built.
    @inlinable package static func plant<Result>(_ bug: PlantedBug?, _ work: () throws -> Result) rethrows -> Result {
        #if PlantedBugs
            if let bug { return try withActive(bug, work) }
        #endif
        return try work()
    }

    #if PlantedBugs
        @usableFromInline
        static func withActive<Result>(_ bug: PlantedBug, _ work: () throws -> Result) rethrows -> Result {
            try $active.withValue(bug, operation: work)
        }
    #endif
}
