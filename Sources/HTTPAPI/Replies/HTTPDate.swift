import Glibc
internal import NIOCore
internal import Primitives

/// The date in the one form HTTP wants (RFC 9110 §5.6.7), written anew once a second.
struct HTTPDate {
    private var second: Int = .min
    private var current: Bytes = []

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    var text: Bytes {
        mutating get {
            let now = time(nil)
            if now != second {
                second = now
                current = Self.format(secondsSince1970: now)
            }
            return current
        }
    }

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func format(secondsSince1970 seconds: Int) -> Bytes {
        let days = seconds / 86_400
        let rest = seconds % 86_400
        // Years that begin in March put the leap day at their end; an era is 400 years, 146 097 days.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 2 : shiftedMonth - 10
        let year = yearOfEra + era * 400 + (month <= 1 ? 1 : 0)
        let clock = [rest / 3_600, rest / 60 % 60, rest % 60].map(twoDigits).joined(separator: ":")
        return Array("\(weekdays[days % 7]), \(twoDigits(day)) \(months[month]) \(year) \(clock) GMT".utf8)
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
