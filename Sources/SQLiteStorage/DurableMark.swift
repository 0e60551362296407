internal import Consensus
internal import Primitives

/// How far this node's log once was durable. Lags behind the log, and is never ahead of it while the log is whole:
/// a log shorter than its mark has lost acknowledged entries.
struct DurableMark: Hashable {
    var cluster: ClusterID
    var node: NodeID
    var incarnation: Incarnation
    var term: Term
    /// The vote given in ``term``, as far as the mark knows.
    var votedFor: NodeID?
    var index: LogIndex
    /// The chain value of the entry at `index`.
    var chain: UInt64
    /// The directory, until it has joined the cluster.
    var blank: DirectoryID?
    /// Whether the log lost what may have been acknowledged, and no leader has repaired it yet.
    var isDamaged = false

    func belongs(to identity: StoreIdentity) -> Bool { cluster == identity.cluster && node == identity.node }

    static let encodedBytes = 12 * 8
    private static let magic: UInt64 = 0x344B_524D_564C_4E43
    /// Of marks that earlier releases wrote: a word shorter, without a word for damage.
    private static let magicWithoutDamage: UInt64 = 0x334B_524D_564C_4E43
    /// Of marks two words shorter, of directories that count as having joined.
    private static let magicWithoutBlank: UInt64 = 0x324B_524D_564C_4E43
    /// Of marks that release 0.1.0 wrote: three words shorter, also without the vote.
    private static let magicWithoutVote: UInt64 = 0x314B_524D_564C_4E43

    func encoded(sequence: UInt64) -> Bytes {
        var writer = ByteWriter(reserving: Self.encodedBytes)
        for word in [
            Self.magic, sequence, cluster.rawValue, node.rawValue, incarnation.rawValue, term.rawValue,
            index.rawValue, chain, votedFor?.rawValue ?? 0, blank?.rawValue ?? 0, isDamaged ? 1 : 0,
        ] { writer.write(word) }
        writer.write(Self.checksum(writer.bytes))
        return writer.bytes
    }

    /// The mark in a slot's bytes; `nil` unless every one of them is as it was written.
    static func decode(_ bytes: Bytes) -> (mark: DurableMark, sequence: UInt64)? {
        var reader = ByteReader(bytes)
        var words: [UInt64] = []
        while let word = try? reader.readUInt64() { words.append(word) }
        let lasts = [magic: 11, magicWithoutDamage: 10, magicWithoutBlank: 9, magicWithoutVote: 8]
        guard words.count == 12, let last = lasts[words[0]],
            words[last] == checksum(Bytes(bytes[..<(last * 8)]))
        else { return nil }
        let vote = last >= 9 && words[8] != 0 ? NodeID(words[8]) : nil
        let blank = last >= 10 && words[9] != 0 ? DirectoryID(words[9]) : nil
        let mark = DurableMark(
            cluster: ClusterID(rawValue: words[2]), node: NodeID(words[3]), incarnation: Incarnation(words[4]),
            term: Term(words[5]), votedFor: vote, index: LogIndex(words[6]), chain: words[7],
            blank: blank, isDamaged: last == 11 && words[10] != 0)
        return (mark, words[1])
    }

    private static func checksum(_ bytes: Bytes) -> UInt64 {
        var digest = Digest()
        digest.combine(bytes)
        return digest.value
    }
}

/// `log.mark`: two slots, of which one is durable at any time; the other takes the lazy writes.
final class MarkFile {
    static let slotBytes = 4096

    private let file: any StoreFile
    private var sequence: UInt64 = 0
    /// The slot that may be written over: the other one is known to be on the disk.
    private var scratchSlot = 0
    /// The last mark written, durable or not.
    private(set) var current: DurableMark?
    /// Whether ``current`` is known to be on the disk.
    private(set) var isDurable = false

    init(in directory: any StoreDirectory) throws(StorageError) {
        // Both slots get their space now, so that a full disk cannot stop the mark.
        file = try directory.openFile("log.mark", bytes: 2 * Self.slotBytes)
        try directory.rewrite("log.mark")
        let file = file
        let slots = (0...1).map { slot in
            file.read(at: slot * Self.slotBytes, count: DurableMark.encodedBytes).flatMap(DurableMark.decode)
        }
        guard let newest = (0...1).filter({ slots[$0] != nil }).max(by: { slots[$0]!.sequence < slots[$1]!.sequence })
        else { return }
        current = slots[newest]!.mark
        sequence = slots[newest]!.sequence
        scratchSlot = 1 - newest
        isDurable = true
    }

    var path: String { file.path }

    /// Writes `mark` without waiting for the disk.
    func advance(to mark: DurableMark) throws(StorageError) {
        sequence += 1
        try file.write(mark.encoded(sequence: sequence), at: scratchSlot * Self.slotBytes)
        current = mark
        isDurable = false
    }

    /// Waits until the last mark written is on the disk; the older slot becomes the scratch one.
    func makeDurable() throws(StorageError) {
        guard !isDurable else { return }
        try file.sync()
        scratchSlot = 1 - scratchSlot
        isDurable = true
    }
}
