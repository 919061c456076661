//! Recurrences as RFC 5545 writes them (section 3.3.10), a part of them: on which days a window opens.
//!
//! `FREQ` is `DAILY`, `WEEKLY` or `MONTHLY`; with it `INTERVAL`, `BYDAY` (with numbers such as `1SU` and `-1FR` in a month),
//! `BYMONTHDAY` (negative ones from the end of the month), and `COUNT` or `UNTIL` (in UTC). Weeks begin on Monday. Days that a
//! month has not are passed over and not counted. The time of day is the start's: what becomes of it where clocks
//! are moved is for [`super::Maintenance`], as are time zones.
use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};

/// A rule by which days recur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    frequency: Frequency,
    interval: u16,
    by_day: Vec<Day>,
    by_month_day: Vec<i8>,
    /// Its end.
    pub end: RecurrenceEnd,
}

/// The end of a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrenceEnd {
    /// Never.
    Never,
    /// After so many.
    Count(u32),
    /// With the last one that begins no later than this.
    Until(Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
}

/// A day of the week: each, or the so many-th of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    /// 0 = each; negative = from the end.
    ordinal: i8,
    weekday: Weekday,
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

impl Recurrence {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong with it, or not read here; for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            end: RecurrenceEnd::Never,
        };
        let mut seen: Vec<&str> = Vec::new();
        for part in text.strip_prefix("RRULE:").unwrap_or(text).split(';') {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is no part of a rule"))?;
            if seen.contains(&name) {
                return Err(format!("`{name}` stands twice"));
            }
            seen.push(name);
            rule.take(name, value)?;
        }
        if !seen.contains(&"FREQ") {
            return Err("a rule has a FREQ".to_owned());
        }
        if seen.contains(&"COUNT") && seen.contains(&"UNTIL") {
            return Err("COUNT and UNTIL both say when it ends".to_owned());
        }
        let has_ordinal = rule.by_day.iter().any(|day| day.ordinal != 0);
        match rule.frequency {
            Frequency::Weekly if !rule.by_month_day.is_empty() => {
                Err("BYMONTHDAY is for months and days, not for weeks".to_owned())
            }
            Frequency::Weekly | Frequency::Daily if has_ordinal => {
                Err("a number before a day is for months".to_owned())
            }
            Frequency::Daily | Frequency::Weekly | Frequency::Monthly => Ok(rule),
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("`{name}={value}` is not read here");
        match name {
            "FREQ" => {
                self.frequency = match value {
                    "DAILY" => Frequency::Daily,
                    "WEEKLY" => Frequency::Weekly,
                    "MONTHLY" => Frequency::Monthly,
                    _ => return Err(wrong()),
                };
            }
            "INTERVAL" => {
                let interval = value.parse().ok().filter(|own| (1..=1000).contains(own));
                self.interval = interval.ok_or_else(wrong)?;
            }
            "COUNT" => {
                let count = value.parse().ok().filter(|own| (1..=100_000).contains(own));
                self.end = RecurrenceEnd::Count(count.ok_or_else(wrong)?);
            }
            "UNTIL" => {
                let until = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", value);
                let until = until.and_then(|read| read.to_datetime());
                let until = until.and_then(|read| read.to_zoned(jiff::tz::TimeZone::UTC));
                let until = until.map_err(|_| {
                    format!("`UNTIL={value}` is no time in UTC, such as 20271231T000000Z")
                })?;
                self.end = RecurrenceEnd::Until(until.timestamp());
            }
            "BYDAY" => {
                let days = value
                    .split(',')
                    .map(|day| Day::parse(day).ok_or_else(wrong));
                self.by_day = days.collect::<Result<_, _>>()?;
            }
            "BYMONTHDAY" => {
                let is_day = |day: &i8| *day != 0 && (-31..=31).contains(day);
                let days = value.split(',').map(|day| day.parse().ok().filter(is_day));
                self.by_month_day = days.collect::<Option<_>>().ok_or_else(wrong)?;
            }
            _ => {
                return Err(format!(
                    "`{name}` is not read here: FREQ, INTERVAL, BYDAY, BYMONTHDAY, COUNT and UNTIL are"
                ));
            }
        }
        Ok(())
    }

    /// The days on which it falls, in order, from the first one on; ends at the latest with the calendar. `UNTIL` and `COUNT` are for
    /// whoever knows times.
    pub fn days(&self, first: Date) -> impl Iterator<Item = Date> {
        let periods = (0..).map_while(move |number: i64| self.period(first, number));
        periods
            .flat_map(move |period| self.in_period(period, first))
            .filter(move |day| *day >= first)
    }

    /// The first day of a period, counted from the one of the first day.
    fn period(&self, first: Date, number: i64) -> Option<Date> {
        let count = number.checked_mul(i64::from(self.interval))?;
        let (from, span) = match self.frequency {
            Frequency::Daily => (first, jiff::Span::new().try_days(count).ok()?),
            Frequency::Weekly => {
                let since = i64::from(first.weekday().since(Weekday::Monday));
                let monday = first.checked_sub(since.days()).ok()?;
                (monday, jiff::Span::new().try_weeks(count).ok()?)
            }
            Frequency::Monthly => (
                first.first_of_month(),
                jiff::Span::new().try_months(count).ok()?,
            ),
        };
        from.checked_add(span).ok()
    }

    /// The days of one period, in order.
    fn in_period(&self, period: Date, first: Date) -> Vec<Date> {
        let length = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => i64::from(period.days_in_month()),
        };
        let days = (0..length).filter_map(|number| period.checked_add(number.days()).ok());
        days.filter(|day| self.falls_on(*day, first)).collect()
    }

    fn falls_on(&self, day: Date, first: Date) -> bool {
        let is_named = self.by_day.iter().any(|own| own.is(day));
        let from_end = day.day() - day.days_in_month() - 1;
        let mut numbers = self.by_month_day.iter();
        let is_numbered = numbers.any(|own| [day.day(), from_end].contains(own));
        match (self.by_day.is_empty(), self.by_month_day.is_empty()) {
            (false, false) => is_named && is_numbered,
            (false, true) => is_named,
            (true, false) => is_numbered,
            (true, true) => match self.frequency {
                Frequency::Daily => true,
                Frequency::Weekly => day.weekday() == first.weekday(),
                Frequency::Monthly => day.day() == first.day(),
            },
        }
    }
}

