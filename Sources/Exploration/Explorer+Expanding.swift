// What may happen next in a state, within what is left of the bounds.

extension Explorer {
    mutating func expand() {
        if current.count > Explorer.firstLetter + bounds.letters { return loseOne() }
        var linkBegins = Explorer.firstLetter
        for position in Explorer.firstLetter..<current.count {
            if position > linkBegins, letter(at: position).link != letter(at: linkBegins).link { linkBegins = position }
            deliver(position, linkBegins: linkBegins)
        }
        for member in 0..<Explorer.size { expandMember(member) }
    }

    private mutating func deliver(_ position: Int, linkBegins: Int) {
        let (number, letter) = (current[position], letter(at: position))
        let arrives = Action.deliver(letter: number, late: false)
        attempt(arrives, at: letter.to, spent: spent, removing: linkBegins..<position + 1)
        if letter.asksForTrust, place(letter.to).isProtecting {
            let late = Action.deliver(letter: number, late: true)
            attempt(late, at: letter.to, spent: spent, removing: linkBegins..<position + 1)
        }
        if position > linkBegins, spent.count(.reorders) < bounds.reorders {
            attempt(arrives, at: letter.to, spent: spent.plusOne(.reorders), removing: position..<position + 1)
        }
        if spent.count(.duplicates) < bounds.duplicates {
            let again = Action.duplicate(letter: number)
            attempt(again, at: letter.to, spent: spent.plusOne(.duplicates), removing: linkBegins..<position)
        }
    }

    private mutating func loseOne() {
        for lost in Explorer.firstLetter..<current.count {
            scratch = current
            let letter = scratch.remove(at: lost)
            report.transitions += 1
            _ = states.insert(scratch, parent: expanding, action: Action.lose(letter: letter).packed)
        }
    }

    private mutating func expandMember(_ member: Int) {
        let place = place(member)
        let writes = place.member.writes.count
        if writes > 0 { attempt(.sync(member), at: member, spent: spent) }
        if !spent.hasCrashed(member), spent.count(.crashed).nonzeroBitCount < bounds.crashes {
            for kept in 0...writes { attempt(.crash(member, kept: kept), at: member, spent: spent.crashed(member)) }
        }
        if place.member.raft.isLeader {
            expandLeader(member, place)
        } else if spent.count(.timeouts) < bounds.timeouts {
            attempt(.timeout(member), at: member, spent: spent.plusOne(.timeouts))
        }
    }

    private mutating func expandLeader(_ member: Int, _ place: Place) {
        let entries = spent.count(.entries)
        if entries < bounds.entries, place.member.raft.acceptsProposals {
            attempt(.propose(member, entry: entries), at: member, spent: spent.plusOne(.entries))
        }
        if spent.count(.heartbeats) < bounds.heartbeats {
            attempt(.heartbeat(member), at: member, spent: spent.plusOne(.heartbeats))
        }
        if spent.count(.quorumLosses) < bounds.quorumLosses {
            attempt(.loseQuorum(member), at: member, spent: spent.plusOne(.quorumLosses))
        }
        guard spent.count(.handOvers) < bounds.handOvers, place.member.raft.acceptsProposals else { return }
        for target in 0..<Explorer.size where target != member {
            attempt(.handOver(member, to: target), at: member, spent: spent.plusOne(.handOvers))
        }
    }
}
