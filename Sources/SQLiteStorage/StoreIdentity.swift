package import Primitives

/// Whose data a directory holds; kept in every file, so that a wrong one is refused.
package struct StoreIdentity: Hashable, Sendable {
    package var cluster: ClusterID
    package var node: NodeID
    package var nodeName: String
    /// The cluster in words a person recognises, for messages: its members' names, for instance.
    package var clusterDescription: String
    package init(cluster: ClusterID, node: NodeID, nodeName: String, clusterDescription: String) {
        self.cluster = cluster
        self.node = node
        self.nodeName = nodeName
        self.clusterDescription = clusterDescription
    }

    /// Throws unless data of `stored` may be opened as this identity's.
    func check(against stored: StoreIdentity, path: String) throws(StorageError) {
        guard stored.cluster == cluster else {
            throw .otherCluster(path: path, holds: stored.clusterDescription, wanted: clusterDescription)
        }
        guard stored.node == node else {
            throw .otherMember(path: path, holds: stored.nodeName, wanted: nodeName)
        }
    }
}
