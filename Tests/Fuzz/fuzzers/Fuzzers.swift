import CFuzzer
import Foundation
import Primitives

/// `fuzzers list`, `fuzzers seeds <directory>`, `fuzzers <decoder> <libFuzzer's own arguments>`.
@main
enum Fuzzers {
    private static let chosen = Decoder.all.first { $0.name == CommandLine.arguments.dropFirst().first }

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch arguments.first {
        case "list": for decoder in Decoder.all { print(decoder.name) }
        case "seeds": try writeSeeds(to: URL(filePath: arguments.last ?? "."))
        default: exit(fuzz())
        }
    }

    private static func writeSeeds(to directory: URL) throws {
        for decoder in Decoder.all {
            let folder = directory.appending(path: decoder.name)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (place, seed) in decoder.seeds().enumerated() {
                try Data(seed).write(to: folder.appending(path: "seed-\(place + 1)"))
            }
        }
    }

    /// Hands libFuzzer what follows the decoder's name.
    private static func fuzz() -> Int32 {
        guard chosen != nil else {
            print("usage: fuzzers list | seeds <directory> | <decoder> <libFuzzer's own arguments>")
            return 2
        }
        var count = CommandLine.argc - 1
        var values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
        return LLVMFuzzerRunDriver(&count, &values) { data, size in
            Fuzzers.chosen?.decode(Bytes(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
