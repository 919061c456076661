//! The core of names, with the waiting taken out.
//!
//! Whoever drives it calls [`NameEngine::handle`] with what happened, does what [`NameEngine::poll`] says until it says
//! nothing, and calls again at [`NameEngine::wake_at`] at the latest.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::fault::NameNotice;
use super::judge::Resolution;
use super::known::{KeptName, KnownNames, NameReport};
use super::watched::{NameRules, WatchedName};
use super::{CHANGE_EVERY, COALESCE, HoldBounds, KEEP_EVERY, PrivateAddresses};
use crate::base::Moment;
use crate::dns::Name;

/// Names that are wanted, and the rules for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedNames {
    /// The names.
    pub names: BTreeSet<Name>,
    /// The time for which answers are held.
    pub bounds: HoldBounds,
    /// The use of private addresses.
    pub private: PrivateAddresses,
    /// Names that are steered here.
    pub steered: BTreeSet<Name>,
    /// Apexes of zones that are served here.
    pub apexes: BTreeSet<Name>,
}

impl Default for WantedNames {
    fn default() -> Self {
        Self {
            names: BTreeSet::new(),
            bounds: HoldBounds::DEFAULT,
            private: PrivateAddresses::Refuse,
            steered: BTreeSet::new(),
            apexes: BTreeSet::new(),
        }
    }
}

/// An event that the engine takes in.
#[derive(Clone, Debug)]
pub enum NameInput {
    /// Time passed.
    Tick,
    /// These names are wanted from now on; what is known of those that go on being wanted stays.
    Use(WantedNames),
    /// The answer to a question, or why there is none.
    Resolved(u64, Name, Resolution),
}

/// An action that the driver is to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOutput {
    /// Ask for the addresses of a name, and give back what comes with this number.
    Ask(u64, Name),
    /// Names have these addresses from now on.
    Known(Arc<KnownNames>),
    /// The addresses of a name hold until then.
    Holds(Name, Moment),
    /// Keep this over restarts.
    Remember(Vec<KeptName>),
    /// Tell the operator.
    Notice(NameNotice),
}

/// Owns all that is known of names.
#[derive(Debug)]
pub struct NameEngine {
    wanted: WantedNames,
    names: BTreeMap<Name, WatchedName>,
    /// Names that were kept over a restart and are not wanted yet.
    kept: BTreeMap<Name, KeptName>,
    given: Arc<KnownNames>,
    /// The moment at which a change is handed on.
    give_at: Option<Moment>,
    not_before: Moment,
    remember_at: Option<Moment>,
    questions: u64,
    outputs: VecDeque<NameOutput>,
}

impl NameEngine {
    /// Begins with what was kept over a restart; no name is wanted yet.
    #[must_use]
    pub fn new(kept: Vec<KeptName>) -> Self {
        let known = kept
            .iter()
            .map(|own| (own.name.clone(), own.addresses.clone()));
        Self {
            given: Arc::new(KnownNames::of(known.collect())),
            wanted: WantedNames::default(),
            names: BTreeMap::new(),
            kept: kept
                .into_iter()
                .map(|own| (own.name.clone(), own))
                .collect(),
            give_at: None,
            not_before: Moment::default(),
            remember_at: None,
            questions: 0,
            outputs: VecDeque::new(),
        }
    }

    /// The addresses that were handed on last.
    #[must_use]
    pub fn given(&self) -> &Arc<KnownNames> {
        &self.given
    }

    /// Takes in one thing that happened; `wall_ms` is milliseconds since 1970.
    ///
    /// # Panics
    /// Work that is due now has been left undone: a defect, found here and not as a busy loop.
    pub fn handle(&mut self, now: Moment, wall_ms: u64, input: NameInput) {
        match input {
            NameInput::Tick => {}
            NameInput::Use(wanted) => self.want(now, wanted),
            NameInput::Resolved(question, name, resolution) => {
                self.resolved((now, wall_ms), (question, name), &resolution);
            }
        }
        self.ask(now);
        if self.give_at.is_some_and(|due| due <= now) {
            self.give(now);
        }
        if self.remember_at.is_some_and(|due| due <= now) {
            self.remember();
        }
        // Progress: whatever is due has been done, so the next wake-up lies ahead.
        assert!(self.wake_at().is_none_or(|wake| wake > now));
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<NameOutput> {
        self.outputs.pop_front()
    }

    /// The moment at which to call [`NameEngine::handle`] with [`NameInput::Tick`] if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        let names = self.names.values().map(|own| own.next);
        names.chain(self.give_at).chain(self.remember_at).min()
    }

