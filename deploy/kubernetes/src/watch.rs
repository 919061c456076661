//! Watches of the clusters: lists, what changed since, lists again when that is too old (410), and ever longer pauses while a server is away.
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, ApiResource, GroupVersionKind, ListParams, WatchEvent, WatchParams};
use kube::{Client, Error, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::config::Config;
use crate::facts::{
    Key, Known, Shared, Word, World, of_gateway, of_resource, of_service, of_slice,
};
use crate::log;

/// Objects of a page.
const PAGE: u32 = 500;
/// Time between attempts, at the least and at the most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The place of what a watch tells of a cluster.
type Place<F> = for<'a> fn(&'a mut World, &str) -> Option<&'a mut Known<F>>;

/// Begins all watches; they end with the set.
pub(crate) fn begin(config: &Config, clients: &[Client], shared: &Arc<Shared>) -> JoinSet<()> {
    let mut set = JoinSet::new();
    for (cluster, client) in config.clusters.iter().zip(clients) {
        let name = &cluster.name;
        let of = || Of {
            cluster: name.clone(),
            shared: shared.clone(),
            seconds: config.silence_seconds,
        };
        shared.world().clusters.entry(name.clone()).or_default();
        if *name == config.home {
            let own: Place<_> = |world, _| Some(&mut world.services);
            set.spawn(Followed(of(), Api::all(client.clone()), own, of_resource).run());
        }
        let own: Place<_> = |world, name| Some(&mut world.clusters.get_mut(name)?.services);
        set.spawn(Followed(of(), Api::all(client.clone()), own, of_service).run());
        let own: Place<_> = |world, name| Some(&mut world.clusters.get_mut(name)?.slices);
        set.spawn(Followed(of(), Api::all(client.clone()), own, of_slice).run());
        if cluster.gateways {
            let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
            let all = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
            let own: Place<_> = |world, name| Some(&mut world.clusters.get_mut(name)?.gateways);
            set.spawn(Followed(of(), all, own, of_gateway).run());
        }
    }
    set
}

/// Where a watch belongs, and how long it lasts, in seconds.
struct Of {
    cluster: String,
    shared: Arc<Shared>,
    seconds: u32,
}

/// Objects of one kind in one cluster: how they are asked for, where they go, and what is kept of one.
struct Followed<K, F, T>(Of, Api<K>, Place<F>, T);

impl<K, F, T> Followed<K, F, T>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    F: PartialEq,
    T: Fn(K) -> Option<(Key, F)>,
{
    async fn run(self) {
        // Of a list that is not known, or too old, there is no revision.
        let mut revision = String::new();
        let mut pause = PAUSE.0;
        loop {
            let began = Instant::now();
            let is_list = revision.is_empty();
            let done = match is_list {
                true => self.list(&mut revision).await,
                false => self.watch(&mut revision).await,
            };
            match done {
                Ok(()) => {
                    pause = PAUSE.0;
                    // Not more often than that, whatever ends a watch.
                    if revision.is_empty() || !is_list {
                        sleep_until(began + PAUSE.0).await;
                    }
                }
                Err(why) => {
                    // A connection that was kept may be closed just when it is used: that alone is no fault.
                    if pause > PAUSE.0 {
                        self.fault(&why);
                    }
                    sleep(pause).await;
                    pause = PAUSE.1.min(pause * 2);
                }
            }
        }
    }

    /// Reads all of them.
    async fn list(&self, revision: &mut String) -> Result<(), String> {
        let mut whole = BTreeMap::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = match self.1.list(&page).await {
                Err(Error::Api(status)) if status.code == 410 => return Ok(()),
                list => list.map_err(|error| error.to_string())?,
            };
            whole.extend(list.items.into_iter().filter_map(&self.3));
            page.continue_token = list.metadata.continue_.filter(|own| !own.is_empty());
            if page.continue_token.is_none() {
                *revision = list.metadata.resource_version.unwrap_or_default();
                self.take(Word::Whole(whole));
                return Ok(());
            }
        }
    }

    /// Takes in what changes after a revision, until the watch ends.
    async fn watch(&self, revision: &mut String) -> Result<(), String> {
        let parameters = WatchParams::default().timeout(self.0.seconds);
        let events = match self.1.watch(&parameters, revision).await {
            Err(Error::Api(status)) if status.code == 410 => {
                revision.clear();
                return Ok(());
            }
            events => events.map_err(|error| error.to_string())?,
        };
        self.take(Word::Heard);
        let mut events = std::pin::pin!(events);
        let patience = Duration::from_secs(u64::from(self.0.seconds) + 2);
        loop {
            let event = timeout(patience, events.next()).await;
            let event = event.map_err(|_| "the API server is silent".to_owned())?;
            // A connection that breaks is no fault, but that the next attempts fail.
            let Some(Ok(event)) = event else {
                return Ok(());
            };
            match event {
                WatchEvent::Added(own) | WatchEvent::Modified(own) => {
                    *revision = own.resource_version().unwrap_or_default();
                    let fact = (self.3)(own);
                    fact.into_iter()
                        .for_each(|own| self.take(Word::Is(own.0, own.1)));
                }
                WatchEvent::Deleted(own) => {
                    *revision = own.resource_version().unwrap_or_default();
                    let fact = (self.3)(own);
                    fact.into_iter()
                        .for_each(|own| self.take(Word::Gone(own.0)));
                }
                WatchEvent::Bookmark(own) => *revision = own.metadata.resource_version,
                WatchEvent::Error(status) if status.code == 410 => {
                    revision.clear();
                    return Ok(());
                }
                WatchEvent::Error(status) => return Err(status.message.clone()),
            }
        }
    }

    fn take(&self, word: Word<F>) {
        let mut world = self.0.shared.world();
        let known = (self.2)(&mut world, &self.0.cluster);
        if known.is_some_and(|own| own.take(word)) {
            self.0.shared.bell.notify_one();
        }
    }

    fn fault(&self, why: &str) {
        let told = format!(
            "cluster {}, {}: {why}",
            self.0.cluster,
            self.1.resource_url()
        );
        let mut world = self.0.shared.world();
        let known = (self.2)(&mut world, &self.0.cluster);
        if let Some(known) = known.filter(|own| own.fault.as_ref() != Some(&told)) {
            log::line("watch", &told);
            known.fault = Some(told);
            self.0.shared.bell.notify_one();
        }
    }
}
