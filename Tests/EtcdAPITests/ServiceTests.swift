import Foundation
import KeyValue
import Primitives
import Testing

@testable import EtcdAPI

@Suite struct ServiceTests {
    @Test func aKeyIsPutReadAndDeleted() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let first: Etcdserverpb_PutResponse = try await client.call("/etcdserverpb.KV/Put", put("a", "1"))
                #expect(first.header.revision == 2)
                #expect(first.header.memberID == NodeID(name: "n1").rawValue)
                let second: Etcdserverpb_PutResponse = try await client.call(
                    "/etcdserverpb.KV/Put", put("a", "2").with { $0.prevKv = true })
                #expect(second.prevKv.value.text == "1")
                #expect(second.header.revision == 3)
                let read: Etcdserverpb_RangeResponse = try await client.call("/etcdserverpb.KV/Range", range("a"))
                #expect(read.count == 1)
                #expect(read.kvs.map(\.version) == [2])
                #expect(read.kvs.map(\.createRevision) == [2])
                let old: Etcdserverpb_RangeResponse = try await client.call(
                    "/etcdserverpb.KV/Range", range("a").with { $0.revision = 2 })
                #expect(old.kvs.map(\.value.text) == ["1"])
                #expect(old.header.revision == 3)
                let deleted: Etcdserverpb_DeleteRangeResponse = try await client.call(
                    "/etcdserverpb.KV/DeleteRange",
                    Etcdserverpb_DeleteRangeRequest.with {
                        $0.key = Data("a".utf8)
                        $0.prevKv = true
                    })
                #expect(deleted.deleted == 1)
                #expect(deleted.prevKvs.map(\.value.text) == ["2"])
                #expect(deleted.header.revision == 4)
            }
        }
    }

    @Test func rangesAreSortedFilteredAndCutAsEtcdDoes() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                for (key, value) in [("a", "3"), ("b", "1"), ("c", "2"), ("d", "1")] {
                    let _: Etcdserverpb_PutResponse = try await client.call("/etcdserverpb.KV/Put", put(key, value))
                }
                func keys(_ change: (inout Etcdserverpb_RangeRequest) -> Void) async throws -> String {
                    let read: Etcdserverpb_RangeResponse = try await client.call(
                        "/etcdserverpb.KV/Range", range("a", to: "\0").with(change))
                    #expect(read.count == 4)
                    return read.kvs.map(\.key.text).joined() + (read.more ? "…" : "")
                }
                let plain = try await keys({ _ in })
                #expect(plain == "abcd")
                let cut = try await keys({ $0.limit = 2 })
                #expect(cut == "ab…")
                let unbounded = try await keys({ $0.limit = .max })
                #expect(unbounded == "abcd")
                let exact = try await keys({ $0.limit = 4 })
                #expect(exact == "abcd")
                let descending = try await keys({ $0.sortOrder = .descend })
                #expect(descending == "dcba")
                let byValue = try await keys({
                    $0.sortTarget = .value
                    $0.sortOrder = .ascend
                })
                #expect(byValue == "bdca")
                let newest = try await keys({
                    $0.sortTarget = .mod
                    $0.sortOrder = .descend
                    $0.limit = 3
                })
                #expect(newest == "dcb…")
                let filtered = try await keys({
                    $0.minModRevision = 3
                    $0.maxCreateRevision = 4
                })
                #expect(filtered == "bc")
                let counted = try await keys({ $0.countOnly = true })
                #expect(counted == "")
                let bare: Etcdserverpb_RangeResponse = try await client.call(
                    "/etcdserverpb.KV/Range", range("a").with { $0.keysOnly = true })
                #expect(bare.kvs.map(\.value.count) == [0])
            }
        }
    }

    @Test func aRangeLargerThanAPageComesWhole() async throws {
        try await TestNode.run { node in
            let count = Limits.rangePage + 500
            // Few transactions with many keys each.
            for start in stride(from: 0, to: count, by: 100) {
                let operations = (start..<min(count, start + 100)).map { number in
                    Transaction.Operation.put(Put(key: Array("k\(100_000 + number)".utf8), value: [1]))
                }
                try await node.write(.transaction(Transaction(comparisons: [], then: operations, otherwise: [])))
            }
            try await node.connected { client in
                let read: Etcdserverpb_RangeResponse = try await client.call(
                    "/etcdserverpb.KV/Range", range("k", to: "l"))
                #expect(read.count == Int64(count))
                #expect(read.kvs.count == count)
                #expect(!read.more)
                #expect(read.kvs.map(\.key.text) == read.kvs.map(\.key.text).sorted())
                let last: Etcdserverpb_RangeResponse = try await client.call(
                    "/etcdserverpb.KV/Range",
                    range("k", to: "l").with {
                        $0.sortOrder = .descend
                        $0.limit = 1
                    })
                #expect(last.kvs.map(\.key.text) == ["k\(100_000 + count - 1)"])
            }
        }
    }

    @Test func transactionsNestAndTellTheirRevisions() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let request = Etcdserverpb_TxnRequest.with { txn in
                    txn.compare = [
                        .with {
                            $0.key = Data("a".utf8)
                            $0.rangeEnd = Data([0])
                            $0.target = .create
                            $0.createRevision = 0
                        }
                    ]
                    txn.success = [
                        .with { $0.requestRange = range("a") },
                        .with { $0.requestPut = put("a", "1") },
                        .with {
                            $0.requestTxn = .with { inner in
                                // Looks at the state before: there is no "a" yet.
                                inner.compare = [
                                    .with {
                                        $0.key = Data("a".utf8); $0.target = .version; $0.version = 1
                                    }
                                ]
                                inner.success = [.with { $0.requestPut = put("x", "") }]
                                inner.failure = [.with { $0.requestPut = put("b", "2").with { $0.prevKv = true } }]
                            }
                        },
                        .with { $0.requestRange = range("a", to: "c") },
                    ]
                }
                let answer: Etcdserverpb_TxnResponse = try await client.call("/etcdserverpb.KV/Txn", request)
                #expect(answer.succeeded)
                #expect(answer.header.revision == 2)
                #expect(answer.responses.count == 4)
                #expect(answer.responses[0].responseRange.header.revision == 1)
                #expect(answer.responses[1].responsePut.header.revision == 2)
                #expect(!answer.responses[2].responseTxn.succeeded)
                #expect(answer.responses[2].responseTxn.responses[0].responsePut.header.revision == 2)
                #expect(answer.responses[3].responseRange.kvs.map(\.key.text) == ["a", "b"])
                #expect(answer.responses[3].responseRange.header.revision == 2)
            }
        }
    }

    @Test func mistakesAreToldInEtcdsWords() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                func put(_ change: (inout Etcdserverpb_PutRequest) -> Void) async throws -> RPCStatus {
                    try await client.failure("/etcdserverpb.KV/Put", Etcdserverpb_PutRequest.with(change))
                }
                let noKey = try await put({ _ in })
                #expect(noKey == .emptyKey)
                let nothingToKeep = try await put({
                    $0.key = Data([1]); $0.ignoreValue = true
                })
                #expect(nothingToKeep == .keyNotFound)
                let needlessValue = try await put({
                    $0.key = Data([1]); $0.ignoreValue = true; $0.value = Data([1])
                })
                #expect(needlessValue == .valueProvided)
                let needlessLease = try await put({
                    $0.key = Data([1]); $0.ignoreLease = true; $0.lease = 1
                })
                #expect(needlessLease == .leaseProvided)
                let noLease = try await put({
                    $0.key = Data([1]); $0.lease = 77
                })
                #expect(noLease == .leaseNotFound)
                let large = try await put({
                    $0.key = Data([1]); $0.value = Data(count: Limits.etcdRequestBytes)
                })
                #expect(large == .tooLarge)
                #expect(
                    try await client.failure("/etcdserverpb.KV/Range", range("a").with { $0.revision = 9 })
                        == .futureRevision)
                #expect(
                    try await client.failure(
                        "/etcdserverpb.KV/Range", range("a").with { $0.sortOrder = .UNRECOGNIZED(7) }) == .invalidSort)
                let twice = Etcdserverpb_TxnRequest.with { txn in
                    txn.success = [
                        .with { $0.requestPut = EtcdAPITests.put("a", "") },
                        .with { $0.requestTxn.failure = [.with { $0.requestPut = EtcdAPITests.put("a", "") }] },
                    ]
                }
                #expect(try await client.failure("/etcdserverpb.KV/Txn", twice) == .duplicateKey)
                let many = Etcdserverpb_TxnRequest.with { txn in
                    txn.success = (0..<129).map { number in .with { $0.requestPut = EtcdAPITests.put("\(number)", "") }
                    }
                }
                #expect(try await client.failure("/etcdserverpb.KV/Txn", many) == .tooManyOperations)
                #expect(
                    try await client.failure(
                        "/etcdserverpb.Auth/Authenticate", Etcdserverpb_AuthenticateRequest()) == .authNotEnabled)
                #expect(
                    try await client.failure(
                        "/etcdserverpb.Cluster/MemberAdd", Etcdserverpb_MemberAddRequest()
                    ).code == .unimplemented)
            }
        }
    }

    @Test func historyIsCompactedOnce() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                for number in 1...5 {
                    let _: Etcdserverpb_PutResponse = try await client.call(
                        "/etcdserverpb.KV/Put", put("a", "\(number)"))
                }
                func compact(_ revision: Int64) -> Etcdserverpb_CompactionRequest { .with { $0.revision = revision } }
                let path = "/etcdserverpb.KV/Compact"
                #expect(try await client.failure(path, compact(7)) == .futureRevision)
                let _: Etcdserverpb_CompactionResponse = try await client.call(path, compact(4))
                #expect(try await client.failure(path, compact(4)) == .compacted)
                #expect(
                    try await client.failure("/etcdserverpb.KV/Range", range("a").with { $0.revision = 3 })
                        == .compacted)
                let kept: Etcdserverpb_RangeResponse = try await client.call(
                    "/etcdserverpb.KV/Range", range("a").with { $0.revision = 4 })
                #expect(kept.kvs.map(\.value.text) == ["3"])
            }
        }
    }

    @Test func leasesLiveInWholeSeconds() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let granted: Etcdserverpb_LeaseGrantResponse = try await client.call(
                    "/etcdserverpb.Lease/LeaseGrant", Etcdserverpb_LeaseGrantRequest.with { $0.ttl = 1 })
                #expect(granted.id > 0)
                #expect(granted.ttl == 2)
                let lease = granted.id
                #expect(
                    try await client.failure(
                        "/etcdserverpb.Lease/LeaseGrant",
                        Etcdserverpb_LeaseGrantRequest.with {
                            $0.ttl = 9; $0.id = lease
                        }) == .leaseExists)
                #expect(
                    try await client.failure(
                        "/etcdserverpb.Lease/LeaseGrant",
                        Etcdserverpb_LeaseGrantRequest.with { $0.ttl = 9_000_000_001 }) == .leaseTooLong)
                let _: Etcdserverpb_PutResponse = try await client.call(
                    "/etcdserverpb.KV/Put", put("a", "1", lease: lease))
                let alive = try await client.begin("/etcdserverpb.Lease/LeaseKeepAlive")
                try alive.send(Etcdserverpb_LeaseKeepAliveRequest.with { $0.id = lease })
                try alive.send(Etcdserverpb_LeaseKeepAliveRequest.with { $0.id = 4711 })
                let renewed: Etcdserverpb_LeaseKeepAliveResponse = try await alive.message(0)
                #expect(renewed.ttl == 2)
                let gone: Etcdserverpb_LeaseKeepAliveResponse = try await alive.message(1)
                #expect(gone.ttl == 0)
                #expect(gone.id == 4711)
                alive.endRequests()
                #expect(try await alive.status() == .ok)
                let left: Etcdserverpb_LeaseTimeToLiveResponse = try await client.call(
                    "/etcdserverpb.Lease/LeaseTimeToLive",
                    Etcdserverpb_LeaseTimeToLiveRequest.with {
                        $0.id = lease; $0.keys = true
                    })
                #expect((1...2).contains(left.ttl))
                #expect(left.keys.map(\.text) == ["a"])
                let list: Etcdserverpb_LeaseLeasesResponse = try await client.call(
                    "/etcdserverpb.Lease/LeaseLeases", Etcdserverpb_LeaseLeasesRequest())
                #expect(list.leases.map(\.id) == [lease])
                let _: Etcdserverpb_LeaseRevokeResponse = try await client.call(
                    "/etcdserverpb.Lease/LeaseRevoke", Etcdserverpb_LeaseRevokeRequest.with { $0.id = lease })
                #expect(
                    try await client.failure(
                        "/etcdserverpb.Lease/LeaseRevoke", Etcdserverpb_LeaseRevokeRequest.with { $0.id = lease })
                        == .leaseNotFound)
                let none: Etcdserverpb_LeaseTimeToLiveResponse = try await client.call(
                    "/etcdserverpb.Lease/LeaseTimeToLive", Etcdserverpb_LeaseTimeToLiveRequest.with { $0.id = lease })
                #expect(none.ttl == -1)
            }
        }
    }

    @Test func aShortNativeLeaseIsNeverShownAsNothing() async throws {
        try await TestNode.run { node in
            try await node.write(.grantLease(LeaseID(5), ttl: .milliseconds(300)))
            try await node.connected { client in
                let alive = try await client.begin("/etcdserverpb.Lease/LeaseKeepAlive")
                try alive.send(Etcdserverpb_LeaseKeepAliveRequest.with { $0.id = 5 })
                let renewed: Etcdserverpb_LeaseKeepAliveResponse = try await alive.message(0)
                #expect(renewed.ttl == 1)
            }
        }
    }

    @Test func membersAndTheNodeAreDescribed() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let list: Etcdserverpb_MemberListResponse = try await client.call(
                    "/etcdserverpb.Cluster/MemberList", Etcdserverpb_MemberListRequest.with { $0.linearizable = true })
                #expect(list.members.map(\.name) == ["n1"])
                #expect(list.members.map(\.clientUrls) == [["http://127.0.0.1:\(node.port)"]])
                let status: Etcdserverpb_StatusResponse = try await client.call(
                    "/etcdserverpb.Maintenance/Status", Etcdserverpb_StatusRequest())
                #expect(status.leader == NodeID(name: "n1").rawValue)
                #expect(status.version.hasPrefix("3.6."))
                #expect(status.raftTerm > 0)
                let first: Etcdserverpb_HashKVResponse = try await client.call(
                    "/etcdserverpb.Maintenance/HashKV", Etcdserverpb_HashKVRequest())
                let _: Etcdserverpb_PutResponse = try await client.call("/etcdserverpb.KV/Put", put("a", "1"))
                let second: Etcdserverpb_HashKVResponse = try await client.call(
                    "/etcdserverpb.Maintenance/HashKV", Etcdserverpb_HashKVRequest())
                #expect(first.hash != second.hash)
                let old: Etcdserverpb_HashKVResponse = try await client.call(
                    "/etcdserverpb.Maintenance/HashKV", Etcdserverpb_HashKVRequest.with { $0.revision = 1 })
                #expect(old.hash == first.hash)
                let health: Grpc_Health_V1_HealthCheckResponse = try await client.call(
                    "/grpc.health.v1.Health/Check", Grpc_Health_V1_HealthCheckRequest())
                #expect(health.status == .serving)
            }
        }
    }

    @Test func aSnapshotIsWhole() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                for number in 0..<20 {
                    let _: Etcdserverpb_PutResponse = try await client.call(
                        "/etcdserverpb.KV/Put", put("k\(number)", String(repeating: "x", count: 9_000)))
                }
                let call = try await client.begin("/etcdserverpb.Maintenance/Snapshot")
                try call.send(Etcdserverpb_SnapshotRequest())
                call.endRequests()
                #expect(try await call.status() == .ok)
                let messages = call.state.withLock { $0.messages }
                let bytes = try messages.flatMap { try Array(Etcdserverpb_SnapshotResponse(serializedBytes: $0).blob) }
                #expect(bytes.count % 512 == 32)
                var hash = SHA256()
                hash.update(Array(bytes.dropLast(32)))
                #expect(Array(bytes.suffix(32)) == hash.finish())
            }
        }
    }
}

extension Etcdserverpb_RangeRequest {
    func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}

extension Etcdserverpb_PutRequest {
    func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}

extension TestNode {
    /// Carries out a command as the native API would.
    func write(_ command: Command) async throws {
        let loop = MultiThreadedLoop.shared
        let failure: String? = await withCheckedContinuation { continuation in
            node.submit(.write(Proposal(command: command)), timeout: .seconds(5), on: loop) { reply in
                if case .written(let result, _) = reply, !result.isFailure {
                    continuation.resume(returning: nil)
                } else {
                    continuation.resume(returning: "\(reply)")
                }
            }
        }
        #expect(failure == nil)
    }
}

extension CommandResult {
    fileprivate var isFailure: Bool { if case .failed = self { true } else { false } }
}
