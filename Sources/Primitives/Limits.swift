/// Every bound of a node, in one place. `Limits.check()` runs at start and refuses combinations that cannot work.
package enum Limits {
    /// What no term, index, revision or nanosecond of cluster time ever reaches: a larger one is damage or a lie, and
    /// nothing could count on from it.
    package static let counters: UInt64 = 1 << 62

    // Cluster
    /// Voting members at most.
    package static let members = 9
    /// Bytes of a member's name at most.
    package static let nameBytes = 64

    // Client data
    /// Bytes of a key, 1 to this.
    package static let keyBytes = 4 * 1024
    /// Bytes of a value.
    package static let valueBytes = 1024 * 1024
    /// Bytes of a request's body.
    package static let bodyBytes = 2 * 1024 * 1024
    /// Operations and comparisons of one transaction, each.
    package static let transactionOperations = 128
    /// Transactions in transactions, the outermost not counted.
    package static let transactionDepth = 16
    /// Lease ids in one renewal request.
    package static let renewalsPerRequest = 4096
    /// Lease ids that one log entry, or one forward to the leader, renews.
    package static let renewalsPerEntry = 65_536
    /// Keys of one page of a range read when the client names no limit, and at most.
    package static let rangePage = 10_000
    /// Bytes of keys and values in one page of a range read; the page ends there with `more`.
    package static let rangeBytes = 8 * 1024 * 1024
    /// Bytes of an idempotency key's client part.
    package static let idempotencyClientBytes = 128
    /// Remembered idempotency keys.
    package static let rememberedRequests = 20_000
    /// Bytes of keys and values in remembered results before the oldest are forgotten.
    package static let rememberedBytes = 64 * 1024 * 1024
    /// A remembered result leaves out written values above this: who sent them has them.
    package static let rememberedValueBytes = 4 * 1024
    /// How long a renewal waits in its leader for others that share its entry.
    package static let renewalPatience = TimeSpan.milliseconds(2)
    package static let minimumLease = TimeSpan.milliseconds(100)
    package static let maximumLease = TimeSpan.seconds(24 * 3600)
    /// Leases that one expiry entry ends, counted with what hangs on them: other writes find their place between such entries,
    /// and wait no longer than it takes to apply one.
    package static let expiriesPerEntry = 50
    /// Longest pause between two such entries; there is none when for ten times as long nobody else has written.
    package static let expiryRest = TimeSpan.milliseconds(10)
    /// Leases that may exist at once.
    package static let leases = 1_000_000
    /// Elections and locks that are remembered; of more, the one that has been without a candidate for longest is forgotten.
    package static let elections = 100_000
    /// Candidates of one election, and candidacies on one lease.
    package static let candidates = 100_000
    package static let candidaciesPerLease = 1_000
    /// Bytes of the name of an election, and of a candidate's id, 1 to this.
    package static let electionNameBytes = 256
    package static let candidateBytes = 128
    /// Bytes of what a candidate publishes while it leads.
    package static let candidateValueBytes = 4 * 1024
    /// Priorities of candidates, from minus this to this.
    package static let candidatePriority = 1_000
    /// Leaderships of one election that are remembered, the standing one included.
    package static let leadershipsKept = 64
    /// Waiting candidates that are listed when the client does not say how many.
    package static let candidatesListed = 100
    /// Bytes of keys and values the store may hold, history included, before writes that add are refused.
    package static let storeBytes = 2 * 1024 * 1024 * 1024
    /// What each retained version counts on top of its key and value, so that tiny ones are not free.
    package static let versionBytes = 128

    // History
    /// Revisions kept before automatic compaction takes the oldest.
    package static let historyRevisions = 100_000
    /// Bytes of history kept before automatic compaction takes the oldest.
    package static let historyBytes = 64 * 1024 * 1024
    /// Age, in cluster time, beyond which history is compacted.
    package static let historyAge = TimeSpan.seconds(3600)
    /// Revisions that one entry of automatic compaction forgets: other writes find their place between such entries, and wait
    /// no longer than it takes to apply one.
    package static let compactionRevisions = 512
    /// Revisions looked at in one step by a watch that catches up.
    package static let historyScan = 8_192
    /// Leases looked at, beyond those found due, in one search for due ones.
    package static let leaseScan = 4_096

    // The log
    /// Encoded bytes of one log entry's command: a body with its envelope.
    package static let commandBytes = bodyBytes + 64 * 1024
    /// Entries kept in memory behind the applied index for members that lag; older ones come as a snapshot.
    package static let trailingEntries = 20_000
    package static let trailingBytes = 16 * 1024 * 1024
    /// Entries that leave the log at once, when their effects are in `state.db`.
    package static let entriesCutAtOnce = 1_000
    /// Entries not yet committed that a leader accepts before it answers `overloaded`.
    package static let uncommittedEntries = 20_000
    package static let uncommittedBytes = 64 * 1024 * 1024

    /// Free bytes on the data directory's file system below which a leader takes no writes that add.
    package static let diskReserve = 64 * 1024 * 1024

    // Peers
    /// Bytes of one frame between nodes.
    package static let frameBytes = 8 * 1024 * 1024
    /// Bytes of the frame with which a connection between nodes introduces itself.
    package static let helloBytes = 1024
    /// Accepted connections between nodes at once, those not yet introduced included.
    package static let peerConnections = 128
    /// Bytes of entries in one append message.
    package static let appendBytes = 1024 * 1024
    /// Append messages in flight to one member.
    package static let appendsInFlight = 64
    /// Bytes of one piece of a snapshot.
    package static let snapshotChunkBytes = 256 * 1024
    /// Bytes of the address at which a member says that clients reach it, and of the name of the release it runs.
    package static let addressBytes = 512
    package static let releaseBytes = 64
    /// How often members tell each other of themselves, and how long what they told holds.
    package static let reportInterval = TimeSpan.seconds(1)
    package static let reportLifetime = TimeSpan.seconds(3)
    /// Unsent bytes to one peer before further frames are dropped (consensus repeats what matters).
    package static let peerBufferBytes = 64 * 1024 * 1024

    // Doors
    /// Open client connections per node.
    package static let connections = 20_000
    /// Requests of clients waiting for an answer per node.
    package static let pendingRequests = 50_000
    /// Watches per node.
    package static let watches = 50_000
    /// Keys and prefixes of one watch.
    package static let watchSelections = 64
    /// Events handed at once to a watch that catches up.
    package static let watchBatchEvents = 512
    /// Bytes of keys and values handed at once to a watch that catches up, or one revision's more.
    package static let watchBatchBytes = 256 * 1024
    /// Watches that catch up of which one turn of the core serves this many.
    package static let watchTurn = 256
    /// Bytes handed in one turn of the core to all watches that catch up, or one batch more: the others wait their turn.
    package static let watchTurnBytes = 256 * 1024
    /// Unsent bytes of one watch stream before it pauses and goes on from history.
    package static let streamBufferBytes = 256 * 1024
    /// Bytes of a request line and of all headers.
    package static let headBytes = 16 * 1024
    package static let requestTimeout = TimeSpan.seconds(5)
    package static let maximumRequestTimeout = TimeSpan.seconds(300)
    /// How long a connection may stand without a request, and how long a request's head and body may take to come.
    package static let idleConnection = TimeSpan.seconds(120)
    package static let slowRequest = TimeSpan.seconds(20)

    /// Bytes of request bodies that are still arriving, over all connections, before further ones are refused.
    package static let arrivingBodyBytes = 256 * 1024 * 1024
    /// Bytes one read from a client's socket takes at most.
    package static let readBytes = 32 * 1024
    /// Header fields of one request.
    package static let headerFields = 64
    /// Values of one JSON body, and how deep they may stand in each other.
    package static let jsonValues = 20_000
    package static let jsonDepth = 16
    /// How long a long poll waits when its client does not say.
    package static let longPoll = TimeSpan.seconds(30)
    /// How often a stream without events shows that it is alive.
    package static let heartbeat = TimeSpan.seconds(15)
    package static let minimumHeartbeat = TimeSpan.milliseconds(100)
    package static let maximumHeartbeat = TimeSpan.seconds(60)
    /// How long a member may be silent before its leader no longer speaks for it.
    package static let memberSilence = TimeSpan.seconds(2)
    /// How long a client that was answered for the last time may take to read that and hang up.
    package static let lingering = TimeSpan.seconds(2)
    /// How long a node that stops still takes requests on connections it has: a client may be sending one.
    package static let lastCall = TimeSpan.milliseconds(100)
    /// How long a node that stops waits for requests in flight.
    package static let shutdown = TimeSpan.seconds(5)

    // HTTP/2
    /// How long a client may take to answer that its connection ends, and then to end its streams.
    package static let farewell = TimeSpan.seconds(15)
    /// Streams open at once on one connection.
    package static let streamsPerConnection = 1_000
    /// Bytes of a request that one stream, and all of a connection, may send before they are read.
    package static let streamWindowBytes = 256 * 1024
    package static let connectionWindowBytes = 1024 * 1024
    /// How long a connection may stand without a stream.
    package static let idleHTTP2 = TimeSpan.seconds(600)

    // etcd's API
    /// Bytes of one request's keys and values, as etcd's own default.
    package static let etcdRequestBytes = 1536 * 1024
    /// Bytes of keys and values in the answer to one range read.
    package static let etcdAnswerBytes = 64 * 1024 * 1024
    /// Requests of one watch stream that wait for those before them.
    package static let etcdWatchRequests = 50_000
    /// Bytes of events in one answer to a watch that asked for fragments.
    package static let etcdFragmentBytes = etcdRequestBytes
    /// etcd's least and largest TTL, in seconds.
    package static let etcdLeaseSeconds: ClosedRange<Int64> = 2...9_000_000_000
    /// How often a watch that asked for it hears how far it has come when it has no events.
    package static let etcdProgress = TimeSpan.seconds(600)

    /// Refuses a build whose limits contradict each other.
    package static func check() {
        precondition(keyBytes < headBytes, "a key must fit into a request's head")
        precondition(valueBytes + keyBytes < bodyBytes, "a value must fit into a body")
        precondition(bodyBytes < commandBytes, "a body must fit into a command")
        precondition(renewalsPerRequest <= renewalsPerEntry, "a renewal must fit into an entry")
        precondition((renewalsPerEntry + renewalsPerRequest) * 8 < commandBytes, "renewals must fit into a command")
        precondition(commandBytes + 1024 < frameBytes, "a command must fit into a frame")
        precondition(
            appendBytes + commandBytes < frameBytes, "an append with one oversized command must fit into a frame")
        precondition(snapshotChunkBytes < frameBytes, "a piece of a snapshot must fit into a frame")
        precondition(nameBytes + 128 < helloBytes, "a member's name must fit into a hello")
        precondition(reportInterval * 2 < reportLifetime, "a late report must not make a member look gone")
        precondition(members * 2 < peerConnections, "every member must be able to connect")
        precondition(rememberedBytes > bodyBytes, "a request's result must fit into the memory of requests")
        precondition(minimumLease < maximumLease, "leases need a range")
        precondition(keyBytes * 3 + 512 < headBytes, "a percent-encoded key must fit into a request's head")
        precondition(
            (electionNameBytes + candidateBytes) * 3 + 512 < headBytes, "a candidacy must fit into a request's head")
        precondition(minimumHeartbeat < heartbeat && heartbeat < maximumHeartbeat, "heartbeats need a range")
        precondition(renewalsPerRequest < jsonValues, "a renewal of many leases must fit into a JSON body")
        precondition(etcdRequestBytes <= bodyBytes, "a request of etcd's API must fit into a body")
        precondition(lastCall < shutdown, "a node that stops must wait for the requests it still takes")
        precondition(shutdown < farewell, "a client that answers must have its time to end its streams")
        precondition(requestTimeout <= maximumRequestTimeout, "the default time-out must be allowed")
    }
}
