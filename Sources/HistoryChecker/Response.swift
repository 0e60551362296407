/// What a client was answered.
package enum Response: Hashable, Sendable {
    case put(Written)
    case deleted(Int, revision: UInt64)
    case read(Page, revision: UInt64)
    case transaction(succeeded: Bool, [StepResult], revision: UInt64)
    case granted(Grant, revision: UInt64)
    /// Per lease the milliseconds promised, or `nil` where it is gone.
    case renewed([Int64?], revision: UInt64)
    case revoked(Int, revision: UInt64)
    /// The keys that hang on a lease.
    case lease([String], revision: UInt64)
    case leases([UInt64], more: Bool, revision: UInt64)
    indirect case offices(OfficeAnswer, revision: UInt64)
    /// A put, told as etcd tells it: what was there before.
    indirect case wrote(over: Record?, revision: UInt64)
    /// Carried out; nothing else is told.
    case done(revision: UInt64)
    /// At the front of a line. The revision at which the key was created is 0 where it is not told.
    indirect case seated(String, created: UInt64, revision: UInt64)
    /// The condition did not hold; the key as it was.
    case refused(holder: Record?, revision: UInt64)
    /// The lease is not there.
    case gone(revision: UInt64)
    /// Certainly not carried out.
    case failed(String)
    /// It may have been carried out, or be carried out later.
    case unknown

    /// What a writer is told of the key it wrote.
    package struct Written: Hashable, Sendable {
        package var revision: UInt64
        package var created: UInt64
        package var version: UInt64
        /// Whether the key did not exist before.
        package var isNew: Bool
        package var grant: Grant?
        package init(revision: UInt64, created: UInt64, version: UInt64, isNew: Bool, grant: Grant? = nil) {
            self.revision = revision
            self.created = created
            self.version = version
            self.isNew = isNew
            self.grant = grant
        }
    }

    /// A lease as its holder is told of it, in milliseconds.
    package struct Grant: Hashable, Sendable {
        package var lease: UInt64
        package var ttl: Int64
        /// What the holder may rely on from the moment it sent the request; at most ``ttl``.
        package var valid: Int64
        package init(lease: UInt64, ttl: Int64, valid: Int64) {
            self.lease = lease
            self.ttl = ttl
            self.valid = valid
        }
    }

    /// Some keys in byte order.
    package struct Page: Hashable, Sendable {
        package var records: [Record]
        /// How many there are from the page's start on, whatever its limit.
        package var count: Int
        package var more: Bool
        package init(_ records: [Record], count: Int, more: Bool) {
            self.records = records
            self.count = count
            self.more = more
        }

        /// A page that has all there is.
        package init(all records: [Record]) { self.init(records, count: records.count, more: false) }
    }

    /// What one step of a transaction came to.
    package enum StepResult: Hashable, Sendable {
        case put(Written)
        case read(Page)
        case deleted(Int)
        /// A put of which nothing is told.
        case wrote
        case transaction(succeeded: Bool, [StepResult], revision: UInt64)
    }

    /// The revision that the answer shows to have been reached; `nil` when it shows none.
    package var revision: UInt64? {
        switch self {
        case .put(let written): written.revision
        case .deleted(_, let revision), .read(_, let revision), .transaction(_, _, let revision),
            .granted(_, let revision), .renewed(_, let revision), .revoked(_, let revision), .lease(_, let revision),
            .leases(_, _, let revision), .refused(_, let revision), .gone(let revision), .offices(_, let revision),
            .wrote(_, let revision), .done(let revision), .seated(_, _, let revision):
            revision
        case .failed, .unknown: nil
        }
    }

    /// Whether the state machine answered, rather than a node that could not ask it.
    package var isDefinite: Bool { revision != nil }
}
