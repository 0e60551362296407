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
        let (year, month, day) = calendarDate(daysSince1970: days)
        return Array("\(weekdays[days % 7]), \(twoDigits(day)) \(months[month - 1]) \(year) \(clock(seconds)) GMT".utf8)
    }

    /// `1994-11-06T08:49:37.250Z` (RFC 3339); moments before 1970 are shown as its beginning.
    static func timestamp(millisecondsSince1970 milliseconds: Int64) -> String {
        let seconds = Int(max(0, milliseconds) / 1_000)
        let (year, month, day) = calendarDate(daysSince1970: seconds / 86_400)
        let thousandths = String(1_000 + max(0, milliseconds) % 1_000).dropFirst()
        return "\(year)-\(twoDigits(month))-\(twoDigits(day))T\(clock(seconds)).\(thousandths)Z"
    }

    /// The time of day now, in milliseconds.
    static func millisecondsSince1970() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }

    private static func clock(_ seconds: Int) -> String {
        let rest = seconds % 86_400
        return [rest / 3_600, rest / 60 % 60, rest % 60].map(twoDigits).joined(separator: ":")
    }

    /// Month and day count from 1.
    private static func calendarDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        // Years that begin in March put the leap day at their end; an era is 400 years, 146 097 days.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 2 : shiftedMonth - 10
        return (yearOfEra + era * 400 + (month <= 1 ? 1 : 0), month + 1, day)
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
