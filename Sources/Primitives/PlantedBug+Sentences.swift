// What each bug breaks, and how.

extension PlantedBug {
    /// The rule of the design's list that the bug breaks, by number, or one of Raft's by name.
    package var rule: String { facts.rule }
    /// What goes wrong, in one sentence.
    package var sentence: String { facts.sentence }

    /// Whether the bug is one of the core, as opposed to the simulated world around it.
    package var isInCore: Bool {
        switch self {
        case .sendsBeforeDurable, .forgetsVote, .lyingDisk, .losesDurableEntries, .deliversOldFrames,
            .savesIndexWithoutRows, .takesDamageForTail, .takesTailForDamage, .retriesFailedSync,
            .repeatsForwards, .readsFromMemory, .racingClocks, .skipsDeliveries, .answersFromCache,
            .answersRepetitionsAnew, .losesEvents, .leadsFromCache, .dropsFences:
            false
        default: true
        }
    }

    private var facts: (rule: String, sentence: String) {
        switch self {
        case .votesTwice: ("1", "A member gives its vote of a term to whoever asks for it, also to a second candidate.")
        case .votesBeforeDurable: ("1", "A vote leaves at once, beside the write that makes it durable.")
        case .campaignsBeforeDurable: ("1", "A candidate asks for votes before its candidacy is durable.")
        case .leadsBeforeDurable: ("1", "A candidate counts its own vote before that is durable.")
        case .acknowledgesUnwritten: ("2", "A follower acknowledges entries as soon as they are in its memory.")
        case .hurriesAcknowledgements:
            ("2", "An answer that is hurried because reads wait vouches for entries that are not durable.")
        case .commitsUnsynced: ("2", "A leader counts its own entries before its disk has them.")
        case .keepsStableIndex:
            ("2", "What was durable before the end of a log is replaced counts as durable afterwards, too.")
        case .cutsOffMatching: ("2", "A late append takes away the entries that came after those it brings.")
        case .countsStaleAcknowledgements: ("2", "A leader counts acknowledgements of an earlier term.")
        case .commitsByMinority: ("2", "A leader takes one member less than a majority for one.")
        case .vouchesForUnseen:
            ("2", "A follower acknowledges all of its log, not only what it compared with its leader's.")
        case .countsItselfUnsynced: ("2", "A follower counts itself before its disk has the entries.")
        case .countsItselfUnverified:
            ("2", "A follower counts itself for all of its log, not only for what it compared with its leader's.")
        case .countsItselfForOlderTerms:
            ("3", "A follower that counts itself commits an entry of an older term because a majority holds it.")
        case .countsItselfInDoubt: ("15", "A member with a damaged log counts itself.")
        case .readsWhatItKnows:
            ("22", "A leader answers reads from what it knows to be committed, although followers may know more.")
        case .countsOlderTerms: ("3", "A leader commits an entry of an older term because a majority holds it.")
        case .keepsVoteForever: ("5", "A member that voted keeps to its candidate in every later term.")
        case .protectsNobody: ("6", "Members that hear their leader promise their votes to others all the same.")
        case .skipsPreVote: ("6", "A member that misses its leader campaigns without asking whether it could win.")
        case .neverStepsDown: ("7", "A leader goes on although no majority answers it.")
        case .leadsWithHangingDisk: ("8", "A leader goes on although its disk does not answer.")
        case .reusesOrigins: ("10", "Every life of a node numbers its requests from the same number on.")
        case .cutsLogTooFar: ("11", "The log is cut up to what is applied, not up to what the state on disk covers.")
        case .believesSnapshotAtOnce: ("11", "A received snapshot is in use before it is durable.")
        case .dropsSuffixUnderSnapshot:
            ("11", "An installed snapshot takes away the entries after it, also where the log leads on from there.")
        case .neverSendsSnapshots: ("12", "A leader sends no snapshot to a member that its log does not reach.")
        case .cutsLogDuringTransfer: ("12", "The log is cut beyond the snapshot that is on its way to a member.")
        case .savesIndexEarly: ("13", "The saved state says that it stands one entry further than its rows do.")
        case .forgetsRemovedRows: ("13", "Rows of leases that ended stay in the saved state.")
        case .answersBeforeCurrent:
            ("14", "A node that just began answers stale reads before its state was proven current.")
        case .votesDamaged: ("15", "A member with a damaged log votes.")
        case .countsDamaged: ("15", "A member with a damaged log lets itself be counted.")
        case .repairsTooEarly: ("15", "A damaged member counts itself repaired with its leader's first append.")
        case .repairsInMemory: ("15", "A damaged member counts itself repaired before that is durable.")
        case .votesBlank: ("15", "A member votes with a data directory that has not joined.")
        case .vouchesForStrangers:
            ("15", "A member says of every blank data directory that it is its member's first one.")
        case .refusesDeletes: ("17", "A leader short of space refuses deletions, too.")
        case .staysReadOnly: ("17", "A leader that was short of space does not notice that there is some again.")
        case .appliesAtOwnTime: ("18", "Entries are applied at the time of the node's own clock.")
        case .neverComparesDigests: ("18", "Followers do not compare their digest with the leader's.")
        case .answersWhileDiverged: ("18", "A node that knows its state to differ goes on answering reads.")
        case .restoresFirstGeneration:
            ("18", "Leases come back from a disk or a snapshot as if they had never been renewed.")
        case .compactsOnlySaved: ("19", "A compaction does nothing on a node that has not saved its state for a while.")
        case .forgetsRequests: ("20", "Idempotency keys are not taken over from a disk or a snapshot.")
        case .appliesRepetitions: ("20", "A command is applied although its idempotency key is known.")
        case .retriesTooEarly: ("20", "Requests are proposed again as soon as there is another term.")
        case .refusesWhatItTook: ("20", "A leader that takes a forwarded request says that it did not.")
        case .deniesWhatItSent:
            ("20", "A request whose time is over is said not to be applied although a leader has it.")
        case .readsBeforeNoop: ("21", "A new leader answers reads before it has committed in its term.")
        case .countsEarlierRounds: ("22", "A read is confirmed by answers to a round that began before it arrived.")
        case .readsWithoutAsking: ("22", "A follower answers reads by what it has, without asking its leader.")
        case .answersBeforeApplied: ("22", "A read is answered before the state has come to where it must be.")
        case .trustsLease:
            ("23", "A leader answers reads from memory for an election timeout after a majority answered it.")
        case .renewsBeforeCommit: ("24", "A leader acknowledges a renewal before it is committed.")
        case .expiresRenewed: ("24", "A lease that was found due ends although it was renewed in between.")
        case .stampsOwnClock:
            ("25", "A leader stamps its own clock into entries, whatever the leader before it stamped.")
        case .inheritsAnyClock: ("25", "A new leader goes on from the latest time it heard, whoever's clock that was.")
        case .countsLeasesFromEntries:
            ("25", "A read of a lease tells what was left of it when the last entry was applied.")
        case .forgetsClusterTime: ("26", "A new leader's cluster time stands still until its own clock has reached it.")
        case .expiresOnce: ("26", "A leader that has expired leases once does not do so again.")
        case .keepsWatchesLive:
            ("29", "Watches do not look back when a snapshot takes the place of the state they followed.")
        case .skipsCompacted:
            ("29", "A watch that fell behind the history goes on with what is left of it, without a word.")
        case .beginsWatchLate: ("29", "A watch that begins now misses the first revision.")
        case .skipsRestOfHistory: ("29", "A watch that has read one page of history counts as having caught up.")
        case .repeatsOnResume: ("30", "A watch that was paused gets its last revision again.")
        case .splitsRevisions: ("30", "Each event of a revision is delivered by itself.")
        case .progressAhead: ("31", "A watch that catches up is said to have been told everything.")
        case .deliversAllAtOnce: ("32", "A watch that catches up gets all of the history in one piece.")
        case .electsByMinority: ("election safety", "A candidate needs one vote less than a majority.")
        case .countsStaleVotes: ("election safety", "A candidate counts votes for an earlier candidacy of its own.")
        case .skipsTermCheck:
            ("log matching", "A follower does not look at the term of the entry that an append follows.")
        case .keepsConflicts: ("log matching", "A follower keeps its own entry where an append has another.")
        case .ignoresLogs: ("leader completeness", "Voters do not look at the candidate's log.")
        case .comparesLengthFirst:
            ("leader completeness", "Voters take the longer log for the newer one, whatever its last term is.")
        case .commitsUnverified:
            ("state machine safety", "A follower commits what its leader committed before it compared the entries.")
        case .sendsBeforeDurable: ("1", "The shell sends promises before the write they vouch for is durable.")
        case .forgetsVote: ("1", "A crash takes the term and the vote.")
        case .lyingDisk: ("2", "The disk reports a write as durable when it has only taken it.")
        case .losesDurableEntries: ("2", "A crash takes entries that were durable, and nothing says so.")
        case .deliversOldFrames: ("10", "The transport hands over frames of and for earlier lives.")
        case .savesIndexWithoutRows: ("13", "The applied index is saved without the rows that belong to it.")
        case .takesDamageForTail: ("15", "A log that lost durable entries is taken for one that a crash ended early.")
        case .takesTailForDamage: ("15", "A log that a crash ended early is taken for one that lost durable entries.")
        case .retriesFailedSync: ("16", "A sync that failed is tried again, and then believed.")
        case .repeatsForwards: ("20", "The transport hands a forwarded write over twice.")
        case .readsFromMemory: ("23", "The shell answers linearizable reads from memory.")
        case .racingClocks: ("25", "Clocks run up to a fifth apart.")
        case .skipsDeliveries: ("29", "The shell loses one delivery to a watch now and then.")
        case .answersFromCache: ("22", "A proxy answers a read with what it answered to the same one before.")
        case .answersRepetitionsAnew:
            ("20", "A proxy tells a client that repeats its write the newest revision instead of the write's.")
        case .losesEvents: ("29", "A proxy loses one delivery to a watch now and then.")
        case .leadsFromCache: ("28", "A proxy answers a campaign with what it answered to the same candidate before.")
        case .dropsFences: ("28", "A proxy sends a write on without the fence it came with.")
        }
    }
}
