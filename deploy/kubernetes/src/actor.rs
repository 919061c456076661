//! Whoever leads: makes Waypost what the resources say, again and again.
//!
//! Each pass goes over all resources with all that is known, and does what is missing; what happens meanwhile is for the next. So there
//! is one change of an object at a time, however often something changes, and what failed needs no memory but when to try again.
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, CustomResourceExt, Error, ResourceExt};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::facts::{Key, Shared};
use crate::health::Health;
use crate::log;
use crate::plan::{Report, Wanted, monitor_of, name_of, plan};
use crate::resource::{ServiceStatus, WaypostService};
use crate::waypost::{Changes, Unmade, Waypost, batch};

/// The field manager of all that is written, and the finalizer.
const MANAGER: &str = "waypost-kubernetes";
const FINALIZER: &str = "waypost.dev/declared";
/// Changes that come close upon each other are one.
const COALESCE: Duration = Duration::from_millis(200);
/// Time until Waypost is asked whether somebody else changed anything.
const LOOK: Duration = Duration::from_secs(60);
/// Time until something that failed is tried again, at first and at the most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));
/// Time until Waypost is asked again after it was away, at the most.
const AWAY: Duration = Duration::from_secs(30);
/// Requests at one time, and of one kind in a pass: what changes meanwhile waits for no more than that.
const AT_ONCE: usize = 8;
const A_PASS: usize = 500;
/// Explanations of one pass; the delay after a change, and the time after which they are old.
const EXPLAINED: usize = A_PASS;
const SETTLED: Duration = Duration::from_secs(2);
const OLD: Duration = Duration::from_secs(600);

mod tell;
mod write;

/// Whoever leads.
pub(crate) struct Actor {
    config: Arc<Config>,
    shared: Arc<Shared>,
    health: Arc<Health>,
    home: Client,
    waypost: Waypost,
    looked: Option<Instant>,
    refused: BTreeMap<String, Refusal>,
    /// Those of a batch that was refused, and how many of them are sent at once.
    suspects: BTreeMap<String, usize>,
    turns: u32,
    reported: BTreeMap<String, Told>,
    written: BTreeMap<Key, (Option<String>, ServiceStatus)>,
    explained: BTreeMap<Key, (Instant, Vec<String>)>,
    /// Why Waypost cannot be changed, and how often that was so in a row.
    fault: Option<(&'static str, String)>,
    faults: u32,
    next: Instant,
}

/// A change that was refused.
#[derive(Debug)]
struct Refusal {
    table: Option<Json>,
    why: String,
    tries: u32,
    again: Instant,
}

/// A report that was made, or refused.
#[derive(Debug)]
struct Told {
    report: Report,
    at: Instant,
    refusal: Option<String>,
}

/// A resource in a pass.
#[derive(Debug)]
struct Item {
    key: Key,
    own: Arc<WaypostService>,
    name: String,
    path: String,
    wanted: Wanted,
}

impl Item {
    fn is_leaving(&self) -> bool {
        self.own.metadata.deletion_timestamp.is_some()
    }

    fn is_held(&self) -> bool {
        self.own.finalizers().iter().any(|own| own == FINALIZER)
    }
}

impl Actor {
    /// One that has done nothing yet.
    pub(crate) fn new(
        (config, shared): (Arc<Config>, Arc<Shared>),
        health: Arc<Health>,
        home: Client,
        waypost: Waypost,
    ) -> Self {
        Self {
            config,
            shared,
            health,
            home,
            waypost,
            looked: None,
            refused: BTreeMap::new(),
            suspects: BTreeMap::new(),
            turns: 0,
            reported: BTreeMap::new(),
            written: BTreeMap::new(),
            explained: BTreeMap::new(),
            fault: None,
            faults: 0,
            next: Instant::now(),
        }
    }

    /// Acts until it is dropped.
    pub(crate) async fn run(&mut self) {
        loop {
            let shared = self.shared.clone();
            let now = Instant::now();
            self.next = now + LOOK;
            if shared.world().services.is_read {
                self.pass(now).await;
            }
            match self.fault {
                // Whatever happens, nothing can be done.
                Some(_) => sleep(AWAY.min(AGAIN.0 * 2u32.pow(self.faults.min(4)) / 2)).await,
                None => {
                    tokio::select! {
                        () = shared.bell.notified() => sleep(COALESCE).await,
                        () = tokio::time::sleep_until(self.next) => {}
                    }
                }
            }
        }
    }

