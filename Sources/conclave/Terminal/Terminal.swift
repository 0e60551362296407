import ArgumentParser
import Foundation

/// Standard output and standard error, byte-safe and unbuffered.
enum Terminal {
    /// Whether a person looks at the output.
    static let isInteractive = isatty(STDOUT_FILENO) == 1
    /// Whether colours are welcome (https://no-color.org).
    static let isColored = isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

    /// One line to standard output.
    static func say(_ line: String) { write(Array(line.utf8) + [UInt8(ascii: "\n")]) }

    /// One line to standard error.
    static func complain(_ line: String) { write(Array(line.utf8) + [UInt8(ascii: "\n")], to: STDERR_FILENO) }

    /// All of `bytes`, as they are. A reader who has gone away (`… | head -1`) ends the process quietly.
    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                exit(errno == EPIPE ? 0 : Exit.other)
            }
        }
    }

    /// All of standard input, up to a bound far above what a node accepts as a value.
    static func readAll() throws -> [UInt8] {
        let data = try FileHandle.standardInput.read(upToCount: maximumInput + 1) ?? Data()
        guard data.count <= maximumInput else {
            throw ValidationError("standard input holds more than \(maximumInput) bytes")
        }
        return Array(data)
    }

    /// All of a file.
    static func readFile(_ path: String) throws -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch let error as CocoaError {
            let reason = (error.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
            throw ValidationError("cannot read \(path): \(reason ?? error.localizedDescription)")
        }
    }

    private static let maximumInput = 16 * 1024 * 1024
}

/// Colours, where they are welcome.
enum Tone: Int {
    case faint = 2
    case red = 31
    case green = 32
    case yellow = 33
    case blue = 34
    case cyan = 36

    /// `text` in this tone on a terminal, as it is elsewhere.
    func callAsFunction(_ text: String) -> String {
        Terminal.isColored ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
