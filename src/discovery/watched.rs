//! One discovery: the list in force, the one that is wanted, and the one that is held back.
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::list::{DiscoveredEndpoint, EndpointList};
use super::report::{DiscoveryNotice, DiscoveryReport, KeptList};
use super::{CHANGE_EVERY, MINUTE, SHRINK_WINDOW, TRY_AGAIN};
use crate::base::{Moment, Permille};

/// Tells why an endpoint may not be one of a discovery, if it may not.
#[derive(Clone)]
pub struct EndpointAdmission(pub Arc<FindObstacle>);

/// A look at an endpoint for what keeps it out; for a person.
type FindObstacle = dyn Fn(&DiscoveredEndpoint) -> Option<String> + Send + Sync;

/// The bounds of a discovery.
#[derive(Clone, Debug)]
pub struct DiscoveryRules {
    /// The source, for a person.
    pub source: String,
    /// Endpoints that may come, go or change within a minute.
    pub changes_per_minute: usize,
    /// Part that a list may be smaller than the largest before it.
    pub max_shrink: Permille,
    /// Endpoints that a list may have.
    pub most: usize,
    /// Endpoints that may be its.
    pub admission: EndpointAdmission,
}

/// A fault of a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DiscoveryFault {
    /// The source gives no list.
    Failing(String),
    /// The list that it gives is refused by a bound.
    Refused(String),
    /// The list does not go with the config.
    Unfit(String),
}

/// One discovery.
#[derive(Debug)]
pub(super) struct WatchedDiscovery {
    pub(super) rules: DiscoveryRules,
    pub(super) given: EndpointList,
    /// The last good list of the source.
    pub(super) wanted: EndpointList,
    /// A list that is refused because it shrinks too much.
    held: Option<EndpointList>,
    fault: Option<DiscoveryFault>,
    /// Sizes of wanted lists since the moments at which they were.
    sizes: VecDeque<(Moment, usize)>,
    /// Numbers of changes that were made at these moments.
    made: VecDeque<(Moment, usize)>,
    not_before: Moment,
    pub(super) seen_ms: Option<u64>,
    left_out: usize,
    failures: u64,
    refusals: u64,
    changes: u64,
}

impl WatchedDiscovery {
    /// One with what was kept of it; `is_given` tells that this is in force.
    pub(super) fn new(
        now: Moment,
        rules: DiscoveryRules,
        kept: Option<KeptList>,
        is_given: bool,
    ) -> Self {
        let seen_ms = kept.as_ref().map(|own| own.seen_ms);
        let wanted = kept.map(|own| own.endpoints).unwrap_or_default();
        Self {
            given: if is_given {
                wanted.clone()
            } else {
                EndpointList::new()
            },
            sizes: VecDeque::from([(now, wanted.len())]),
            wanted,
            rules,
            held: None,
            fault: None,
            made: VecDeque::new(),
            not_before: now,
            seen_ms,
            left_out: 0,
            failures: 0,
            refusals: 0,
            changes: 0,
        }
    }

    /// Goes by other rules: what they do not admit any more goes, however much it is, for the config says so.
    pub(super) fn adopt(
        &mut self,
        (now, wall_ms): (Moment, u64),
        name: &str,
        rules: DiscoveryRules,
    ) -> Vec<DiscoveryNotice> {
        self.rules = rules;
        if matches!(self.fault, Some(DiscoveryFault::Unfit(_))) {
            self.not_before = now;
        }
        let admission = self.rules.admission.clone();
        let admits = |_: &String, own: &mut DiscoveredEndpoint| (admission.0)(own).is_none();
        let before = self.wanted.len();
        self.wanted.retain(admits);
        if self.wanted.len() < before {
            self.sizes = VecDeque::from([(now, self.wanted.len())]);
        }
        let held = self.held.take();
        held.map_or_else(Vec::new, |list| self.listed((now, wall_ms), name, list))
    }

