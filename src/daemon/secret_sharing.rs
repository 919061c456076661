//! The secrets that all nodes of a cluster have in common, between this node's disk, its config in force, and the others.
//!
//! ```text
//! others --> VaultKeeper --on the disk--> given to who lacks them --the config in force with them--> told as in force
//! ```
//!
//! It has a thread of its own and decides nothing: which secret holds, and which one makes cookies, is for [`crate::share`] to say. A secret that is not in force
//! here is not told as if it were, for others give clients cookies by what this node accepts.
use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::cluster::{ClusterDriver, SecretWord};
use super::discovered_lists::BesideConfig;
use super::prepared::{self, Source};
use super::reader::{InForce, ReaderMessage};
use super::weigh::opening;
use crate::base::limits::CLUSTER_ORDER_KNOWN;
use crate::base::{Moment, Span};
use crate::io::carry::SharedCopy;
use crate::io::control::{SecretAsk, SecretReply, SecretView, SecretsView};
use crate::io::keys::lock::NodeLock;
use crate::io::state;
use crate::plan::{AgreedSecrets, Cookies};
use crate::share::{
    SecretKind, SecretOrder, VaultKeeper, VaultRules, VaultSight, rank_time, tsig_name,
};

/// Time between two looks at what others have told.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Time between two looks at what has become of time alone.
const TURN_EVERY: Span = Span::from_secs(1);
/// Time after which what did not come into force is tried again.
const TRY_AGAIN: Span = Span::from_secs(20);

struct SecretSharing {
    copy: SharedCopy,
    lock: Arc<NodeLock>,
    in_force: InForce,
    reader: Option<Sender<ReaderMessage>>,
    keeper: VaultKeeper,
    is_held: bool,
    /// News and config that were looked at last.
    seen: Option<(u64, usize)>,
    turn_at: Moment,
    try_at: Moment,
    is_unwritten: bool,
    doubts: Vec<String>,
    /// Those who wait until others know, and how long they do at the most.
    waiting: Vec<WaitingOrder>,
}

/// An order that others are to hear of.
struct WaitingOrder {
    until: Moment,
    done: String,
    /// The secrets that are others by it.
    names: Vec<String>,
    reply: SecretReply,
}

impl ClusterDriver {
    /// Shares the secrets of all nodes from now on.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn share_secrets(
        &mut self,
        in_force: &InForce,
        reader: Option<Sender<ReaderMessage>>,
    ) -> io::Result<()> {
        let Some(lock) = self.lock.take() else {
            return Ok(());
        };
        let (words, queue) = std::sync::mpsc::channel();
        let (now, wall) = self.copy().look(|_, now, wall| (now, wall));
        let folder = source(in_force).zoning.state.clone();
        let vault = folder.map(|folder| {
            let (vault, damage) = state::vault::read(&folder);
            if let Some(reason) = damage {
                let path = state::vault::path(&folder);
                prepared::tell(&state::set_aside(&path, reason, wall.0 / 1000));
            }
            vault
        });
        let mut sharing = SecretSharing {
            copy: self.copy().clone(),
            lock,
            in_force: Arc::clone(in_force),
            reader,
            keeper: VaultKeeper::new(vault.unwrap_or_default(), now),
            is_held: false,
            seen: None,
            turn_at: now,
            try_at: now,
            is_unwritten: false,
            doubts: Vec::new(),
            waiting: Vec::new(),
        };
        self.secrets = Some(words);
        let thread = std::thread::Builder::new().name("secrets".to_owned());
        thread.spawn(move || sharing.run(&queue)).map(drop)
    }
}

fn source(in_force: &InForce) -> Arc<Source> {
    Arc::clone(&in_force.read().unwrap_or_else(PoisonError::into_inner))
}