    async fn pass(&mut self, now: Instant) {
        let was_fault = self.fault.take();
        if self.looked.is_none_or(|at| now >= at + LOOK) || was_fault.is_some() {
            let looked = self.waypost.look().await;
            self.looked = looked.is_ok().then_some(now);
            self.note(looked);
        }
        let mut items = self.items();
        if self.fault.is_none() {
            self.hold(&mut items).await;
            self.declare(&items, now).await;
        }
        if self.fault.is_none() {
            self.let_go(&items).await;
            self.report(&items, now).await;
        }
        match (&self.fault, &was_fault) {
            (Some((reason, message)), None) => {
                log::line("waypost", &format!("{reason}: {message}"))
            }
            (None, Some(_)) => log::line("waypost", "answers again"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.faults = if self.fault.is_some() {
            self.faults + 1
        } else {
            0
        };
        // A server that starts anew is no news.
        if self.fault.is_none() {
            self.explain(&items, now).await;
        }
        if self.faults != 1 {
            self.write(&items, now).await;
        }
    }

    /// Remembers why nothing goes on.
    fn note(&mut self, done: Result<(), Unmade>) -> bool {
        match done {
            Ok(()) => return true,
            Err(Unmade::Fault(reason, message)) => self.fault = Some((reason, message)),
            Err(Unmade::Stale) => {
                self.looked = None;
                self.due(Instant::now() + COALESCE);
            }
            Err(Unmade::Refused(message)) => self.fault = Some(("Forbidden", message)),
        }
        false
    }

    fn due(&mut self, at: Instant) {
        self.next = self.next.min(at);
    }

    /// All resources, planned.
    fn items(&self) -> Vec<Item> {
        let world = self.shared.world();
        let all = world.services.all.iter().map(|(key, own)| {
            let name = name_of(&self.config, &key[0], &key[1]);
            let path = format!("services/{name}");
            let declared = self.waypost.table(&path);
            Item {
                wanted: plan((own, &self.config), &world, declared),
                key: key.clone(),
                own: own.clone(),
                name,
                path,
            }
        });
        all.collect()
    }

    /// Has the API server keep those that are to be declared until they are no longer.
    async fn hold(&mut self, items: &mut [Item]) {
        let is_new = |own: &Item| !own.is_leaving() && !own.is_held() && own.wanted.table.is_some();
        if items.iter().filter(|own| is_new(own)).count() > A_PASS {
            self.due(Instant::now());
        }
        let new = items.iter_mut().filter(|own| is_new(own)).take(A_PASS);
        let home = &self.home;
        let held = futures::stream::iter(new).map(async |item| {
            let finalizers = [item.own.finalizers(), &[FINALIZER.to_owned()]].concat();
            match set_finalizers(home, &item.own, &finalizers).await {
                Ok(own) => {
                    let own = Arc::new(own);
                    item.own = own.clone();
                    Ok((item.key.clone(), own))
                }
                Err(error) => Err(error),
            }
        });
        let held: Vec<_> = held.buffer_unordered(AT_ONCE).collect().await;
        for held in held {
            match held {
                Ok((key, own)) => drop(self.shared.world().services.set(key, own)),
                Err(error) => {
                    log::line("finalizer", &error.to_string());
                    self.due(Instant::now() + AGAIN.0);
                }
            }
        }
    }

    /// Declares what is other than it is to be.
    async fn declare(&mut self, items: &[Item], now: Instant) {
        let monitor = format!("monitors/{}", monitor_of(&self.config));
        let table = json!({ "type": "push", "ttl": format!("{}s", self.config.readiness_seconds), "rise": 1, "fall": 1 });
        let mut changes = vec![(monitor, Some(table))];
        let goes = items.iter().any(|own| own.is_leaving() && own.is_held());
        // Of a definition that is deleted all resources are: that is no word on what is to be answered.
        let is_withdrawn = goes && self.is_withdrawn().await;
        for item in items.iter().filter(|own| own.is_held()) {
            match item.is_leaving() {
                true if !is_withdrawn => changes.push((item.path.clone(), None)),
                true => {}
                false => {
                    let table = item.wanted.table.clone();
                    changes.extend(table.map(|table| (item.path.clone(), Some(table))));
                }
            }
        }
        changes.retain(|(path, table)| {
            let is_other = self.waypost.table(path) != table.as_ref();
            let again = self.refused.get(path).filter(|own| own.table == *table);
            let is_due = again.is_none_or(|own| now >= own.again);
            is_other && is_due && self.waypost.other(path).is_none()
        });
        let changed = self.pick(changes, now);
        let made = match changed.is_empty() {
            true => Ok(()),
            false => self.waypost.declare(&changed).await,
        };
        match made {
            Ok(()) => {
                let first = changed.first().and_then(|own| self.suspects.get(&own.0));
                let most = first.copied().unwrap_or(0);
                for (path, _) in &changed {
                    self.refused.remove(path);
                    self.suspects.remove(path);
                    log::line("declared", path);
                    self.unsettle(path, now);
                }
                // If one half is well the other is not.
                let others = self.suspects.values_mut();
                for other in others.filter(|own| **own > 1 && **own == most) {
                    *other /= 2;
                }
            }
            // All services name it.
            Err(Unmade::Refused(why)) if changed[0].0.starts_with("monitors/") => {
                self.fault = Some(("Forbidden", why));
            }
            Err(Unmade::Refused(why)) => {
                self.suspects.extend(suspected(&changed, &why));
                if let [(path, table)] = changed.as_slice() {
                    self.refuse(path.clone(), why, table.clone());
                }
            }
            error => drop(self.note(error)),
        }
        let known: BTreeSet<&str> = items.iter().map(|own| own.path.as_str()).collect();
        let is_known = |path: &String| known.contains(path.as_str());
        self.refused.retain(|path, _| is_known(path));
        self.suspects.retain(|path, _| is_known(path));
        let again = self.refused.values().map(|own| own.again);
        let again = again.filter(|at| *at > now).min();
        again.into_iter().for_each(|at| self.due(at));
    }

    /// The batch of this pass: reports and statuses wait for no more than one. A batch that was refused comes again in halves, until it is
    /// known for whose sake; every other turn is for those that are not suspected, which wait for it no longer than that.
    fn pick(&mut self, changes: Changes, now: Instant) -> Changes {
        if changes
            .first()
            .is_some_and(|own| own.0.starts_with("monitors/"))
        {
            self.due(now);
            return changes.into_iter().take(1).collect();
        }
        let (mut suspects, mut others): (Changes, Changes) = changes
            .into_iter()
            .partition(|(path, _)| self.suspects.contains_key(path));
        self.turns += 1;
        let count = suspects.len() + others.len();
        let picked = match suspects.is_empty() || !others.is_empty() && self.turns.is_multiple_of(2)
        {
            true => batch(&mut others),
            false => {
                // The larger parts first: most of them are well.
                let size =
                    |own: &(String, Option<Json>)| self.suspects.get(&own.0).copied().unwrap_or(1);
                suspects.sort_by_key(|own| Reverse(size(own)));
                let most = suspects.first().map_or(1, size);
                let same = suspects.iter().take_while(|own| size(own) == most);
                let end = same.take(most).count();
                suspects.truncate(end);
                batch(&mut suspects)
            }
        };
        if picked.len() < count {
            self.due(now);
        }
        picked
    }

    fn refuse(&mut self, path: String, why: String, table: Option<Json>) {
        log::line("refused", &format!("{path}: {why}"));
        let before = self.refused.get(&path).filter(|own| own.table == table);
        let tries = before.map_or(0, |own| own.tries + 1);
        let refusal = Refusal {
            table,
            why,
            tries,
            again: Instant::now() + AGAIN.1.min(AGAIN.0 * 2u32.pow(tries.min(10))),
        };
        self.refused.insert(path, refusal);
    }

    /// Has the answers of a service, or of one with such an endpoint, explained anew.
    fn unsettle(&mut self, path: &str, now: Instant) {
        let prefix = format!("services/{}", self.config.prefix);
        let name = path
            .strip_prefix(&prefix)
            .and_then(|own| own.split_once('_'));
        let Some((namespace, name)) = name else {
            return;
        };
        let key = [namespace.to_owned(), name.to_owned(), String::new()];
        if let Some(own) = self.explained.get_mut(&key) {
            own.0 = own.0.min(now + SETTLED);
        }
    }

    /// Tells that the definition of the resource is being deleted, or that nobody can say.
    async fn is_withdrawn(&mut self) -> bool {
        let all: Api<CustomResourceDefinition> = Api::all(self.home.clone());
        match all.get(WaypostService::crd_name()).await {
            Ok(own) => own.metadata.deletion_timestamp.is_some(),
            Err(error) => {
                log::line("definition", &error.to_string());
                self.due(Instant::now() + AGAIN.0);
                true
            }
        }
    }

    /// Lets those go that are declared no longer, or whose definition goes.
    async fn let_go(&mut self, items: &[Item]) {
        let leaving: Vec<&Item> = items
            .iter()
            .filter(|own| own.is_leaving() && own.is_held())
            .collect();
        if leaving.is_empty() {
            return;
        }
        let all: Api<CustomResourceDefinition> = Api::all(self.home.clone());
        let definition = all.get(WaypostService::crd_name()).await;
        let is_withdrawn = definition.is_ok_and(|own| own.metadata.deletion_timestamp.is_some());
        let gone = leaving
            .into_iter()
            .filter(|own| is_withdrawn || self.waypost.table(&own.path).is_none());
        let home = &self.home;
        let released = futures::stream::iter(gone).map(async |item| {
            let rest = item.own.finalizers().iter().filter(|own| *own != FINALIZER);
            set_finalizers(home, &item.own, &rest.cloned().collect::<Vec<_>>()).await
        });
        let released: Vec<_> = released.buffer_unordered(AT_ONCE).collect().await;
        if is_withdrawn {
            log::line(
                "definition",
                "it is being deleted: all that is declared stays",
            );
        }
        for error in released.into_iter().filter_map(Result::err) {
            let is_gone = matches!(&error, Error::Api(own) if own.code == 404);
            if !is_gone {
                log::line("finalizer", &error.to_string());
                self.due(Instant::now() + AGAIN.0);
            }
        }
    }
}

/// Those of a refused batch that the refusal names, each to be sent by itself; without any all of them, in halves.
fn suspected(changed: &Changes, why: &str) -> Vec<(String, usize)> {
    let is_name = |own: char| own.is_ascii_alphanumeric() || "-_.".contains(own);
    let words: BTreeSet<&str> = why.split(|own| !is_name(own)).collect();
    let paths = || changed.iter().map(|own| own.0.clone());
    let named = paths().filter(|path| words.contains(path.replace('/', ".").as_str()));
    let named: Vec<_> = named.map(|path| (path, 1)).collect();
    let half = (changed.len() / 2).max(1);
    match named.is_empty() {
        true => paths().map(|path| (path, half)).collect(),
        false => named,
    }
}

async fn set_finalizers(
    home: &Client,
    own: &WaypostService,
    finalizers: &[String],
) -> Result<WaypostService, Error> {
    let all: Api<WaypostService> =
        Api::namespaced(home.clone(), &own.namespace().unwrap_or_default());
    // Only of the resource as it was read.
    let patch = json!({ "metadata": {
        "resourceVersion": own.metadata.resource_version, "finalizers": finalizers,
    } });
    let parameters = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    all.patch(&own.name_any(), &parameters, &Patch::Merge(patch))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_names_one_is_about_that_one_and_else_about_half() {
        let changed: Changes = ["a_b", "a_b2", "c_d"]
            .map(|own| (format!("services/k8s-{own}"), None))
            .into();
        let suspects = |why: &str| suspected(&changed, why);
        let named = [("services/k8s-a_b".to_owned(), 1)];
        assert_eq!(
            suspects("error: no monitor `x`\n --> declared: services.k8s-a_b:2:1"),
            named
        );
        assert_eq!(suspects("services.k8s-a_b (hostnames x): no rule"), named);
        let all = suspects("error: a static A\n --> zones/example.org.zone:9:1");
        assert_eq!(all.iter().map(|own| own.1).collect::<Vec<_>>(), [1, 1, 1]);
        let four: Changes = ["a", "b", "c", "d"]
            .map(|own| (own.to_owned(), None))
            .into();
        assert!(suspected(&four, "error").iter().all(|own| own.1 == 2));
    }
}
