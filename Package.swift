// swift-tools-version: 6.2
import PackageDescription

/// libFuzzer, when `.ci/fuzz` builds: then there are fuzzers, and every target of ours counts which ways it takes.
let fuzzerRuntime = Context.environment["CONCLAVE_FUZZER_RUNTIME"]

/// Every target of ours: Swift 6 mode (implied by the tools version), warnings are errors.
let strict: [SwiftSetting] =
    [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
    ] + (fuzzerRuntime == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer"])])

let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "conclave",
    products: [
        .executable(name: "conclave", targets: ["conclave"]),
        .executable(name: "simulator", targets: ["simulator"]),
        .executable(name: "tortured-member", targets: ["tortured-member"]),
        .library(name: "ConclaveClient", targets: ["ConclaveClient"]),
        .library(name: "Simulation", targets: ["Simulation"]),
    ],
    traits: [
        .trait(
            name: "PlantedBugs",
            description: "Mistakes that a simulation can build into the core, to show that its checks see them.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // The pure core: no IO, no clock, no randomness, no Foundation.
        .target(name: "Primitives", swiftSettings: strict),
        .target(name: "Consensus", dependencies: ["Primitives", collections], swiftSettings: strict),
        .target(name: "KeyValue", dependencies: ["Primitives", collections, heap], swiftSettings: strict),
        .target(
            name: "ReplicaCore", dependencies: ["Primitives", "Consensus", "KeyValue", collections],
            swiftSettings: strict),
        .target(
            name: "Simulation", dependencies: ["Exploration", "HistoryChecker", "ReplicaCore"],
            swiftSettings: strict),
        .target(name: "Exploration", dependencies: ["Primitives", "Consensus"], swiftSettings: strict),
        .target(name: "HistoryChecker", swiftSettings: strict),

        // The shell around it.
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        // Between SQLite and the file system, which is a matter of C.
        .target(name: "CGathering", dependencies: ["CSQLite"]),
        .target(
            name: "SQLiteStorage", dependencies: ["Consensus", "KeyValue", "Primitives", "CSQLite", "CGathering"],
            swiftSettings: strict),
        // The processor's instruction for the checksum of frames.
        .target(name: "CChecksum"),
        .target(
            name: "PeerTransport", dependencies: ["Primitives", "CChecksum", nioCore, nioPosix, logging],
            swiftSettings: strict),
        .target(
            name: "Node",
            dependencies: [
                "ReplicaCore", "SQLiteStorage", "PeerTransport", nioCore, nioPosix, logging, metrics,
            ],
            swiftSettings: strict),
        .target(
            name: "HTTPAPI",
            dependencies: ["Node", "ReplicaCore", nioCore, nioPosix, nioHTTP1, logging, metrics, coreMetrics],
            resources: [.embedInCode("Resources")],
            swiftSettings: strict),
        .target(
            name: "EtcdAPI",
            dependencies: [
                "HTTPAPI", "Node", "ReplicaCore", nioCore, nioHTTP2, nioHPACK, protobuf, coreMetrics,
            ],
            exclude: ["Protos"], swiftSettings: strict),

        // What people hold in their hands.
        .target(
            name: "ConclaveClient", dependencies: [asyncHTTPClient, nioCore, nioPosix, nioHTTP1],
            swiftSettings: strict),
        .target(name: "LocalProcesses", swiftSettings: strict),
        .target(
            name: "LoadGenerator",
            dependencies: ["LocalProcesses", nioCore, nioPosix, nioHTTP1, nioHPACK, histogram],
            swiftSettings: strict),
        .target(
            name: "Simulating",
            dependencies: ["Consensus", "Exploration", "Primitives", "Simulation", argumentParser],
            swiftSettings: strict),
        // Three commands of `conclave` alone: all of it takes many times as long to build for speed. With real stores besides.
        .executableTarget(
            name: "simulator", dependencies: ["Simulating", "CrashDiskStores", argumentParser], swiftSettings: strict),
        .target(
            name: "Torture",
            dependencies: [
                "HistoryChecker", "LocalProcesses", "LoadGenerator", "ConclaveClient", "Primitives", asyncHTTPClient,
                nioCore,
                nioHTTP1,
            ],
            swiftSettings: strict),
        .target(
            name: "Serving",
            dependencies: [
                "Node", "HTTPAPI", "EtcdAPI", "SQLiteStorage", argumentParser, configuration, systemPackage, lifecycle,
                unixSignals,
                logging, metrics, nioPosix,
            ],
            swiftSettings: strict),
        // The process between `conclave elect` and its command: a fork, which Swift cannot do.
        .target(name: "CKeeper"),
        .executableTarget(
            name: "conclave",
            dependencies: [
                "CKeeper", "Consensus", "ConclaveClient", "LoadGenerator", "LocalProcesses", "Serving", "Simulating",
                "SQLiteStorage", "Torture",
                argumentParser, unixSignals, nioCore,
            ],
            swiftSettings: strict),

        .testTarget(name: "PrimitivesTests", dependencies: ["Primitives"], swiftSettings: strict),
        .testTarget(name: "ConsensusTests", dependencies: ["Consensus", "Exploration"], swiftSettings: strict),
        .testTarget(name: "KeyValueTests", dependencies: ["KeyValue"], swiftSettings: strict),
        .testTarget(name: "ReplicaCoreTests", dependencies: ["ReplicaCore"], swiftSettings: strict),
        .testTarget(name: "ExplorationTests", dependencies: ["Exploration"], swiftSettings: strict),
        .testTarget(
            name: "ScenarioTests", dependencies: ["Exploration"], exclude: ["Scenarios"], swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "Exploration", "CrashDiskStores"],
            swiftSettings: strict),
        .testTarget(name: "HistoryCheckerTests", dependencies: ["HistoryChecker"], swiftSettings: strict),
        // A disk in memory for tests: what was not synced is lost or torn when they say so.
        .target(name: "CCrashDisk", dependencies: ["CSQLite"], path: "Tests/CCrashDisk"),
        .target(
            name: "CrashDisk", dependencies: ["SQLiteStorage", "CCrashDisk", "Primitives"], path: "Tests/CrashDisk",
            swiftSettings: strict),
        // The stores that ship, on such a disk, for some worlds of `simulator`; never for `conclave`.
        .target(
            name: "CrashDiskStores",
            dependencies: [
                "CrashDisk", "CCrashDisk", "SQLiteStorage", "Simulation", "ReplicaCore", "Consensus", "KeyValue",
                "Primitives",
            ],
            path: "Tests/CrashDiskStores", swiftSettings: strict),
        .testTarget(
            name: "SQLiteStorageTests", dependencies: ["SQLiteStorage", "CCrashDisk", "CrashDisk"],
            swiftSettings: strict),
        // A member on such a disk, for `conclave torture`.
        .executableTarget(
            name: "tortured-member", dependencies: ["Serving", "CrashDisk", "SQLiteStorage", "LocalProcesses"],
            path: "Tests/TorturedMember", swiftSettings: strict),
        .testTarget(name: "PeerTransportTests", dependencies: ["PeerTransport"], swiftSettings: strict),
        .testTarget(name: "NodeTests", dependencies: ["Node", nioPosix, logging], swiftSettings: strict),
        .testTarget(
            name: "HTTPAPITests", dependencies: ["HTTPAPI", nioEmbedded], swiftSettings: strict),
        .testTarget(
            name: "EtcdAPITests",
            dependencies: ["EtcdAPI", "HTTPAPI", nioCore, nioPosix, nioEmbedded, nioHTTP2, nioHPACK, protobuf],
            swiftSettings: strict),
        .testTarget(
            name: "ConclaveClientTests", dependencies: ["ConclaveClient", nioCore, nioPosix, nioHTTP1],
            swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests", dependencies: ["conclave", "ConclaveClient", "Serving"], swiftSettings: strict),
        .testTarget(
            name: "TortureTests",
            dependencies: ["Torture", "HistoryChecker", "LoadGenerator", "LocalProcesses", nioCore, nioHTTP1],
            swiftSettings: strict),
        .testTarget(name: "LocalProcessesTests", dependencies: ["LocalProcesses"], swiftSettings: strict),
        .testTarget(
            name: "LoadGeneratorTests",
            dependencies: ["LoadGenerator", "LocalProcesses", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK],
            swiftSettings: strict),
        .testTarget(
            name: "ProcessTests",
            dependencies: ["conclave", "tortured-member", asyncHTTPClient, "ConclaveClient", "LocalProcesses"],
            swiftSettings: strict),
    ]
)

if let fuzzerRuntime {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "fuzzers",
            dependencies: [
                "CFuzzer", "Primitives", "Consensus", "KeyValue", "ReplicaCore", "SQLiteStorage", "PeerTransport",
                "HTTPAPI", "EtcdAPI", nioCore, nioHTTP1, protobuf,
            ],
            path: "Tests/Fuzz/fuzzers", swiftSettings: strict,
            linkerSettings: [.unsafeFlags([fuzzerRuntime]), .linkedLibrary("stdc++")]),
    ]
}