impl SecretSharing {
    fn run(&mut self, queue: &Receiver<SecretWord>) {
        loop {
            match queue.recv_timeout(LOOK_EVERY) {
                Ok(SecretWord::Hold(is_held)) => self.is_held = is_held,
                Ok(SecretWord::Ask(ask, reply)) => self.ask(ask, reply),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if !self.is_held {
                self.turn();
                self.answer();
            }
        }
    }

    fn sight(&self) -> VaultSight {
        self.copy
            .look(|cluster, now, wall| cluster.vault_sight(now, wall))
    }

    /// Takes in what others have told since the last time and what time has brought, and tells them what is new here.
    fn turn(&mut self) {
        let (news, now) = self
            .copy
            .look(|cluster, now, _| (cluster.vault_news(), now));
        let source = source(&self.in_force);
        let seen = Some((news, Arc::as_ptr(&source).addr()));
        if self.seen == seen && now < self.turn_at {
            return;
        }
        (self.seen, self.turn_at) = (seen, now.after(TURN_EVERY));
        let sight = self.sight();
        let is_new = self.keeper.turn(&sight, &rules(&source), &*self.lock);
        if is_new || self.is_unwritten {
            self.write(&source);
            self.tell(&sight);
        }
        self.bring(&source, &sight);
        self.tell(&sight);
    }

    fn tell(&mut self, sight: &VaultSight) {
        let told = self.keeper.told(sight, &*self.lock);
        self.copy.say(|cluster, _, _| cluster.say_vault(told));
    }

    fn write(&mut self, source: &Source) {
        let Some(folder) = &source.zoning.state else {
            return;
        };
        let written = state::vault::write(folder, self.keeper.vault());
        if let Err(why) = &written
            && !self.is_unwritten
        {
            let path = state::vault::path(folder);
            error!(
                event = "state_unwritable",
                "cannot write `{}`: {why}; a restart would not know the secrets of all nodes",
                path.display()
            );
        }
        self.is_unwritten = written.is_err();
    }

    /// Has the secrets taken into force that are not yet.
    fn bring(&mut self, source: &Source, sight: &VaultSight) {
        let agreed = state::vault::agreed(self.keeper.vault(), self.keeper.cookies(sight));
        let mut is_in_force = *source.brought.agreed == agreed;
        if !is_in_force && self.reader.is_some() && self.try_at <= sight.now {
            let count = self.keeper.vault().iter().count();
            let outcome = self.take_into_force(agreed.clone());
            match outcome {
                Ok(()) => info!(
                    event = "secrets_agreed",
                    count, "secrets of all nodes are others, and in force"
                ),
                Err(why) => {
                    self.try_at = sight.now.after(TRY_AGAIN);
                    let why = opening(&why).replace('\n', " ");
                    warn!(
                        event = "secrets_refused",
                        "secrets of all nodes are not in force here: {why}"
                    );
                    return;
                }
            }
            is_in_force = true;
        }
        if is_in_force {
            let source = self::source(&self.in_force);
            let own = self.differing(&source, &agreed);
            self.keeper.is_in_force(own.clone());
            self.doubt(&source, (sight, &own));
        }
    }

    fn take_into_force(&self, agreed: AgreedSecrets) -> Result<(), String> {
        let reader = self
            .reader
            .as_ref()
            .ok_or("this server reads no config again")?;
        let (reply, done) = oneshot::channel();
        let other = BesideConfig::Secrets(Arc::new(agreed));
        let ended = || "the server ended".to_owned();
        reader
            .send(ReaderMessage::Discovered(other, reply))
            .map_err(|_| ended())?;
        done.blocking_recv().unwrap_or_else(|_| Err(ended()))
    }

    /// Names of the secrets in whose place the config has others.
    fn differing(&self, source: &Source, agreed: &AgreedSecrets) -> BTreeSet<String> {
        let sets = source.spec.sets_secrets();
        let (plan, zoning) = (&source.plan, &source.zoning);
        let is_other_cookie = || match (&plan.server.defence.cookies, agreed.cookies.first()) {
            (Cookies::Secrets(own), Some(makes)) => !own.contains(makes),
            (Cookies::Off | Cookies::OwnSecret, _) | (_, None) => false,
        };
        let cookie = (sets.contains(&"cookie") && is_other_cookie()).then(|| "cookie".to_owned());
        let is_other_cohort = agreed.cohort.is_some_and(|key| key != plan.key);
        let cohort = is_other_cohort.then(|| "cohort".to_owned());
        let keys = zoning.tsig.iter().filter(|key| {
            let common = agreed.tsig.get(&key.name);
            key.secret.is_some() && common.is_some() && common != key.secret.as_ref()
        });
        let keys = keys.map(|key| tsig_name(&key.name));
        cookie.into_iter().chain(cohort).chain(keys).collect()
    }

    /// Shows what is wrong here, and says so if it is new.
    fn doubt(&mut self, source: &Source, (sight, own): (&VaultSight, &BTreeSet<String>)) {
        let missing = source.zoning.tsig.iter().filter(|key| key.secret.is_none());
        let missing = missing.map(|key| {
            format!(
                "the secret of TSIG key {} has not come: what is signed with it is answered BADKEY",
                key.name
            )
        });
        let own = own.iter();
        let own =
            own.map(|name| format!("{name}: this node's config has another one than the cluster"));
        let others = sight.others.iter().flat_map(|other| {
            let names = other.said.iter().flat_map(|said| &said.own);
            names.map(|name| {
                format!(
                    "{name}: the config of {} has another one than the cluster",
                    other.name
                )
            })
        });
        let doubts: Vec<String> = missing.chain(own).chain(others).collect();
        if doubts != self.doubts {
            for doubt in doubts.iter().filter(|doubt| !self.doubts.contains(doubt)) {
                warn!(event = "secret_doubt", "{doubt}");
            }
            self.copy
                .say(|cluster, _, _| cluster.show_secret_doubts(doubts.clone()));
            self.doubts = doubts;
        }
    }

    fn ask(&mut self, ask: SecretAsk, reply: SecretReply) {
        let sight = self.sight();
        let orders = match ask {
            SecretAsk::List => {
                // Whoever asked may have gone.
                return drop(reply.send(Ok(self.view(&sight, String::new()))));
            }
            SecretAsk::Order(orders) => orders,
        };
        if self.is_held {
            return;
        }
        let mut names = Vec::new();
        for order in &orders {
            match self.keeper.order(&sight, order, &*self.lock) {
                Ok(name) => names.push(name),
                Err(why) => return drop(reply.send(Err(why))),
            }
        }
        let source = source(&self.in_force);
        self.write(&source);
        if self.is_unwritten {
            let why = "it is in force and not on the disk: the log says why";
            return drop(reply.send(Err(why.to_owned())));
        }
        let done: Vec<String> = orders.iter().map(word).collect();
        let until = sight.now.after(CLUSTER_ORDER_KNOWN);
        let done = done.join(", ");
        self.waiting.push(WaitingOrder {
            until,
            done,
            names,
            reply,
        });
        (self.seen, self.try_at) = (None, sight.now);
    }

    /// Answers those who have waited for long enough.
    fn answer(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let sight = self.sight();
        let view = self.view(&sight, String::new());
        let heard = sight.others.iter().filter(|other| other.is_heard).count() + 1;
        for own in std::mem::take(&mut self.waiting) {
            let named = view
                .secrets
                .iter()
                .filter(|one| own.names.contains(&one.name));
            let known = named.map(|one| one.known_by).min().unwrap_or(1);
            if known < heard && sight.now < own.until {
                self.waiting.push(own);
                continue;
            }
            let result = format!(
                "{}; known by {known} of {}",
                own.done,
                sight.others.len() + 1
            );
            // Whoever asked may have gone.
            drop(own.reply.send(Ok(SecretsView {
                result,
                ..view.clone()
            })));
        }
    }

    fn view(&self, sight: &VaultSight, result: String) -> SecretsView {
        let cookies = self.keeper.cookies(sight);
        let own = self.differing(
            &source(&self.in_force),
            &state::vault::agreed(self.keeper.vault(), cookies.clone()),
        );
        let secrets = self.keeper.vault().read().map(|(name, rank, kind)| {
            let knows = sight.others.iter().filter(|other| {
                let held = other.said.as_deref().and_then(|said| said.held.get(name));
                held.is_some_and(|held| *held >= rank)
            });
            let state = match &kind {
                SecretKind::Cookie { secret, .. } if cookies.first() == Some(secret) => "in use",
                SecretKind::Cookie { begins, .. } if *begins > sight.wall => "announced",
                SecretKind::Cookie { .. } => "accepted",
                SecretKind::Tsig(_, None) => "removed",
                SecretKind::Tsig(..) | SecretKind::Cohort(_) => "in use",
            };
            let kind_word = name.split(' ').next().unwrap_or(name);
            let is_own = own.contains(name) || own.contains(kind_word);
            SecretView {
                name: name.to_owned(),
                state: state.to_owned(),
                set: rank_time(rank).0 / 1000,
                known_by: knows.count() + 1,
                of: sight.others.len() + 1,
                differs_here: is_own,
            }
        });
        SecretsView {
            result,
            secrets: secrets.collect(),
        }
    }
}

/// The part of a config by which secrets of all nodes go.
fn rules(source: &Source) -> VaultRules {
    let sets = source.spec.sets_secrets();
    let has_cohort = sets.contains(&"cohort") || source.brought.agreed.cohort.is_some();
    let cluster = source.plan.cluster.as_ref();
    VaultRules {
        roll_every: cluster.map_or(Span(u64::MAX), |own| own.roll_cookies),
        shares_cookies: !sets.contains(&"cookie"),
        first_cohort: (!has_cohort).then_some(source.plan.key),
    }
}

fn word(order: &SecretOrder) -> String {
    match order {
        SecretOrder::RollCookie => "another cookie secret is drawn".to_owned(),
        SecretOrder::RollCohort => "another key of cohorts is drawn".to_owned(),
        SecretOrder::Tsig(key, Some(_)) => format!("the secret of TSIG key {key} is set"),
        SecretOrder::Tsig(key, None) => format!("the secret of TSIG key {key} is removed"),
    }
}
