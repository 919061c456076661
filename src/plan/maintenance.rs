//! Planned maintenance: when windows open and close.
//!
//! A window is a wall clock's: it opens at a time of day of a place and stays open for a length of time. Where clocks are moved
//! RFC 5545, section 3.3.5 says what is meant, for a start and for its recurrences alike: a time that there is twice
//! is the first one, and one that there is not is counted by the offset before the gap (02:30 is 03:30 then). The other
//! reading of section 3.3.10, by which such a recurrence falls out, would leave a machine in service under its
//! repairers' hands. Rules of time zones are built in, so that every node reckons alike.
//!
//! Before a window opens its endpoints are drained gradually, for `lead`; after it they return gradually. It knows no clock: the
//! time is an argument.
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::recurrence::{Recurrence, RecurrenceEnd};
use crate::base::{Span, Utc};

/// One of `[[maintenance]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Name.
    pub name: String,
    /// The region, provider or endpoint that is taken out.
    pub scope: String,
    /// The reason, for a person; may be empty.
    pub reason: String,
    /// The first time at which it opens, by the clocks of its zone.
    pub start: DateTime,
    /// The zone whose clocks show that.
    pub zone: TimeZone,
    /// The time for which it is open.
    pub length: Span,
    /// The rule by which it opens again; absent = never.
    pub recurrence: Option<Recurrence>,
    /// The time before it opens in which clients are led away.
    pub lead: Span,
}

/// One time that a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The time at which it opens.
    pub start: Utc,
    /// The time at which it closes.
    pub end: Utc,
}

impl Maintenance {
    /// The times that it is open or opens, in order, but for those that are over at `now`.
    pub fn after(&self, now: Utc) -> impl Iterator<Item = Occurrence> {
        // Nothing that began so many days ago can be open, whatever the zone.
        let days = i64::try_from(self.length.0 / DAY_MS).unwrap_or(i64::MAX) + 3;
        let earliest = i64::try_from(now.0).unwrap_or(i64::MAX);
        let earliest = jiff::Timestamp::from_millisecond(earliest).unwrap_or(jiff::Timestamp::MAX);
        let earliest = earliest.to_zoned(TimeZone::UTC).date();
        let earliest = jiff::Span::new()
            .try_days(days)
            .and_then(|days| earliest.checked_sub(days))
            .unwrap_or(jiff::civil::Date::MIN);
        let numbered = self.days().zip(0_u32..);
        let counted = numbered.take_while(|(_, number)| match self.end() {
            RecurrenceEnd::Count(count) => *number < count,
            RecurrenceEnd::Never | RecurrenceEnd::Until(_) => true,
        });
        let near = counted.skip_while(move |(day, _)| *day < earliest);
        let all = near.map_while(|(day, _)| self.on(day));
        all.filter(move |one| one.end > now)
    }

    fn days(&self) -> Box<dyn Iterator<Item = jiff::civil::Date> + '_> {
        let first = self.start.date();
        match &self.recurrence {
            None => Box::new(std::iter::once(first)),
            Some(rule) => Box::new(rule.days(first)),
        }
    }

    fn end(&self) -> RecurrenceEnd {
        let rule = self.recurrence.as_ref();
        rule.map_or(RecurrenceEnd::Never, |rule| rule.end)
    }

    /// The time that it is open that begins on a day; `None` past its end.
    fn on(&self, day: jiff::civil::Date) -> Option<Occurrence> {
        let start = day.to_datetime(self.start.time());
        let start = self.zone.to_ambiguous_zoned(start).compatible().ok()?;
        match self.end() {
            RecurrenceEnd::Until(until) if start.timestamp() > until => return None,
            RecurrenceEnd::Until(_) | RecurrenceEnd::Never | RecurrenceEnd::Count(_) => {}
        }
        let start = u64::try_from(start.timestamp().as_millisecond()).ok()?;
        Some(Occurrence {
            start: Utc(start),
            end: Utc(start.saturating_add(self.length.0)),
        })
    }

    /// The time that its endpoints are out for it now, or on their way out.
    #[must_use]
    pub fn due(&self, now: Utc) -> Option<Occurrence> {
        let mut after = self.after(now);
        after.next().filter(|one| one.begins(self.lead) <= now)
    }

    /// Tells whether it opens first when its own rule says so.
    #[must_use]
    pub fn begins_by_its_rule(&self) -> bool {
        self.days().next() == Some(self.start.date())
    }
}