    /// Takes in a list of the source.
    pub(super) fn listed(
        &mut self,
        (now, wall_ms): (Moment, u64),
        name: &str,
        mut list: EndpointList,
    ) -> Vec<DiscoveryNotice> {
        let mut notices = Vec::new();
        if list.len() > self.rules.most {
            let (count, most) = (list.len(), self.rules.most);
            let why = format!("it lists {count} endpoints; max_endpoints allows {most}");
            self.held = None;
            notices.extend(self.refuse(name, DiscoveryFault::Refused(why)));
            return notices;
        }
        notices.extend(self.leave_out(name, &mut list));
        if let Some(why) = self.shrinkage(now, list.len()) {
            self.held = Some(list);
            notices.extend(self.refuse(name, DiscoveryFault::Refused(why)));
            return notices;
        }
        self.seen_ms = Some(wall_ms);
        self.want(now, list);
        // One that does not go with the config is well again when it does.
        let is_over = match &self.fault {
            Some(DiscoveryFault::Failing(_) | DiscoveryFault::Refused(_)) => true,
            Some(DiscoveryFault::Unfit(_)) => self.wanted == self.given,
            None => false,
        };
        if is_over {
            self.fault = None;
            notices.push(DiscoveryNotice::Recovered(name.to_owned()));
        }
        notices
    }

    /// Takes note that the source gave no list.
    pub(super) fn failed(&mut self, name: &str, why: String) -> Option<DiscoveryNotice> {
        self.failures += 1;
        let is_new = !matches!(self.fault, Some(DiscoveryFault::Failing(_)));
        self.fault = Some(DiscoveryFault::Failing(why.clone()));
        is_new.then(|| DiscoveryNotice::Failing {
            name: name.to_owned(),
            why,
            endpoints: self.given.len(),
        })
    }

    /// Wants the list that is held back, because somebody says that it is meant.
    pub(super) fn accept(&mut self, now: Moment, wall_ms: u64) -> Option<usize> {
        let list = self.held.take()?;
        let size = list.len();
        self.sizes.clear();
        self.seen_ms = Some(wall_ms);
        self.want(now, list);
        self.fault = None;
        Some(size)
    }

    /// The list that is to come into force next, if one may be now.
    pub(super) fn step(&mut self, now: Moment) -> Option<EndpointList> {
        if self.turn()? > now {
            return None;
        }
        self.forget(now);
        let mut room = match self.is_first() {
            true => usize::MAX,
            false => self
                .rules
                .changes_per_minute
                .saturating_sub(self.made_lately()),
        };
        if room == 0 {
            return None;
        }
        let mut next = self.given.clone();
        let [come, go, change] = differences(&self.given, &self.wanted);
        for id in come.into_iter().chain(change).chain(go) {
            if room == 0 {
                break;
            }
            room -= 1;
            match self.wanted.get(&id) {
                Some(own) => drop(next.insert(id, own.clone())),
                None => drop(next.remove(&id)),
            }
        }
        Some(next)
    }

    /// Takes note that a list is in force, or why it is not.
    pub(super) fn taken(
        &mut self,
        now: Moment,
        name: &str,
        (list, outcome): (EndpointList, Result<(), String>),
    ) -> Vec<DiscoveryNotice> {
        let mut notices = Vec::new();
        if let Err(why) = outcome {
            self.not_before = now.after(TRY_AGAIN);
            notices.extend(self.refuse(name, DiscoveryFault::Unfit(why)));
            return notices;
        }
        let ids = differences(&self.given, &list);
        let count = ids.iter().map(Vec::len).sum();
        if !self.is_first() {
            self.made.push_back((now, count));
        }
        self.changes += count as u64;
        self.given = list;
        self.not_before = now.after(CHANGE_EVERY);
        notices.push(DiscoveryNotice::Changed {
            name: name.to_owned(),
            endpoints: self.given.len(),
            ids,
            pending: self.pending(),
        });
        if matches!(self.fault, Some(DiscoveryFault::Unfit(_))) {
            self.fault = None;
            notices.push(DiscoveryNotice::Recovered(name.to_owned()));
        }
        notices
    }

    /// The moment of the next step; none where nothing is to be done.
    pub(super) fn turn(&self) -> Option<Moment> {
        if self.given == self.wanted {
            return None;
        }
        let mut due = self.not_before;
        if !self.is_first() && self.made_lately() >= self.rules.changes_per_minute {
            // The oldest are forgotten one after the other.
            let oldest = self.made.front().map(|(at, _)| at.after(MINUTE));
            due = due.max(oldest.unwrap_or(due));
        }
        Some(due)
    }

