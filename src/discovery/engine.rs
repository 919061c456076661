//! The core of discoveries, with the waiting taken out.
//!
//! Whoever drives it calls [`DiscoveryEngine::handle`] with what happened, does what [`DiscoveryEngine::poll`] says until it says
//! nothing, and calls again at [`DiscoveryEngine::wake_at`] at the latest. One list at a time is on its way into force.
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::KEEP_EVERY;
use super::list::{DiscoveredLists, EndpointList};
use super::report::{DiscoveryNotice, DiscoveryReport, KeptList};
use super::watched::{DiscoveryRules, WatchedDiscovery};
use crate::base::Moment;

/// An event that the engine takes in.
#[derive(Clone, Debug)]
pub enum DiscoveryInput {
    /// Time passed.
    Tick,
    /// There are these discoveries from now on; what is known of those that go on stays.
    Use(BTreeMap<String, DiscoveryRules>),
    /// A source has this list.
    Listed(String, EndpointList),
    /// A source gave none, for this reason.
    Failed(String, String),
    /// The lists that were to come into force are, or why they are not.
    Taken(Result<(), String>),
}

/// An action that the driver is to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryOutput {
    /// Take these lists into force, and tell what became of it.
    Take(Arc<DiscoveredLists>),
    /// Keep this over restarts.
    Remember(Vec<KeptList>),
    /// Tell the operator.
    Notice(DiscoveryNotice),
}

/// Owns all that is known of discoveries.
#[derive(Debug)]
pub struct DiscoveryEngine {
    all: BTreeMap<String, WatchedDiscovery>,
    /// Lists that were kept over a restart and whose discovery is not known yet.
    kept: BTreeMap<String, KeptList>,
    /// The lists that the config was compiled with at the start.
    begun_with: Arc<DiscoveredLists>,
    /// The list on its way into force.
    trying: Option<(String, EndpointList)>,
    remember_at: Option<Moment>,
    outputs: VecDeque<DiscoveryOutput>,
}

impl DiscoveryEngine {
    /// Begins with what was kept over a restart, and the lists that the config is in force with.
    #[must_use]
    pub fn new(kept: Vec<KeptList>, in_force: Arc<DiscoveredLists>) -> Self {
        let kept = kept.into_iter();
        Self {
            all: BTreeMap::new(),
            kept: kept.map(|own| (own.name.clone(), own)).collect(),
            begun_with: in_force,
            trying: None,
            remember_at: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in one thing that happened; `wall_ms` is milliseconds since 1970.
    ///
    /// # Panics
    /// Work that is due now has been left undone: a defect, found here and not as a busy loop.
    pub fn handle(&mut self, now: Moment, wall_ms: u64, input: DiscoveryInput) {
        match input {
            DiscoveryInput::Tick => {}
            DiscoveryInput::Use(rules) => self.adopt((now, wall_ms), rules),
            DiscoveryInput::Listed(name, list) => {
                if let Some(own) = self.all.get_mut(&name) {
                    let notices = own.listed((now, wall_ms), &name, list);
                    self.tell(notices);
                    self.remember_at.get_or_insert(now.after(KEEP_EVERY));
                }
            }
            DiscoveryInput::Failed(name, why) => {
                let own = self.all.get_mut(&name);
                let notice = own.and_then(|own| own.failed(&name, why));
                self.tell(notice);
            }
            DiscoveryInput::Taken(outcome) => self.taken(now, outcome),
        }
        self.step(now);
        if self.remember_at.is_some_and(|due| due <= now) {
            self.remember();
        }
        // Progress: whatever is due has been done, so the next wake-up lies ahead.
        assert!(self.wake_at().is_none_or(|wake| wake > now));
    }

    /// Takes the list of a discovery that is held back, because somebody says that it is meant. Call [`Self::handle`] next.
    ///
    /// # Errors
    /// The reason why there is nothing to accept; for a person.
    pub fn accept(&mut self, now: Moment, wall_ms: u64, name: &str) -> Result<String, String> {
        let own = self.all.get_mut(name);
        let own = own.ok_or(format!("there is no discovery `{name}`"))?;
        let size = own.accept(now, wall_ms);
        let size = size.ok_or(format!("discovery `{name}` holds no list back"))?;
        Ok(format!(
            "the list of discovery {name} with {size} endpoints is taken"
        ))
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<DiscoveryOutput> {
        self.outputs.pop_front()
    }

    /// The moment at which to call [`DiscoveryEngine::handle`] with [`DiscoveryInput::Tick`] if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        let turns = self.all.values().filter(|_| self.trying.is_none());
        let turns = turns.filter_map(WatchedDiscovery::turn);
        turns.chain(self.remember_at).min()
    }

    /// Everything that an operator may see, discovery by discovery.
    #[must_use]
    pub fn report(&self, wall_ms: u64) -> Vec<DiscoveryReport> {
        let all = self.all.iter();
        all.map(|(name, own)| own.report(name, wall_ms)).collect()
    }

    fn adopt(&mut self, (now, wall_ms): (Moment, u64), rules: BTreeMap<String, DiscoveryRules>) {
        self.all.retain(|name, _| rules.contains_key(name));
        for (name, rules) in rules {
            if let Some(own) = self.all.get_mut(&name) {
                let notices = own.adopt((now, wall_ms), &name, rules);
                self.tell(notices);
                continue;
            }
            let kept = self.kept.remove(&name);
            let is_given = kept
                .as_ref()
                .is_some_and(|kept| self.begun_with.0.get(&name) == Some(&kept.endpoints));
            let mut own = WatchedDiscovery::new(now, rules.clone(), kept, is_given);
            let notices = own.adopt((now, wall_ms), &name, rules);
            self.tell(notices);
            self.all.insert(name, own);
        }
    }

    fn taken(&mut self, now: Moment, outcome: Result<(), String>) {
        let Some((name, list)) = self.trying.take() else {
            return;
        };
        let is_taken = outcome.is_ok();
        // It may have left the config meanwhile.
        let own = self.all.get_mut(&name);
        let notices = own.map(|own| own.taken(now, &name, (list, outcome)));
        self.tell(notices.into_iter().flatten());
        if is_taken {
            self.remember();
        }
    }

    /// Has the next list taken into force.
    fn step(&mut self, now: Moment) {
        if self.trying.is_some() {
            return;
        }
        let mut steps = self.all.iter_mut();
        let step = steps.find_map(|(name, own)| Some((name.clone(), own.step(now)?)));
        let Some((name, list)) = step else { return };
        let given = self
            .all
            .iter()
            .map(|(name, own)| (name.clone(), own.given.clone()));
        let mut lists: BTreeMap<String, EndpointList> = given.collect();
        lists.insert(name.clone(), list.clone());
        self.trying = Some((name, list));
        let lists = Arc::new(DiscoveredLists(lists));
        self.outputs.push_back(DiscoveryOutput::Take(lists));
    }

    fn remember(&mut self) {
        self.remember_at = None;
        let kept = self.all.iter().filter_map(|(name, own)| {
            Some(KeptList {
                name: name.clone(),
                // One that does not go with the config now may do so later.
                endpoints: match own.given.is_empty() {
                    true => own.wanted.clone(),
                    false => own.given.clone(),
                },
                seen_ms: own.seen_ms?,
            })
        });
        let kept = kept.collect();
        self.outputs.push_back(DiscoveryOutput::Remember(kept));
    }

    fn tell(&mut self, notices: impl IntoIterator<Item = DiscoveryNotice>) {
        let notices = notices.into_iter().map(DiscoveryOutput::Notice);
        self.outputs.extend(notices);
    }
}