impl Day {
    /// `SU`, `1SU`, `-1FR`.
    fn parse(text: &str) -> Option<Self> {
        let (number, word) = text.split_at_checked(text.len().checked_sub(2)?)?;
        let ordinal = match number {
            "" => 0,
            number => number
                .parse()
                .ok()
                .filter(|own| (-5..=5).contains(own) && *own != 0)?,
        };
        let found = WEEKDAYS.iter().find(|(own, _)| *own == word);
        found.map(|(_, weekday)| Self {
            ordinal,
            weekday: *weekday,
        })
    }

    fn is(self, day: Date) -> bool {
        let from_start = (day.day() - 1) / 7 + 1;
        let from_end = -((day.days_in_month() - day.day()) / 7 + 1);
        day.weekday() == self.weekday && [0, from_start, from_end].contains(&self.ordinal)
    }
}

/// For a person.
impl fmt::Display for RecurrenceEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => out.write_str("without end"),
            Self::Count(count) => write!(out, "{count} times"),
            Self::Until(until) => write!(out, "until {until}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn days(rule: &str, first: Date, count: usize) -> Vec<String> {
        let rule = Recurrence::parse(rule).unwrap();
        let days = rule.days(first).take(count);
        days.map(|day| day.to_string()).collect()
    }

    /// Mostly the examples of RFC 5545, section 3.8.5.3.
    #[test]
    fn days_recur_as_the_rfc_says() {
        for (rule, first, expected) in [
            (
                "FREQ=DAILY;INTERVAL=10",
                date(1997, 9, 2),
                "1997-09-02 1997-09-12 1997-09-22",
            ),
            (
                "FREQ=WEEKLY",
                date(1997, 9, 2),
                "1997-09-02 1997-09-09 1997-09-16",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR",
                date(1997, 9, 1),
                "1997-09-01 1997-09-03 1997-09-05 1997-09-15",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
                date(1997, 8, 5),
                "1997-08-05 1997-08-10 1997-08-19 1997-08-24",
            ),
            (
                "FREQ=MONTHLY;BYDAY=1FR",
                date(1997, 9, 5),
                "1997-09-05 1997-10-03 1997-11-07",
            ),
            (
                "FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1SU",
                date(1997, 9, 7),
                "1997-09-07 1997-09-28 1997-11-02 1997-11-30",
            ),
            (
                "FREQ=MONTHLY;BYDAY=-2MO",
                date(1997, 9, 22),
                "1997-09-22 1997-10-20 1997-11-17",
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=-3",
                date(1997, 9, 28),
                "1997-09-28 1997-10-29 1997-11-28",
            ),
            (
                "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
                date(1998, 2, 13),
                "1998-02-13 1998-03-13 1998-11-13",
            ),
            // February and the months of 30 days have none.
            (
                "FREQ=MONTHLY",
                date(2027, 1, 31),
                "2027-01-31 2027-03-31 2027-05-31",
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=-1",
                date(2027, 1, 31),
                "2027-01-31 2027-02-28 2027-03-31",
            ),
            (
                "FREQ=MONTHLY;BYDAY=5SU",
                date(2027, 1, 31),
                "2027-01-31 2027-05-30 2027-08-29",
            ),
        ] {
            let expected: Vec<&str> = expected.split(' ').collect();
            assert_eq!(days(rule, first, expected.len()), expected, "{rule}");
        }
    }

    #[test]
    fn what_is_not_read_is_told() {
        for (rule, words) in [
            ("FREQ=YEARLY", "`FREQ=YEARLY` is not read"),
            ("INTERVAL=2", "a rule has a FREQ"),
            ("FREQ=DAILY;BYHOUR=3", "`BYHOUR` is not read here"),
            ("FREQ=DAILY;FREQ=DAILY", "stands twice"),
            (
                "FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z",
                "both say when it ends",
            ),
            ("FREQ=DAILY;UNTIL=20270101", "is no time in UTC"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY is for"),
            ("FREQ=WEEKLY;BYDAY=1MO", "a number before a day"),
            ("FREQ=MONTHLY;BYDAY=6MO", "`BYDAY=6MO` is not read"),
            ("FREQ=DAILY;INTERVAL=0", "`INTERVAL=0` is not read"),
            ("daily", "is no part of a rule"),
        ] {
            let found = Recurrence::parse(rule).unwrap_err();
            assert!(found.contains(words), "{rule}: {found}");
        }
    }
}
