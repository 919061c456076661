//! What an operator orders, and what is answered.
//!
//! An order names things as the operator does ([`crate::plan::Plan::scope`]), so that it outlives
//! a reload. Who gave it, and why, stays with it: whoever is on duty next must be able to ask.
//!
//! A name that means nothing is refused, because a drain of `eu-frankfort` that "succeeds" is found
//! out when the machines of `eu-frankfurt` are switched off. So is an approval that nothing
//! waits for: whoever gives it believes something about the state of the world that is not so.
//! A drain of what is down, and an undrain of what is not drained, are taken: both say how things
//! should be from now on, and the answer says for what that changes nothing.
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::limits::{ORDERS_PAST_AGE, OVERRIDE_DEFAULT, OVERRIDE_LONGEST};
use crate::base::{Moment, Permille};
use crate::plan::{Maintenance, Units, UnknownScope};

/// The beginning of the author's name of an order that a planned window gives.
const WINDOW_AUTHOR: &str = "maintenance ";

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The action; ordered twice, it does nothing the second time.
    pub action: Action,
    /// A region, a provider or an endpoint.
    pub scope: String,
    /// Who orders it; empty if nobody said.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
}

/// An order as it is given: for when, and how much is meant by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// The order.
    pub order: Order,
    /// The moment from which a drain or an override is to be in force; absent: at once.
    pub from: Option<Moment>,
    /// The moment at which it is to end by itself; absent: never, and for an override after
    /// [`crate::base::limits::OVERRIDE_DEFAULT`].
    pub until: Option<Moment>,
    /// Tells whether a drain is meant even where it does damage.
    pub consent: Consent,
}

/// The operator's word on the [`ClientLoss`] that a drain would bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// None: a drain that brings any is refused.
    Withheld,
    /// It is meant.
    Given,
}

/// An order in force or to come, as it is kept over restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// The order.
    pub order: Order,
    /// The moment at which it was given.
    pub given: Moment,
    /// The moment from which it is in force; absent: since it was given.
    pub from: Option<Moment>,
    /// The moment at which it ends by itself; absent: never.
    pub until: Option<Moment>,
    /// The side that it is of.
    #[serde(default, skip_serializing_if = "OrderOrigin::is_here")]
    pub origin: OrderOrigin,
}

/// The side that a held order is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderOrigin {
    /// This node's alone, as those of planned windows, and all of a node that stands alone.
    #[default]
    Here,
    /// One of all nodes of the cluster.
    Agreed,
}

/// An order that has ended, as it is kept over restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastOrder {
    /// The order; `until` is what it was given with.
    pub record: OrderRecord,
    /// The moment at which it ended.
    pub ended: Moment,
    /// The way in which it ended.
    pub end: OrderEnd,
}

/// The end of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderEnd {
    /// Its time was over.
    Expired,
    /// Somebody lifted it.
    Lifted {
        /// The name of who did.
        by: String,
        /// Why; empty if nobody said.
        reason: String,
    },
    /// A later order for the same scope took its place.
    Replaced {
        /// The name of who gave that one.
        by: String,
    },
    /// It was carried out at once, and holds nothing.
    Done,
}

/// An action that an operator may order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Let what waits for an operator's word come back.
    Approve,
    /// Keep out what waits for an operator's word, or returns by one.
    Refuse,
    /// Take out gradually, by the steps of the recovery.
    Drain,
    /// Lift the drain of this scope; what no other order holds comes back by the steps of the recovery.
    Undrain,
    /// Override what probes say, for a time.
    Force(Override),
    /// Lift the override of this scope.
    Lift,
}

/// The share that an override gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Override {
    /// All of it, also of what probes find down, or what waits for its gate.
    Up,
    /// At most this; with nothing it is `down`.
    Share(Permille),
}

/// Number of an order; whoever gives it chooses it, and finds it again on the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// The answer to an order.
pub type OrderResult = Result<Executed, Refused>;

/// An order that was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// The endpoints that it is for, in the order of the config, each with what it did to it; none only
    /// where an order is lifted whose scope means nothing any more. An approval is for those that
    /// waited for it, and for no others of its scope.
    pub endpoints: Vec<(String, Effect)>,
    /// The order as it is held from now on, if it is one that holds.
    pub held: Option<OrderRecord>,
    /// Orders that it ended: those that it lifted, or took the place of.
    pub ended: Vec<OrderRecord>,
    /// Other orders in force for some of the endpoints, each with the names of these.
    pub others: Vec<(OrderRecord, Vec<String>)>,
    /// The damage that it does.
    pub damage: Vec<ClientLoss>,
    /// The endpoints that an approval lets come back or a refusal keeps out, each with the moment of its fall.
    pub decided: BTreeSet<(String, Moment)>,
}

