//! An operator's order, read from a request.
//!
//! What is ordered for which name is required, and who orders it: whoever asks says so, or the connection does. Why
//! should be said, and may be absent. All of it is shown to others later, in logs and on terminals, so each is one
//! line of plain text. Times are read as they are written; what they come to is for whoever has a clock. Whether a
//! name means anything is not known here.
use super::commands::Force;
use super::parameters::Parameters;
use super::replies::Refusal;
use crate::base::limits::ORDER_TEXT_BYTES;
use crate::base::{Calendar, Moment, Span, TimeSpec};
use crate::engine::OrderRequest;
use crate::engine::order::{Action, Consent, Order, Override};

/// An order as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OrderQuery {
    order: Order,
    from: Option<TimeSpec>,
    until: Option<EndSpec>,
    force: Force,
    /// The purpose: to be carried out, or only told what it would do.
    pub(super) purpose: Purpose,
}

/// The purpose for which an order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be carried out.
    Order,
    /// To be told what it would do.
    Forecast,
}

/// The end of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndSpec {
    /// At this time.
    At(TimeSpec),
    /// So long after it began.
    After(Span),
}

/// Reads `action` (`approve`, `refuse`, `drain`, `undrain`, `force` with a `value`, or `lift`), `scope`, `author`, `reason`, `from`,
/// `until` or `for`, `force` and `dry_run`. Who asks is known by the connection as `identity`, if it is.
pub(super) fn read(parameters: &Parameters, identity: Option<&str>) -> Result<OrderQuery, Refusal> {
    let mut given = OrderParameters::default();
    for (parameter, value) in parameters {
        given.take(parameter, value)?;
    }
    given.order(identity)
}

/// The parameters of an order, one by one.
#[derive(Default)]
struct OrderParameters {
    action: Option<String>,
    value: Option<Override>,
    scope: Option<String>,
    author: Option<String>,
    reason: String,
    from: Option<TimeSpec>,
    until: Option<EndSpec>,
    force: Option<Force>,
    dry_run: Option<Purpose>,
}

impl OrderQuery {
    /// The order itself.
    pub(super) fn order_mut(&mut self) -> &mut Order {
        &mut self.order
    }
}

impl OrderParameters {
    fn take(&mut self, parameter: &str, text: &str) -> Result<(), Refusal> {
        match parameter {
            "action" => self.action = Some(text.to_owned()),
            "value" => self.value = Some(read_value(text)?),
            "scope" => self.scope = Some(line(parameter, text)?),
            "author" => self.author = Some(line(parameter, text)?),
            "reason" => self.reason = line(parameter, text)?,
            "from" => self.from = Some(read_time(parameter, text)?),
            "until" | "for" if self.until.is_some() => {
                return Err(bad("until and for both say when it ends: leave one out"));
            }
            "until" => self.until = Some(EndSpec::At(read_time(parameter, text)?)),
            "for" => self.until = Some(EndSpec::After(read_span(text)?)),
            "force" => {
                self.force = Some(match read_truth(parameter, text)? {
                    true => Force::Yes,
                    false => Force::No,
                });
            }
            "dry_run" => {
                self.dry_run = Some(match read_truth(parameter, text)? {
                    true => Purpose::Forecast,
                    false => Purpose::Order,
                });
            }
            _ => return Err(bad(format!("{parameter} is not known here"))),
        }
        Ok(())
    }

    fn order(self, identity: Option<&str>) -> Result<OrderQuery, Refusal> {
        let action = self.action.as_deref();
        let action = action.ok_or_else(|| bad("action is missing: action=drain"))?;
        let action = read_action(action, self.value)?;
        let scope = self.scope.filter(|scope| !scope.trim().is_empty());
        let scope =
            scope.ok_or_else(|| bad("scope is missing: scope=REGION, PROVIDER or ENDPOINT"))?;
        let holds = match action {
            Action::Drain | Action::Force(_) => true,
            Action::Approve | Action::Refuse | Action::Undrain | Action::Lift => false,
        };
        let bounds = [
            ("from", self.from.is_some()),
            ("until or for", self.until.is_some()),
            ("dry_run", self.dry_run == Some(Purpose::Forecast)),
        ];
        if let Some((parameter, _)) = bounds.iter().find(|(_, is_given)| *is_given && !holds) {
            let word = action.word();
            return Err(bad(format!(
                "{parameter} is for drain and force, not for {word}"
            )));
        }
        let purpose = self.dry_run.unwrap_or(Purpose::Order);
        Ok(OrderQuery {
            order: Order {
                action,
                scope,
                author: author(self.author, identity, purpose)?,
                reason: self.reason,
            },
            from: self.from,
            until: self.until,
            force: self.force.unwrap_or(Force::No),
            purpose,
        })
    }
}

