/// The second opinion: an order of the operations on each key, searched without looking at revisions.
///
/// Only two things are taken from the service's own history: whether a request of unknown outcome was carried out, and
/// that a lease's end or somebody's deletion of many keys took the key along.
extension Judge {
    mutating func search() {
        var courses = KeyCourses(log, sightings, requests)
        for request in requests { courses.add(request) }
        courses.addUnasked()
        for (key, course) in courses.byKey.sorted(by: { $0.key < $1.key }) {
            var search = OrderSearch(course)
            switch search.run() {
            case .explained: verdict.figures.searched += course.steps.count
            case .gaveUp(let after):
                verdict.figures.searched += after
                verdict.figures.unsearched += course.steps.count - after
            case .impossible(let step):
                let step = course.steps.sorted { $0.call < $1.call }[step]
                verdict.found(
                    .search, "\(key): what was answered at \(step.end) to a request of \(step.call) fits no order")
            }
        }
    }
}

/// The courses of all keys, taken from the operations that concern one key each.
private struct KeyCourses {
    private let log: StoreLog
    private let sightings: Rising
    private(set) var byKey: [String: KeyCourse] = [:]
    /// Where each value was written, and when that was first asked for.
    private var written: [String: (revision: UInt64, call: Int64)] = [:]
    /// Revisions that an operation of a course makes.
    private var made: Set<UInt64> = []

    init(_ log: StoreLog, _ sightings: Rising, _ requests: [Request]) {
        self.log = log
        self.sightings = sightings
        for change in log.changes {
            // Later ones are transactions that keep a value, and change other keys besides.
            if let record = change.record, !record.value.isEmpty, written[record.value] == nil {
                written[record.value] = (record.revision, 0)
            }
        }
        for request in requests { for value in request.invocation.values { written[value]?.call = request.call } }
    }

    mutating func add(_ request: Request) {
        let (call, end) = (request.call, request.operation.end)
        switch (request.invocation, request.response) {
        case (.get(let key, .newest), .read(let page, _)), (.wait(let key, _, _), .read(let page, _)):
            byKey[key, default: KeyCourse()].add(page.records.first?.value, from: call, to: end)
        case (.put(let put), .refused(let holder, _)):
            byKey[put.key, default: KeyCourse()].add(holder?.value, from: call, to: end)
        case (.delete(let key, _), .refused(let holder, _)):
            byKey[key, default: KeyCourse()].add(holder?.value, from: call, to: end)
        case (.put(let put), .put(let written)): add(put, request, end: end, at: written.revision)
        case (.put(let put), .wrote(_, let revision)), (.put(let put), .done(let revision)):
            add(put, request, end: end, at: revision)
        case (.put(let put), .unknown):
            guard let place = written[put.value] else { return }
            add(put, request, end: sightings.firstKnown(place.revision) ?? .max, at: place.revision)
        case (.delete(let key, let condition), .deleted(let count, let revision)):
            add(deletionOf: key, condition, count, request, at: revision)
        default: break
        }
    }

    private mutating func add(_ put: Invocation.Put, _ request: Request, end: Int64, at revision: UInt64) {
        made.insert(revision)
        var course = byKey[put.key] ?? KeyCourse()
        let requires = requirement(put.condition, of: put.key, in: &course)
        course.add(from: request.call, to: max(end, request.call), requires, leaves: course.state(put.value))
        byKey[put.key] = course
    }

    private mutating func add(
        deletionOf key: String, _ condition: Invocation.Condition, _ count: Int, _ request: Request,
        at revision: UInt64
    ) {
        var course = byKey[key] ?? KeyCourse()
        let (call, end) = (request.call, request.operation.end)
        if count == 0 {
            course.add(nil, from: call, to: end)
        } else {
            made.insert(revision)
            var requires = requirement(condition, of: key, in: &course)
            if case .anything = requires { requires = .present }
            course.add(from: call, to: end, requires, leaves: KeyCourse.absent)
        }
        byKey[key] = course
    }

    /// A condition in terms of values: a revision stands for the value written at it.
    private func requirement(
        _ condition: Invocation.Condition, of key: String, in course: inout KeyCourse
    ) -> KeyCourse.Requirement {
        switch condition {
        case .none: .anything
        case .absent: .state(KeyCourse.absent)
        case .present: .present
        case .unchanged(let revision): .state(course.state(log.record(of: key, at: revision)?.value))
        }
    }

    /// Changes that no operation on this one key made: they happened between the call of the request that wrote the value,
    /// or the value that went, and the moment they were known.
    mutating func addUnasked() {
        for change in log.changes where !made.contains(change.revision) && byKey[change.key] != nil {
            guard let end = sightings.firstKnown(change.revision), var course = byKey[change.key] else { continue }
            let before = log.record(of: change.key, at: change.revision - 1)
            let call = (change.record ?? before).flatMap { written[$0.value]?.call } ?? 0
            course.add(from: min(call, end), to: end, .anything, leaves: course.state(change.record?.value))
            byKey[change.key] = course
        }
    }
}

extension KeyCourse {
    fileprivate mutating func add(_ seen: String?, from call: Int64, to end: Int64) {
        add(from: call, to: end, .state(state(seen)))
    }
}
