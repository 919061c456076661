//! The statuses of the resources.
use std::collections::BTreeSet;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

use super::{A_PASS, AGAIN, AT_ONCE, Actor, Item, MANAGER};
use crate::facts::Key;
use crate::log;
use crate::plan::Report;
use crate::resource::{ServiceStatus, WaypostService};
use crate::status::{Said, Saying, Truth, explain, status};

impl Actor {
    /// Writes the statuses that are other than they were.
    pub(super) async fn write(&mut self, items: &[Item], now: Instant) {
        let keys: BTreeSet<&Key> = items.iter().map(|own| &own.key).collect();
        self.written.retain(|key, _| keys.contains(key));
        let mut counts = [0, 0];
        let news = items.iter().filter_map(|item| {
            let uid = item.own.uid();
            let written = self.written.get(&item.key).filter(|own| own.0 == uid);
            let before = written.map(|own| &own.1).or(item.own.status.as_ref());
            let own = status(self.saying(item), before);
            for (count, kind) in counts.iter_mut().zip(["Programmed", "Ready"]) {
                let is_true = |own: &Condition| own.type_ == kind && own.status == "True";
                *count += usize::from(own.conditions.iter().any(is_true));
            }
            // One that goes is not described once more, unless something holds it up.
            let is_held_up = self.fault.is_some() || self.refused.contains_key(&item.path);
            let is_told = !item.is_leaving() || is_held_up;
            (is_told && before != Some(&own)).then_some((item, own))
        });
        let mut news: Vec<_> = news.collect();
        // What the next pass changes again comes last: of thousands each is written once.
        news.sort_by_key(|(_, own)| is_on_its_way(own));
        let rest = news.len() > A_PASS;
        news.truncate(A_PASS);
        self.health
            .set(items.len(), counts, self.fault.as_ref().map(|own| own.0));
        if rest {
            self.due(now);
        }
        let home = &self.home;
        let written = futures::stream::iter(news).map(async |(item, own)| {
            let written = write_status(home, &item.key, &own).await;
            (item, own, written)
        });
        let written: Vec<_> = written.buffer_unordered(AT_ONCE).collect().await;
        for (item, own, written) in written {
            match written {
                Ok(()) => drop(self.written.insert(item.key.clone(), (item.own.uid(), own))),
                Err(Error::Api(status)) if status.code == 404 => {}
                Err(error) => {
                    log::line("status", &error.to_string());
                    self.due(now + AGAIN.0);
                }
            }
        }
    }

    /// All that is to be said of a resource.
    fn saying(&self, item: &Item) -> Saying {
        let Item {
            own, wanted, path, ..
        } = item;
        let accepted = match &wanted.fault {
            Some(why) => (Truth::False, "Invalid", why.clone()),
            None => (Truth::True, "Accepted", String::new()),
        };
        let resolved = match &wanted.unresolved {
            Some((reason, why)) => (Truth::False, *reason, why.clone()),
            None if wanted.fault.is_some() => (Truth::Unknown, "Invalid", String::new()),
            None => (Truth::True, "Resolved", String::new()),
        };
        let mut endpoints = wanted.endpoints.clone();
        for endpoint in &mut endpoints {
            let told = self
                .reported
                .get(&format!("{}_{}", item.name, endpoint.backend));
            endpoint.ready = match told.map(|own| &own.report) {
                Some(Report::All(true)) => endpoint.addresses.len(),
                Some(Report::Each(all)) => all.values().filter(|own| **own).count(),
                Some(Report::All(false)) | None => 0,
            };
        }
        let ready = self.ready(item, endpoints.iter().filter(|own| own.ready > 0).count());
        let explained = self.explained.get(&item.key).map(|own| &own.1);
        Saying {
            generation: own.metadata.generation,
            service: path.trim_start_matches("services/").to_owned(),
            endpoints,
            explain: explain(explained, own.status.as_ref()),
            conditions: [
                ("Accepted", accepted),
                ("Resolved", resolved),
                ("Programmed", self.programmed(item)),
                ("Ready", ready),
            ],
        }
    }

    fn programmed(&self, item: &Item) -> Said {
        let declared = self.waypost.table(&item.path);
        let wanted = item.wanted.table.as_ref().filter(|_| !item.is_leaving());
        let is_so = declared == wanted && wanted.is_some();
        if let Some(author) = self.waypost.other(&item.path) {
            let why = format!("{} was declared by {author}", item.path);
            return (Truth::False, "Conflict", why);
        }
        match (&self.fault, self.refused.get(&item.path)) {
            (None | Some(_), _) if is_so => (Truth::True, "Programmed", String::new()),
            (Some((reason, why)), _) => match self.waypost.is_seen() {
                true => (Truth::False, reason, why.clone()),
                false => (Truth::Unknown, reason, why.clone()),
            },
            (None, Some(refusal)) => (Truth::False, "Refused", refusal.why.clone()),
            (None, None) if item.wanted.fault.is_some() => (Truth::False, "Invalid", String::new()),
            (None, None) if wanted.is_none() => {
                let why = "no backend has an address".to_owned();
                (Truth::False, "NoAddresses", why)
            }
            (None, None) => (Truth::False, "Pending", String::new()),
        }
    }

    fn ready(&self, item: &Item, ready: usize) -> Said {
        let endpoints = item.wanted.endpoints.iter();
        let names = endpoints.map(|own| format!("{}_{}", item.name, own.backend));
        let mut refusals = names.filter_map(|own| self.reported.get(&own)?.refusal.clone());
        let count = item.wanted.endpoints.len();
        let message = format!("{ready} of {count} endpoints are ready");
        match (&self.fault, refusals.next()) {
            (Some((reason, why)), _) => {
                let why = format!("readiness cannot be told: {why}");
                (Truth::Unknown, reason, why)
            }
            (None, Some(why)) => (Truth::Unknown, "ReportRefused", why),
            (None, None) if ready > 0 => (Truth::True, "Ready", message),
            (None, None) => (Truth::False, "NotReady", message),
        }
    }
}

/// Tells that a service is about to be declared, or to be explained.
fn is_on_its_way(own: &ServiceStatus) -> bool {
    let mut conditions = own.conditions.iter();
    let programmed = conditions.find(|own| own.type_ == "Programmed");
    programmed.is_some_and(|said| match said.reason.as_str() {
        "Pending" => true,
        "Programmed" => own.explain.is_empty(),
        _ => false,
    })
}

async fn write_status(home: &Client, key: &Key, own: &ServiceStatus) -> Result<(), Error> {
    let all: Api<WaypostService> = Api::namespaced(home.clone(), &key[0]);
    let patch = json!({
        "apiVersion": "waypost.dev/v1alpha1", "kind": "WaypostService",
        "metadata": { "name": key[1] }, "status": own,
    });
    let parameters = PatchParams::apply(MANAGER).force();
    let written = all
        .patch_status(&key[1], &parameters, &Patch::Apply(patch))
        .await;
    written.map(drop)
}