impl OrderQuery {
    /// The order, its times turned into moments.
    pub(super) fn request(self, calendar: Calendar) -> OrderRequest {
        let from: Option<Moment> = self.from.map(|from| calendar.moment_of(from));
        let begins = from.map_or(calendar.now, |from| from.max(calendar.now));
        let until = self.until.map(|end| match end {
            EndSpec::At(when) => calendar.moment_of(when),
            EndSpec::After(span) => begins.after(span),
        });
        OrderRequest {
            order: self.order,
            from,
            until,
            consent: match self.force {
                Force::No => Consent::Withheld,
                Force::Yes => Consent::Given,
            },
        }
    }
}

/// The author: as said, or else as the connection knows. A question is nobody's order.
fn author(
    said: Option<String>,
    identity: Option<&str>,
    purpose: Purpose,
) -> Result<String, Refusal> {
    let said = match (said, purpose) {
        (Some(said), _) => said,
        (None, Purpose::Forecast) => return Ok(identity.unwrap_or_default().to_owned()),
        (None, Purpose::Order) => identity.map(str::to_owned).ok_or_else(|| {
            bad("author is missing: say who orders it (author=NAME, --author NAME)")
        })?,
    };
    if said.trim().is_empty() {
        return Err(bad(
            "author is empty: say who orders it (author=NAME, --author NAME)",
        ));
    }
    Ok(said)
}

fn read_action(text: &str, value: Option<Override>) -> Result<Action, Refusal> {
    let action = match (text, value) {
        ("force", Some(value)) => return Ok(Action::Force(value)),
        ("force", None) => return Err(bad("value is missing: value=up, down or a share as 30%")),
        ("approve", _) => Action::Approve,
        ("refuse", _) => Action::Refuse,
        ("drain", _) => Action::Drain,
        ("undrain", _) => Action::Undrain,
        ("lift", _) => Action::Lift,
        _ => {
            return Err(bad(format!(
                "action={text:?} is not known; approve, refuse, drain, undrain, force and lift are"
            )));
        }
    };
    match value {
        None => Ok(action),
        Some(_) => Err(bad("value is for action=force alone")),
    }
}

fn read_value(text: &str) -> Result<Override, Refusal> {
    let value = Override::parse(text);
    value.ok_or_else(|| {
        bad(format!(
            "value={text:?} is none: write up, down or a share as 30%"
        ))
    })
}

fn read_time(parameter: &str, text: &str) -> Result<TimeSpec, Refusal> {
    let when = TimeSpec::parse(text);
    when.ok_or_else(|| {
        bad(format!(
            "{parameter}={text:?} is no time: {}",
            TimeSpec::HELP
        ))
    })
}

fn read_span(text: &str) -> Result<Span, Refusal> {
    let span = Span::parse(text).filter(|span| *span > Span::ZERO);
    span.ok_or_else(|| {
        bad(format!(
            "for={text:?} is no length of time: write it as 30m, 2h or 1d"
        ))
    })
}

fn read_truth(parameter: &str, text: &str) -> Result<bool, Refusal> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad(format!(
            "{parameter}={text:?} is not known: true and false are"
        ))),
    }
}

