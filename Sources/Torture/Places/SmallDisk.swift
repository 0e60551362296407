internal import Foundation
internal import LocalProcesses

/// A small file system for one member, in memory, that can be filled up.
struct SmallDisk: Sendable {
    private let folder: URL
    private let tool: Tool

    private static let megabytes = 768
    /// Left free when it is "full", so that this is not about the last block.
    private static let rest: UInt64 = 32 * 1024

    /// Mounts it at `folder`, which is made.
    static func mount(at folder: URL, log: URL) async throws -> SmallDisk {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let disk = SmallDisk(folder: folder, tool: Tool(log: log))
        try await disk.tool.run("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=700", "tmpfs", folder.path)
        return disk
    }

    /// Takes what is free.
    func fill() {
        var figures = statvfs()
        guard statvfs(folder.path, &figures) == 0 else { return }
        let free = UInt64(figures.f_bavail) * UInt64(figures.f_bsize)
        let descriptor = open(ballast, O_CREAT | O_WRONLY, 0o600)
        guard descriptor >= 0 else { return }
        if free > Self.rest { posix_fallocate(descriptor, 0, off_t(free - Self.rest)) }
        close(descriptor)
    }

    func empty() { unlink(ballast) }

    private var ballast: String { folder.appending(path: "ballast").path }

    /// Keeps the files where they outlive the file system, or lets them go.
    func unmount(keepingIn copy: URL?) async {
        if let copy { try? await tool.run("cp", "-r", folder.path, copy.path) }
        try? await tool.run("umount", "--lazy", folder.path)
    }
}