/// A loss of clients by an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientLoss {
    /// Some have no healthy endpoint left that had one.
    Stranded {
        /// The service.
        service: String,
        /// `v4` or `v6`.
        family: &'static str,
        /// The regions that they prefer first, sorted.
        prefer: Vec<String>,
        /// The number of classes of clients that they are.
        classes: usize,
        /// The number of classes that the service has an endpoint for.
        of: usize,
    },
    /// Some of what they ask for does not fit any more within the stated capacities.
    Overloaded {
        /// The service.
        service: String,
        /// Demand for it, in thousandths of the operator's unit.
        demand_thousandths: u64,
        /// The part of it that fits nowhere.
        overloaded_thousandths: u64,
    },
}

/// What an order did to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is as ordered from now on, and was not before.
    Changed,
    /// It was so already.
    Already,
    /// It will be as ordered once the time has come.
    Planned,
    /// The order was lifted, and others still hold it out.
    StillHeld,
    /// Nothing, until another node of the cluster orders the same: one alone may not take out so much.
    HeldBack,
}

/// Why an order was not carried out; nothing has changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing has the name.
    Unknown(UnknownScope),
    /// A region has the name, and no endpoints.
    NoEndpoints,
    /// Nothing in the scope of an approval waits for one: its endpoints, each with the states of
    /// its targets as a status words them. An endpoint that no service uses has none.
    NothingWaits(Vec<(String, BTreeSet<&'static str>)>),
    /// It would end before it begins.
    NoTime,
    /// An override is meant for longer than [`crate::base::limits::OVERRIDE_LONGEST`].
    TooLong,
    /// There are [`crate::base::limits::ORDERS_HELD`] orders.
    TooMany,
    /// It would do damage, and that is not said to be meant.
    Damaging(Vec<ClientLoss>),
}

impl Order {
    /// Tells that a planned window gives it: every node has its own, by its own config.
    #[must_use]
    pub fn is_of_window(&self) -> bool {
        self.author.starts_with(WINDOW_AUTHOR)
    }

    /// The order at once, without an end, whatever damage it does.
    #[must_use]
    pub fn insisted(self) -> OrderRequest {
        OrderRequest {
            order: self,
            from: None,
            until: None,
            consent: Consent::Given,
        }
    }
}

impl OrderRequest {
    /// The drain that a window of maintenance asks for until it closes; it is refused where it does damage.
    #[must_use]
    pub fn of_window(window: &Maintenance, until: Moment) -> Self {
        Self {
            order: Order {
                action: Action::Drain,
                scope: window.scope.clone(),
                author: format!("{WINDOW_AUTHOR}{}", window.name),
                reason: window.reason.clone(),
            },
            from: None,
            until: Some(until),
            consent: Consent::Withheld,
        }
    }
}

impl OrderRecord {
    /// The record of a drain or an override that is given now. An override has an end.
    ///
    /// # Errors
    /// If it would be over before it begins, or holds for too long.
    pub(super) fn checked(now: Moment, request: &OrderRequest) -> Result<Self, Refused> {
        let mut record = Self::of(now, request);
        let begins = record.begins();
        if record.until.is_some_and(|until| until <= begins) {
            return Err(Refused::NoTime);
        }
        if let Action::Force(_) = record.order.action {
            let until = record.until.unwrap_or(begins.after(OVERRIDE_DEFAULT));
            if until > begins.after(OVERRIDE_LONGEST) {
                return Err(Refused::TooLong);
            }
            record.until = Some(until);
        }
        Ok(record)
    }

    /// The order as it was asked for at this moment.
    #[must_use]
    pub fn of(now: Moment, request: &OrderRequest) -> Self {
        Self {
            order: request.order.clone(),
            given: now,
            from: request.from.filter(|from| *from > now),
            until: request.until,
            origin: OrderOrigin::Here,
        }
    }

    /// The moment from which it is in force.
    #[must_use]
    pub fn begins(&self) -> Moment {
        self.from.map_or(self.given, |from| from.max(self.given))
    }

    /// Tells that it has begun, and not ended.
    #[must_use]
    pub fn is_in_force(&self, now: Moment) -> bool {
        self.begins() <= now && self.until.is_none_or(|until| until > now)
    }

    /// Tells that it is in force whenever the other is, from now on.
    #[must_use]
    pub fn outlasts(&self, other: &Self, now: Moment) -> bool {
        let ends_later = match (self.until, other.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own >= other,
        };
        ends_later && self.begins().max(now) <= other.begins().max(now)
    }

    /// Tells that both are in force at some moment.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let ends_after = |one: &Self, two: &Self| one.until.is_none_or(|end| end > two.begins());
        ends_after(self, other) && ends_after(other, self)
    }
}

impl OrderOrigin {
    fn is_here(&self) -> bool {
        *self == Self::Here
    }
}

impl PastOrder {
    /// Tells that it ended so short a time ago that it is still remembered.
    #[must_use]
    pub fn is_recent(&self, now: Moment) -> bool {
        now.since(self.ended) <= ORDERS_PAST_AGE
    }
}