impl Occurrence {
    /// The time at which clients begin to be led away.
    #[must_use]
    pub fn begins(&self, lead: Span) -> Utc {
        Utc(self.start.0.saturating_sub(lead.0))
    }
}

const DAY_MS: u64 = 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: &str, zone: &str, rule: &str) -> Maintenance {
        Maintenance {
            name: "patches".to_owned(),
            scope: "fra".to_owned(),
            reason: String::new(),
            start: start.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            length: Span::from_secs(3600),
            recurrence: Some(rule)
                .filter(|rule| !rule.is_empty())
                .map(|rule| Recurrence::parse(rule).unwrap()),
            lead: Span::from_secs(600),
        }
    }

    fn starts(window: &Maintenance, now: &str) -> Vec<String> {
        let after = window.after(Utc::parse(now).unwrap()).take(3);
        after.map(|one| one.start.to_string()).collect()
    }

    #[test]
    fn clocks_that_are_moved_are_read_as_the_rfc_says() {
        // In Berlin 02:30 is not there on 28 March 2027, and there twice on 31 October 2027.
        let sundays = window("2027-03-21T02:30:00", "Europe/Berlin", "FREQ=WEEKLY");
        let found = starts(&sundays, "2027-03-21T03:00:00Z");
        assert_eq!(
            found,
            [
                "2027-03-28T01:30:00Z",
                "2027-04-04T00:30:00Z",
                "2027-04-11T00:30:00Z"
            ]
        );
        let found = starts(&sundays, "2027-10-24T02:00:00Z");
        assert_eq!(
            found,
            [
                "2027-10-31T00:30:00Z",
                "2027-11-07T01:30:00Z",
                "2027-11-14T01:30:00Z"
            ]
        );
        let once = window("2027-03-28T02:30:00", "Europe/Berlin", "");
        assert_eq!(
            starts(&once, "2027-01-01T00:00:00Z"),
            ["2027-03-28T01:30:00Z"]
        );
    }

    #[test]
    fn a_window_ends_with_its_count_or_its_last_time() {
        let three = window("2027-01-31T00:00:00", "UTC", "FREQ=MONTHLY;COUNT=3");
        assert_eq!(
            starts(&three, "2027-01-31T00:59:59Z"),
            [
                "2027-01-31T00:00:00Z",
                "2027-03-31T00:00:00Z",
                "2027-05-31T00:00:00Z"
            ]
        );
        assert_eq!(
            starts(&three, "2027-05-31T01:00:00Z"),
            [""; 0],
            "it is over"
        );
        let until = window(
            "2027-01-01T00:00:00",
            "America/New_York",
            "FREQ=DAILY;UNTIL=20270102T050000Z",
        );
        assert_eq!(
            starts(&until, "2026-01-01T00:00:00Z"),
            ["2027-01-01T05:00:00Z", "2027-01-02T05:00:00Z"]
        );
    }

    #[test]
    fn it_is_due_from_its_lead_to_its_end() {
        let daily = window("2020-01-01T12:00:00", "UTC", "FREQ=DAILY");
        for (now, is_due) in [
            ("2027-05-01T11:49:59Z", false),
            ("2027-05-01T11:50:00Z", true),
            ("2027-05-01T12:59:59Z", true),
            ("2027-05-01T13:00:00Z", false),
        ] {
            let due = daily.due(Utc::parse(now).unwrap());
            assert_eq!(due.is_some(), is_due, "{now}");
        }
    }

    #[test]
    fn a_start_that_its_rule_does_not_name_is_found_out() {
        assert!(window("2027-03-21T02:30:00", "UTC", "FREQ=WEEKLY;BYDAY=SU").begins_by_its_rule());
        assert!(!window("2027-03-21T02:30:00", "UTC", "FREQ=WEEKLY;BYDAY=MO").begins_by_its_rule());
    }
}
