import ArgumentParser

/// `conclave bench`: the load generator.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Drive a cluster with a workload, or compare Conclave with etcd.",
        discussion: """
            Every workload drives Conclave's native API or, with --target etcd, etcd's JSON gateway, with the same \
            code; create, put, get, serial and renew also etcd's gateway and gRPC of either (--wire). Every answer is checked; a wrong one counts as an error, and errors make the exit code 1.

            EXAMPLE
              conclave dev --nodes 3 &
              conclave bench put --endpoints 127.0.0.1:2379,127.0.0.1:2479,127.0.0.1:2579
              conclave bench put --endpoints 10.0.0.9:2379 --target etcd
            """,
        subcommands: [
            BenchCreate.self, BenchPut.self, BenchGet.self, BenchSerial.self, BenchRenew.self, BenchWatch.self,
            BenchExpiry.self, BenchStorm.self, BenchSuccession.self, BenchOffice.self, BenchSessions.self,
            BenchComeback.self, BenchFailover.self, BenchDoubleFailure.self, BenchCompare.self,
        ])
}
