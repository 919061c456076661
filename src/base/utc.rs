//! Moments of civil time as people read them.
use std::fmt;

/// Seconds since 1970 (UTC), shown as `2026-11-26 04:14:23 UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utc(pub u64);

const DAY: u64 = 86_400;
/// Days of 400 years of the Gregorian calendar.
const ERA: u64 = 146_097;
/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH: u64 = 719_468;

/// The calendar is counted from 1 March, so that the day that some years have more is the last of the year.
impl fmt::Display for Utc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (self.0 / DAY + EPOCH, self.0 % DAY);
        let (era, of_era) = (day / ERA, day % ERA);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let turn = (5 * of_year + 2) / 153;
        let day = of_year - (153 * turn + 2) / 5 + 1;
        let month = if turn < 10 { turn + 3 } else { turn - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(
            out,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02} UTC",
            second % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // As `date -u -d @N` has them.
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_709_210_096, "2024-02-29 12:34:56 UTC"),
            (1_795_666_463, "2026-11-26 04:14:23 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Utc(seconds).to_string(), shown);
        }
    }
}