impl Action {
    /// The action as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::Force(_) => "force",
            Self::Lift => "lift",
        }
    }

    /// The share that an override gives; nothing for any other action.
    #[must_use]
    pub fn value(self) -> Option<Override> {
        match self {
            Self::Force(value) => Some(value),
            Self::Approve | Self::Refuse | Self::Drain | Self::Undrain | Self::Lift => None,
        }
    }
}

impl Override {
    /// Nothing.
    pub const DOWN: Self = Self::Share(Permille::NONE);

    /// Reads `up`, `down`, `30%`, `0.5%` or `30`; `None` if it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "up" => return Some(Self::Up),
            "down" => return Some(Self::DOWN),
            _ => {}
        }
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|own| own.is_ascii_digit());
        if !digits(whole) || !digits(tenth) || tenth.len() > 1 {
            return None;
        }
        let tenths = whole.parse::<u16>().ok()?.checked_mul(10)?;
        let permille = tenths.checked_add(tenth.parse().ok()?)?;
        (permille <= Permille::FULL.0).then_some(Self::Share(Permille(permille)))
    }
}

/// For a person, what would be: `api (v4) would have no healthy endpoint`.
impl fmt::Display for ClientLoss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranded {
                service,
                family,
                classes,
                of,
                ..
            } if classes == of => {
                write!(out, "{service} ({family}) would have no healthy endpoint")
            }
            Self::Stranded {
                service,
                family,
                prefer,
                ..
            } => {
                let prefer = prefer.join(", ");
                write!(
                    out,
                    "{service} ({family}) would have no healthy endpoint for clients of {prefer}"
                )
            }
            Self::Overloaded {
                service,
                demand_thousandths,
                overloaded_thousandths,
            } => {
                let (over, demand) = (Units(*overloaded_thousandths), Units(*demand_thousandths));
                write!(
                    out,
                    "{service} would be above capacity: {over} of {demand} asked for would fit nowhere"
                )
            }
        }
    }
}

/// As it is read: `up`, `down`, `30%`.
impl fmt::Display for Override {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => out.write_str("up"),
            Self::Share(Permille::NONE) => out.write_str("down"),
            Self::Share(share) => share.fmt(out),
        }
    }
}

impl Executed {
    /// The names of all endpoints that the order is for.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let all = self.endpoints.iter();
        all.map(|(name, _)| name.clone()).collect()
    }

    /// The names of those to which it did this.
    #[must_use]
    pub fn with(&self, effect: Effect) -> Vec<&str> {
        let own = self.endpoints.iter().filter(|(_, done)| *done == effect);
        own.map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(given: u64, from: Option<u64>, until: Option<u64>) -> OrderRecord {
        OrderRecord {
            order: Order {
                action: Action::Drain,
                scope: "eu".into(),
                author: "ada".into(),
                reason: String::new(),
            },
            given: Moment(given),
            from: from.map(Moment),
            until: until.map(Moment),
            origin: OrderOrigin::Here,
        }
    }

    #[test]
    fn an_order_is_in_force_from_its_beginning_until_before_its_end() {
        let order = record(10, Some(20), Some(30));
        let found = [10, 19, 20, 29, 30].map(|now| order.is_in_force(Moment(now)));
        assert_eq!(found, [false, false, true, true, false]);
        assert!(record(10, Some(5), None).begins() == Moment(10));
    }

    #[test]
    fn of_two_windows_one_may_hold_the_other() {
        for (one, other, outlasts, overlaps) in [
            ((None, None), (None, None), true, true),
            ((None, None), (Some(50), Some(60)), true, true),
            ((Some(50), Some(60)), (None, None), false, true),
            ((None, Some(40)), (None, Some(30)), true, true),
            ((None, Some(30)), (None, Some(40)), false, true),
            ((None, Some(30)), (Some(30), Some(40)), false, false),
            ((Some(30), None), (None, Some(30)), false, false),
        ] {
            let (first, second) = (record(10, one.0, one.1), record(11, other.0, other.1));
            let found = (first.outlasts(&second, Moment(12)), first.overlaps(&second));
            assert_eq!(found, (outlasts, overlaps), "{one:?} {other:?}");
        }
    }

    #[test]
    fn an_override_is_up_down_or_a_share() {
        for (text, shown) in [
            ("up", Some("up")),
            ("down", Some("down")),
            ("0", Some("down")),
            ("30%", Some("30%")),
            ("30", Some("30%")),
            ("0.5%", Some("0.5%")),
            ("100%", Some("100%")),
            ("100.1%", None),
            ("6553.6", None),
            ("-1", None),
            ("+1", None),
            ("1.25", None),
            (".5", None),
            ("half", None),
            ("", None),
        ] {
            let read = Override::parse(text).map(|own| own.to_string());
            assert_eq!(read.as_deref(), shown, "{text}");
        }
    }
}
