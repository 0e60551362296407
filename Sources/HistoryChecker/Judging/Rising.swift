/// A number that only grows, and when how much of it was known.
struct Rising {
    /// Moments at which a larger one was known than before, in order.
    private var times: [Int64] = []
    private var newest: [UInt64] = []

    init(_ seen: [(time: Int64, number: UInt64)]) {
        for (time, number) in seen.sorted(by: { $0.time < $1.time }) where number > last {
            times.append(time)
            newest.append(number)
        }
    }

    /// The largest anybody knew of.
    var last: UInt64 { newest.last ?? 0 }

    /// The largest that anybody knew before `time`.
    func floor(before time: Int64) -> UInt64 {
        let place = times.firstPlace { $0 >= time }
        return place == 0 ? 0 : newest[place - 1]
    }

    /// When it was first known that `number` had been reached; `nil` when nobody ever knew.
    func firstKnown(_ number: UInt64) -> Int64? {
        let place = newest.firstPlace { $0 >= number }
        return place < times.count ? times[place] : nil
    }
}

extension Array {
    /// Where the elements begin for which something holds that holds for all behind them; the end when it holds for none.
    func firstPlace(where isBehind: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