    /// All that an operator may see.
    pub(super) fn report(&self, name: &str, wall_ms: u64) -> DiscoveryReport {
        let (word, reason) = match &self.fault {
            None => (None, None),
            Some(DiscoveryFault::Failing(why)) => (Some("failing"), Some(why)),
            Some(DiscoveryFault::Refused(why)) => (Some("refused"), Some(why)),
            Some(DiscoveryFault::Unfit(why)) => (Some("unfit"), Some(why)),
        };
        DiscoveryReport {
            name: name.to_owned(),
            source: self.rules.source.clone(),
            endpoints: self.given.len(),
            pending: self.pending(),
            age_ms: self.seen_ms.map(|seen| wall_ms.saturating_sub(seen)),
            fault: word.map(str::to_owned),
            reason: reason.cloned(),
            held_back: self.held.as_ref().map(EndpointList::len),
            left_out: self.left_out,
            failures: self.failures,
            refusals: self.refusals,
            changes: self.changes,
        }
    }

    fn pending(&self) -> usize {
        let all = differences(&self.given, &self.wanted);
        all.iter().map(Vec::len).sum()
    }

    /// Nothing of it was ever in force.
    fn is_first(&self) -> bool {
        self.given.is_empty() && self.changes == 0
    }

    fn want(&mut self, now: Moment, list: EndpointList) {
        if self
            .sizes
            .back()
            .is_none_or(|(_, size)| *size != list.len())
        {
            self.sizes.push_back((now, list.len()));
        }
        self.held = None;
        self.wanted = list;
    }

    /// Why a list of this size shrinks too much.
    fn shrinkage(&mut self, now: Moment, size: usize) -> Option<String> {
        // A size counts until the next one was there for the whole window.
        while let Some((next, _)) = self.sizes.get(1)
            && next.after(SHRINK_WINDOW) <= now
        {
            self.sizes.pop_front();
        }
        let before = self.sizes.iter().map(|(_, size)| *size).max()?;
        let gone = before.saturating_sub(size);
        let allowed = self.rules.max_shrink;
        let is_beyond = gone * usize::from(Permille::FULL.0) > before * usize::from(allowed.0);
        is_beyond.then(|| {
            format!(
                "it lists {size} endpoints where {before} were; max_shrink allows to lose {allowed}"
            )
        })
    }

    fn refuse(&mut self, name: &str, fault: DiscoveryFault) -> Option<DiscoveryNotice> {
        let is_new = self.fault.as_ref() != Some(&fault);
        self.refusals += u64::from(is_new);
        let (DiscoveryFault::Failing(why)
        | DiscoveryFault::Refused(why)
        | DiscoveryFault::Unfit(why)) = &fault;
        let why = why.clone();
        self.fault = Some(fault);
        is_new.then(|| DiscoveryNotice::Refused {
            name: name.to_owned(),
            why,
        })
    }

    fn leave_out(&mut self, name: &str, list: &mut EndpointList) -> Option<DiscoveryNotice> {
        let before = self.left_out;
        let mut first = None;
        let whole = list.len();
        list.retain(|id, own| match (self.rules.admission.0)(own) {
            None => true,
            Some(why) => {
                first.get_or_insert_with(|| format!("{id}: {why}"));
                false
            }
        });
        self.left_out = whole - list.len();
        let first = first.filter(|_| self.left_out != before)?;
        Some(DiscoveryNotice::LeftOut {
            name: name.to_owned(),
            count: self.left_out,
            first,
        })
    }

    fn forget(&mut self, now: Moment) {
        while let Some((at, _)) = self.made.front()
            && at.after(MINUTE) <= now
        {
            self.made.pop_front();
        }
    }

    fn made_lately(&self) -> usize {
        self.made.iter().map(|(_, count)| count).sum()
    }
}

/// Ids of what comes, goes and changes from one list to another.
fn differences(from: &EndpointList, to: &EndpointList) -> [Vec<String>; 3] {
    let missing = |of: &EndpointList, other: &EndpointList| {
        let ids = of.keys().filter(|id| !other.contains_key(*id));
        ids.cloned().collect::<Vec<_>>()
    };
    let changed = to
        .iter()
        .filter(|(id, own)| from.get(*id).is_some_and(|before| before != *own));
    [
        missing(to, from),
        missing(from, to),
        changed.map(|(id, _)| id.clone()).collect(),
    ]
}

impl fmt::Debug for EndpointAdmission {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EndpointAdmission")
    }
}
