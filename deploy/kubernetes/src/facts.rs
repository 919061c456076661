//! Sources of addresses, as far as the clusters' API servers have told of them.
//!
//! What was told stays until something else is told: a watch that breaks, or a server that is away, takes nothing back.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value as Json;
use tokio::sync::Notify;

use crate::resource::WaypostService;

/// Namespace, name, and of an EndpointSlice its own name behind that of its Service.
pub(crate) type Key = [String; 3];

/// All that is known, and the bell that rings when that changes.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    world: Mutex<World>,
    /// Rung at each change.
    pub(crate) bell: Notify,
}

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The resources of the home cluster.
    pub(crate) services: Known<Arc<WaypostService>>,
    /// Sources, by cluster.
    pub(crate) clusters: BTreeMap<String, ClusterFacts>,
}

/// The sources of one cluster.
#[derive(Debug, Default)]
pub(crate) struct ClusterFacts {
    /// Addresses of load balancers.
    pub(crate) services: Known<Vec<String>>,
    /// Addresses, and whether they are ready.
    pub(crate) slices: Known<BTreeMap<IpAddr, bool>>,
    /// Gateways.
    pub(crate) gateways: Known<GatewayFacts>,
}

/// A Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayFacts {
    /// Its addresses.
    pub(crate) addresses: Vec<String>,
    /// Its condition `Programmed`.
    pub(crate) is_programmed: bool,
}

/// What a cluster tells of the objects of one kind.
#[derive(Debug)]
pub(crate) enum Word<F> {
    /// It answers.
    Heard,
    /// All that there are.
    Whole(BTreeMap<Key, F>),
    /// One, as it is now.
    Is(Key, F),
    /// One that is no longer there.
    Gone(Key),
}

/// Objects of one kind.
#[derive(Debug)]
pub(crate) struct Known<F> {
    /// They.
    pub(crate) all: BTreeMap<Key, F>,
    /// Tells that a whole list was read once.
    pub(crate) is_read: bool,
    /// Why nothing is heard at the moment.
    pub(crate) fault: Option<String>,
}

impl<F> Default for Known<F> {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            is_read: false,
            fault: None,
        }
    }
}

impl<F: PartialEq> Known<F> {
    /// Takes in what a cluster has told; tells whether anything is other than before.
    pub(crate) fn take(&mut self, word: Word<F>) -> bool {
        let had_fault = self.fault.take().is_some();
        let is_other = match word {
            Word::Heard => false,
            Word::Whole(whole) => {
                let is_other = !self.is_read || whole != self.all;
                self.all = whole;
                self.is_read = true;
                is_other
            }
            Word::Is(key, own) => self.set(key, own),
            Word::Gone(key) => self.all.remove(&key).is_some(),
        };
        had_fault || is_other
    }

    /// Sets one; tells whether it was another.
    pub(crate) fn set(&mut self, key: Key, own: F) -> bool {
        let is_other = self.all.get(&key) != Some(&own);
        self.all.insert(key, own);
        is_other
    }
}

impl<F> Known<F> {
    /// Those of one Service, or the one of that name.
    pub(crate) fn of<'a>(&'a self, namespace: &str, name: &str) -> impl Iterator<Item = &'a F> {
        let first = [namespace.to_owned(), name.to_owned(), String::new()];
        let (namespace, name) = (first[0].clone(), first[1].clone());
        let rest = self.all.range(first..);
        rest.take_while(move |(key, _)| key[0] == namespace && key[1] == name)
            .map(|(_, own)| own)
    }
}

impl Shared {
    /// All that is known; not to be held over anything that waits.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(own: &impl ResourceExt) -> Key {
    let namespace = own.namespace().unwrap_or_default();
    [namespace, own.name_any(), String::new()]
}

/// A resource of ours.
#[expect(clippy::unnecessary_wraps, reason = "one of several of this shape")]
pub(crate) fn of_resource(mut own: WaypostService) -> Option<(Key, Arc<WaypostService>)> {
    own.metadata.managed_fields = None;
    Some((key(&own), Arc::new(own)))
}

/// Addresses of a Service's load balancer.
#[expect(clippy::unnecessary_wraps, reason = "one of several of this shape")]
pub(crate) fn of_service(own: Service) -> Option<(Key, Vec<String>)> {
    let key = key(&own);
    let balancer = own.status.and_then(|own| own.load_balancer);
    let ingress = balancer.and_then(|own| own.ingress).unwrap_or_default();
    let addresses = ingress
        .into_iter()
        .filter_map(|own| own.ip.or(own.hostname));
    Some((key, addresses.collect()))
}

/// Addresses of an EndpointSlice that belongs to a Service.
pub(crate) fn of_slice(own: EndpointSlice) -> Option<(Key, BTreeMap<IpAddr, bool>)> {
    let [namespace, slice, _] = key(&own);
    let service = own.labels().get("kubernetes.io/service-name")?.clone();
    let addresses = own.endpoints.into_iter().filter_map(|own| {
        // A consumer that knows nothing of it takes it to be ready (API of EndpointSlice).
        let ready = own.conditions.and_then(|own| own.ready).unwrap_or(true);
        let address = own.addresses.first()?.parse().ok()?;
        Some((address, ready))
    });
    Some(([namespace, service, slice], addresses.collect()))
}

/// A Gateway of the Gateway API, version v1.
#[expect(clippy::unnecessary_wraps, reason = "one of several of this shape")]
pub(crate) fn of_gateway(own: DynamicObject) -> Option<(Key, GatewayFacts)> {
    let status = &own.data["status"];
    let list = |name: &str| status[name].as_array().cloned().unwrap_or_default();
    let text = |own: &Json| own["value"].as_str().map(str::to_owned);
    let is_programmed = |own: &Json| own["type"] == "Programmed" && own["status"] == "True";
    let facts = GatewayFacts {
        addresses: list("addresses").iter().filter_map(text).collect(),
        is_programmed: list("conditions").iter().any(is_programmed),
    };
    Some((key(&own), facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_stays_until_something_else_is_and_a_fault_until_something_is_heard() {
        let key = |own: &str| ["ns".to_owned(), own.to_owned(), String::new()];
        let mut known = Known::default();
        assert!(known.take(Word::Whole([(key("a"), 1)].into())));
        assert!(known.take(Word::Is(key("b"), 2)));
        assert!(!known.take(Word::Is(key("b"), 2)));
        assert!(!known.take(Word::Heard));
        known.fault = Some("away".to_owned());
        // One that is heard again and has nothing to tell is news as well.
        assert!(known.take(Word::Heard) && known.fault.is_none());
        assert_eq!(known.all.len(), 2);
        assert!(known.take(Word::Whole([(key("b"), 2)].into())));
        assert_eq!(known.of("ns", "a").count(), 0);
        assert_eq!(known.of("ns", "b").collect::<Vec<_>>(), [&2]);
        assert!(known.take(Word::Gone(key("b"))) && !known.take(Word::Gone(key("b"))));
        assert!(known.all.is_empty());
    }
}
