import Foundation
internal import KeyValue
internal import NIOCore
internal import Primitives
internal import ReplicaCore

/// `Snapshot`: the state as it is when asked for, piece by piece as the client reads. The bytes are this node's own form, as
/// members send it to each other; filled up to 512 and followed by their SHA-256, by which etcd's tools know that it is whole.
final class SnapshotCall: WaitingCall, @unchecked Sendable {
    private let rpc: RPC
    private var records: StateRecords?
    private var header = Etcdserverpb_ResponseHeader()
    private var hash = SHA256()
    private var sent = 0
    private var isLast = false

    private static let pieceBytes = 32 * 1024
    private static let block = 512
    static let magic = Array("conclave state 1\n".utf8)

    init(_ rpc: RPC) {
        self.rpc = rpc
        rpc.node.state(on: rpc.loop) { [self] state in
            guard rpc.isOpen else { return }
            header = rpc.header(ReplyPosition(revision: state.revision, term: state.appliedTerm))
            records = state.records()
            var writer = ByteWriter()
            writer.write(raw: Self.magic)
            state.header.encode(into: &writer)
            send(writer.bytes)
            sendWhatFits()
        }
    }

    private func sendWhatFits() {
        while rpc.isOpen, rpc.isWritable, !isLast, records != nil { sendPiece() }
    }

    private func sendPiece() {
        var writer = ByteWriter(reserving: Self.pieceBytes + 1024)
        while writer.bytes.count < Self.pieceBytes, let record = records?.next() { record.encode(into: &writer) }
        guard writer.bytes.isEmpty else { return send(writer.bytes) }
        isLast = true
        send(Bytes(repeating: 0, count: (Self.block - sent % Self.block) % Self.block))
        send(hash.finish(), isHash: true)
        rpc.end(.ok)
    }

    private func send(_ bytes: Bytes, isHash: Bool = false) {
        guard !bytes.isEmpty else { return }
        if !isHash { hash.update(bytes) }
        sent += bytes.count
        var response = Etcdserverpb_SnapshotResponse()
        response.header = header
        response.blob = Data(bytes)
        response.version = EtcdVersion.server
        // How much is left is not known before it is encoded; clients read to the end.
        response.remainingBytes = isHash ? 0 : 1
        rpc.send(response.reply)
    }

    func cancelled() { records = nil }
    func writabilityChanged(_ writable: Bool) { if writable { sendWhatFits() } }
}