    /// Everything that an operator may see, name by name.
    #[must_use]
    pub fn report(&self, now: Moment, wall_ms: u64) -> Vec<NameReport> {
        let names = self.names.iter();
        names
            .map(|(name, own)| {
                let served = self.given.addresses(name);
                own.report((name, served), (now, wall_ms))
            })
            .collect()
    }

    fn want(&mut self, now: Moment, wanted: WantedNames) {
        let gone: Vec<Name> = self.names.keys().cloned().collect();
        for name in gone.iter().filter(|name| !wanted.names.contains(name)) {
            self.names.remove(name);
        }
        for name in &wanted.names {
            let kept = self.kept.remove(name);
            self.names
                .entry(name.clone())
                .or_insert_with(|| WatchedName::new(now, kept.as_ref()));
        }
        if self.wanted != wanted {
            // Other rules may say otherwise of what is known.
            self.names.values_mut().for_each(|own| own.next = now);
        }
        self.wanted = wanted;
        self.plan_change(now);
    }

    fn resolved(
        &mut self,
        (now, wall_ms): (Moment, u64),
        (question, name): (u64, Name),
        resolution: &Resolution,
    ) {
        let rules = NameRules {
            bounds: self.wanted.bounds,
            private: self.wanted.private,
            steered: &self.wanted.steered,
            apexes: &self.wanted.apexes,
        };
        let own = self.names.get_mut(&name);
        let Some(own) = own.filter(|own| own.question == Some(question)) else {
            return;
        };
        let notices = own.take((now, wall_ms), &name, resolution, rules);
        self.outputs
            .extend(notices.into_iter().map(NameOutput::Notice));
        if own.addresses() == self.given.addresses(&name) {
            let holds = NameOutput::Holds(name.clone(), own.until());
            self.outputs.push_back(holds);
        }
        self.remember_at.get_or_insert(now.after(KEEP_EVERY));
        self.plan_change(now);
    }

    /// Asks for all names that are due.
    fn ask(&mut self, now: Moment) {
        for (name, own) in self.names.iter_mut().filter(|(_, own)| own.next <= now) {
            self.questions += 1;
            own.ask(now, self.questions);
            self.outputs
                .push_back(NameOutput::Ask(self.questions, name.clone()));
        }
    }

    /// Plans to hand on what differs from what was.
    fn plan_change(&mut self, now: Moment) {
        let differs =
            |(name, own): &(&Name, &WatchedName)| own.addresses() != self.given.addresses(name);
        let changed: Vec<&Name> = self
            .names
            .iter()
            .filter(differs)
            .map(|(name, _)| name)
            .collect();
        if changed.is_empty() {
            self.give_at = None;
            return;
        }
        let is_first = changed
            .iter()
            .any(|name| self.given.addresses(name).is_empty());
        let soon = now.after(COALESCE);
        let due = if is_first {
            soon
        } else {
            soon.max(self.not_before)
        };
        self.give_at = Some(self.give_at.map_or(due, |planned| planned.min(due)));
    }

    fn give(&mut self, now: Moment) {
        self.give_at = None;
        self.not_before = now.after(CHANGE_EVERY);
        let names = || {
            self.names
                .iter()
                .filter(|(_, own)| !own.addresses().is_empty())
        };
        let addresses = names().map(|(name, own)| (name.clone(), own.addresses()));
        let until = names().map(|(name, own)| (name.clone(), own.until()));
        let known = KnownNames::of(addresses.collect()).until(until.collect());
        self.given = Arc::new(known);
        self.outputs
            .push_back(NameOutput::Known(Arc::clone(&self.given)));
        self.remember();
    }

    fn remember(&mut self) {
        self.remember_at = None;
        let names = self.names.iter();
        let kept = names.filter_map(|(name, own)| own.kept(name));
        self.outputs.push_back(NameOutput::Remember(kept.collect()));
    }
}