/// A short line that any terminal shows as it is.
pub(super) fn line(parameter: &str, text: &str) -> Result<String, Refusal> {
    if text.len() > ORDER_TEXT_BYTES {
        let message = format!("{parameter} is longer than {ORDER_TEXT_BYTES} octets: shorten it");
        return Err(bad(message));
    }
    if text.chars().any(char::is_control) {
        let message =
            format!("{parameter} holds a control character: write plain text on one line");
        return Err(bad(message));
    }
    Ok(text.to_owned())
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Utc;

    fn given_by(parameters: &[(&str, &str)], identity: Option<&str>) -> Result<OrderQuery, String> {
        let owned = parameters.iter();
        let owned = owned.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        read(&owned.collect(), identity).map_err(|refusal| refusal.message)
    }

    fn given(parameters: &[(&str, &str)]) -> Result<OrderQuery, String> {
        given_by(&[&[("author", "ada")], parameters].concat(), None)
    }

    #[test]
    fn an_author_is_said_or_known_by_the_connection() {
        let parameters = [("scope", "eu"), ("action", "undrain")];
        let author = |more: &[(&str, &str)], identity| {
            let found = given_by(&[&parameters, more].concat(), identity);
            found.map(|query| query.order.author)
        };
        assert_eq!(author(&[], Some("uid 7")).as_deref(), Ok("uid 7"));
        assert_eq!(
            author(&[("author", "ada")], Some("uid 7")).as_deref(),
            Ok("ada")
        );
        for (more, words) in [
            (&[][..], "author is missing"),
            (&[("author", "")], "author is empty"),
            (&[("author", "  ")], "author is empty"),
        ] {
            let found = author(more, None).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
        let asked = [("action", "drain"), ("scope", "eu"), ("dry_run", "true")];
        assert_eq!(given_by(&asked, None).unwrap().purpose, Purpose::Forecast);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        let long = "x".repeat(ORDER_TEXT_BYTES + 1);
        for (more, words) in [
            (
                ("action", "farce"),
                "approve, refuse, drain, undrain, force and lift are",
            ),
            (("action", "force"), "value is missing"),
            (("value", "30%"), "value is for action=force alone"),
            (("value", "101%"), "value=\"101%\" is none"),
            (("scope", ""), "scope is missing"),
            (("author", "a\u{1b}[2J"), "author holds a control character"),
            (("reason", "two\nlines"), "reason holds a control character"),
            (("reason", &*long), "reason is longer than 512 octets"),
            (("expiry", "1h"), "expiry is not known"),
            (("from", "22:00"), "from=\"22:00\" is no time: write it as"),
            (("for", "0s"), "for=\"0s\" is no length of time"),
            (("force", "1"), "force=\"1\" is not known"),
        ] {
            let found = given(&[("action", "drain"), ("scope", "eu"), more]).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
        for (parameters, words) in [
            (&[("scope", "eu")][..], "action is missing"),
            (&[("action", "drain")], "scope is missing"),
            (
                &[("action", "undrain"), ("scope", "eu"), ("for", "1h")],
                "until or for is for drain and force, not for undrain",
            ),
            (
                &[
                    ("action", "drain"),
                    ("scope", "eu"),
                    ("for", "1h"),
                    ("until", "2h"),
                ],
                "leave one out",
            ),
        ] {
            let found = given(parameters).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
    }

    #[test]
    fn times_become_moments() {
        let calendar = Calendar {
            now: Moment(100_000),
            utc: Utc::parse("2027-03-01T22:00:00Z").unwrap(),
        };
        for (more, from, until) in [
            (&[][..], None, None),
            (&[("for", "2m")], None, Some(220_000)),
            (
                &[("from", "1m"), ("for", "2m")],
                Some(160_000),
                Some(280_000),
            ),
            (&[("until", "2027-03-01T22:00:05Z")], None, Some(105_000)),
            (&[("until", "2027-03-01T21:59:55Z")], None, Some(95_000)),
            (
                &[("from", "2027-03-01T21:59:55Z"), ("for", "1m")],
                Some(95_000),
                Some(160_000),
            ),
        ] {
            let parameters = [&[("action", "drain"), ("scope", "eu")], more].concat();
            let request = given(&parameters).unwrap().request(calendar);
            let found = (request.from, request.until);
            assert_eq!(found, (from.map(Moment), until.map(Moment)), "{more:?}");
            assert_eq!(request.consent, Consent::Withheld);
        }
    }
}
