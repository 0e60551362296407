package import Foundation

/// Folders of our own making.
package enum Folder {
    private static let removals = 100

    /// A new folder that only this user can read, below `parent` or where temporary ones go.
    package static func temporary(below parent: URL? = nil) throws -> URL {
        let parent = parent ?? FileManager.default.temporaryDirectory
        var template = Array(parent.appending(path: "conclave-XXXXXX").path.utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ClusterFailure(
                "cannot create a temporary folder in \(parent.path): \(String(cString: strerror(errno)))")
        }
        let path = template.dropLast().map { UInt8(bitPattern: $0) }
        return URL(filePath: String(decoding: path, as: UTF8.self))
    }

    /// Removes a folder with all that is in it, also while another thread removes a part of it, which makes a single
    /// removal fail half-way.
    package static func remove(_ folder: URL) {
        for _ in 0..<removals {
            try? FileManager.default.removeItem(at: folder)
            if access(folder.path, F_OK) != 0 { return }
            usleep(10_000)
        }
    }
}
