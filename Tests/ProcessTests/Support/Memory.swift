import LocalProcesses

/// The memory that a process has resident.
func residentKilobytes(_ id: Int32) throws -> Int {
    guard let figures = ProcessFigures.read(pid: id) else { throw ClusterFailure("there is no process \(id)") }
    return Int(figures.residentBytes / 1024)
}
