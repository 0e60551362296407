import Consensus
internal import Node
internal import Primitives
import ReplicaCore

/// One member as this node sees it: what the member told of itself, and what the leader measured of it.
///
/// Only what somebody vouches for now is shown; the rest is null.
struct MemberView {
    private let member: Configuration.Member
    private let status: NodeStatus
    private let account: MemberAccount?
    /// What the leader measured, and how long ago it told so; `nil` when this node knows no leader that does.
    private let measured: (followers: [MemberReport.Follower], age: TimeSpan)?

    init(_ member: Configuration.Member, in status: NodeStatus) {
        self.member = member
        self.status = status
        account = status.members.first { $0.node == member.id }
        let leader = status.members.first { $0.node == status.replica.leader && $0.isCurrent }
        measured = leader.map { ($0.report.followers, $0.age) }
    }

    private var isSelf: Bool { member.id == status.replica.node }
    private var leads: Bool { member.id == status.replica.leader }
    private var current: MemberReport? { account.flatMap { $0.isCurrent ? $0.report : nil } }
    private var following: MemberReport.Follower? { measured?.followers.first { $0.node == member.id } }

    func fields(_ json: inout JSONWriter) {
        json.field("name", member.name)
        json.field("self", isSelf)
        json.field("reachable", current != nil)
        json.optional("role", role?.rawValue)
        json.field("peer_address", member.peerAddress)
        json.optional("client_address", account?.report.clientAddress)
        json.optional("version", account?.report.version)
        json.optional("election", account?.report.election.rawValue)
        json.optional("priority", account.map { UInt64($0.report.priority) })
        json.optional("applied_index", current?.appliedIndex.rawValue)
        json.optional("disk_sync_us", current?.diskSync?.wholeMicroseconds)
        measuredFields(&json)
        json.optional("report_age_ms", account?.age.wholeMilliseconds)
    }

    /// What lies between the leader and the member: nothing, for the leader itself.
    private func measuredFields(_ json: inout JSONWriter) {
        let answers = leads && current != nil ? MemberReport.Follower.leaderItself(member.id) : answering
        json.optional("lag", answers?.lag)
        json.optional("round_trip_us", answers?.roundTrip?.wholeMicroseconds)
        json.optional("silence_ms", (answers?.silence ?? silence)?.wholeMilliseconds)
        json.optional("snapshot_in_progress", answers?.isReceivingSnapshot)
    }

    /// How long ago the member last answered the leader.
    private var silence: TimeSpan? {
        measured.flatMap { measured in following?.silence.map { $0 + measured.age } }
    }

    /// The leader's figures of a member that answers it.
    private var answering: MemberReport.Follower? {
        guard current != nil, var following, let silence, silence < Limits.memberSilence else { return nil }
        following.silence = silence
        return following
    }

    /// Who leads is known from consensus, which is newer than any report.
    private var role: ReplicaStatus.Role? {
        if isSelf { return status.replica.role }
        if leads { return .leader }
        guard let told = current?.role, told != .leader else { return nil }
        return told
    }
}

extension MemberReport.Follower {
    fileprivate static func leaderItself(_ node: NodeID) -> MemberReport.Follower {
        MemberReport.Follower(node: node, lag: 0, roundTrip: .zero, silence: .zero, isReceivingSnapshot: false)
    }
}

extension TimeSpan {
    var wholeMicroseconds: UInt64 { UInt64(clamping: nanoseconds / 1_000) }
    var wholeMilliseconds: UInt64 { UInt64(clamping: milliseconds) }
}

extension JSONWriter {
    mutating func optional(_ name: StaticString, _ value: String?) {
        if let value { field(name, value) } else { null(name) }
    }

    mutating func optional(_ name: StaticString, _ value: UInt64?) {
        if let value { field(name, value) } else { null(name) }
    }

    mutating func optional(_ name: StaticString, _ value: Bool?) {
        if let value { field(name, value) } else { null(name) }
    }
}
