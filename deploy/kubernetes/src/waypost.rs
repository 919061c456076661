//! Waypost, by its API: what is declared there, batches of changes, reports of readiness, and explanations.
//!
//! What is declared is known by its revision: a batch is sent on the condition that nothing was changed since. So two that write
//! undo nothing of each other, and a batch holds only what is other than what is there.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hyper::Method;
use hyper::header::IF_MATCH;
use serde_json::{Value as Json, json};

use crate::api::{Api, ApiError, Ask};
use crate::plan::{Report, patch};

/// Octets and objects of a batch; a cluster of Waypost shares no more than 160 KiB at once.
const BATCH: (usize, usize) = (100 * 1024, 400);
/// Objects of one page.
const PAGE: &str = "5000";
/// Attempts to read all pages while nothing changes.
const LOOKS: usize = 5;

/// Waypost, as it was last seen.
#[derive(Debug)]
pub(crate) struct Waypost {
    api: Arc<Api>,
    owner: String,
    prefix: String,
    tag: String,
    is_seen: bool,
    /// Declared objects with the prefix.
    objects: BTreeMap<String, Declared>,
}

/// Paths of objects, and what they are to be; nothing where they are to be no more.
pub(crate) type Changes = Vec<(String, Option<Json>)>;

/// A declared object.
#[derive(Clone, Debug)]
struct Declared {
    table: Json,
    /// Another author; none if it is the own one.
    other: Option<String>,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unmade {
    /// This one was refused.
    Refused(String),
    /// Something was changed by somebody else: look again.
    Stale,
    /// Nothing can be changed now: reason, message.
    Fault(&'static str, String),
}

impl From<ApiError> for Unmade {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(412, _) => Self::Stale,
            ApiError::Refused(401, why) => Self::Fault("Unauthorized", why),
            ApiError::Refused(429 | 500..=599, why) => Self::Fault("Unavailable", why),
            ApiError::Refused(_, why) => Self::Refused(why),
            ApiError::Unreached(why) => Self::Fault("Unreachable", why),
            ApiError::Unsent(why) => Self::Fault("Misconfigured", why),
            ApiError::Silent(why) => Self::Fault("NoReply", why),
        }
    }
}

impl fmt::Display for Unmade {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Fault(_, why) => out.write_str(why),
            Self::Stale => out.write_str("somebody else has changed something meanwhile"),
        }
    }
}

impl Waypost {
    /// Nobody is asked yet.
    pub(crate) fn new(api: Arc<Api>, owner: &str, prefix: &str) -> Self {
        Self {
            api,
            owner: owner.to_owned(),
            prefix: prefix.to_owned(),
            tag: String::new(),
            is_seen: false,
            objects: BTreeMap::new(),
        }
    }

    /// Reads what is declared, if it is other than it was.
    pub(crate) async fn look(&mut self) -> Result<(), Unmade> {
        let first = self.page("", "1").await?;
        if first.0 == self.tag {
            return Ok(());
        }
        for _ in 0..LOOKS {
            let (mut after, mut all, mut tag) = (String::new(), BTreeMap::new(), String::new());
            let is_whole = loop {
                let (own, page) = self.page(&after, PAGE).await?;
                if !tag.is_empty() && own != tag {
                    break false;
                }
                tag = own;
                for (path, object) in page["objects"].as_object().into_iter().flatten() {
                    all.extend(self.declared(path, object));
                }
                match page["next"].as_str() {
                    Some(next) => next.clone_into(&mut after),
                    None => break true,
                }
            };
            if is_whole {
                (self.tag, self.objects, self.is_seen) = (tag, all, true);
                return Ok(());
            }
        }
        Err(Unmade::Stale)
    }

    async fn page(&self, after: &str, limit: &str) -> Result<(String, Json), Unmade> {
        let query = [("after", after), ("limit", limit)];
        let answer = self.api.ask(&Ask::get(&["declared"], &query)).await?;
        Ok((answer.tag.unwrap_or_default(), answer.body))
    }

    fn declared(&self, path: &str, object: &Json) -> Option<(String, Declared)> {
        let (_, name) = path.split_once('/')?;
        if !name.starts_with(&self.prefix) {
            return None;
        }
        let author = object["author"].as_str().unwrap_or_default();
        // The token's name stands behind that of whoever uses it.
        let rest = author.strip_prefix(&self.owner);
        let is_own = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("));
        let own = Declared {
            table: object["table"].clone(),
            other: (!is_own).then(|| author.to_owned()),
        };
        Some((path.to_owned(), own))
    }

    /// The table of an object, if it is the own one.
    pub(crate) fn table(&self, path: &str) -> Option<&Json> {
        let own = self.objects.get(path)?;
        own.other.is_none().then_some(&own.table)
    }

    /// Tells that it was known once what is declared.
    pub(crate) fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// The other author of an object.
    pub(crate) fn other(&self, path: &str) -> Option<&str> {
        self.objects.get(path)?.other.as_deref()
    }

    /// Paths of all own services.
    pub(crate) fn own_services(&self) -> impl Iterator<Item = (&str, &Json)> {
        let all = self.objects.iter().filter(|own| own.1.other.is_none());
        all.filter(|own| own.0.starts_with("services/"))
            .map(|(path, own)| (path.as_str(), &own.table))
    }

    /// Makes the objects of a batch what they are to be, or removes them: all of them, or none.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn declare(&mut self, batch: &Changes) -> Result<(), Unmade> {
        let sent = self.send(batch).await;
        match &sent {
            Ok(()) => {
                for (path, table) in batch {
                    let own = |table: &Json| Declared {
                        table: table.clone(),
                        other: None,
                    };
                    match table {
                        Some(table) => drop(self.objects.insert(path.clone(), own(table))),
                        None => drop(self.objects.remove(path)),
                    }
                }
            }
            Err(Unmade::Refused(_)) => {}
            // What became of it is not known, or it is known to be other.
            Err(Unmade::Stale | Unmade::Fault(..)) => self.tag.clear(),
        }
        sent
    }

    async fn send(&mut self, batch: &Changes) -> Result<(), Unmade> {
        let nothing = json!({});
        let objects = batch.iter().map(|(path, table)| {
            let before = self.table(path).unwrap_or(&nothing);
            let own = table
                .as_ref()
                .map(|table| json!({ "table": patch(before, table) }));
            (path.clone(), json!(own))
        });
        let objects: Json = Json::Object(objects.collect());
        let answer = self
            .api
            .ask(&Ask {
                method: Method::PATCH,
                path: &["declared"],
                query: &[("author", &self.api.author), ("reason", &self.api.reason)],
                condition: Some((IF_MATCH, self.tag.clone())),
                body: Some((
                    "application/merge-patch+json",
                    json!({ "objects": objects }).to_string(),
                )),
            })
            .await?;
        self.tag = answer.tag.unwrap_or_default();
        Ok(())
    }

    /// Tells Waypost how an endpoint is.
    pub(crate) async fn report(
        &self,
        monitor: &str,
        endpoint: &str,
        report: &Report,
    ) -> Result<(), Unmade> {
        let all = match report {
            Report::All(is_ready) => vec![(String::new(), *is_ready)],
            Report::Each(all) => all.iter().map(|own| (own.0.to_string(), *own.1)).collect(),
        };
        for (address, is_ready) in all {
            let status = if is_ready { "up" } else { "down" };
            let ask = Ask {
                method: Method::POST,
                path: &["push"],
                query: &[
                    ("monitor", monitor),
                    ("endpoint", endpoint),
                    ("address", &address),
                    ("status", status),
                ],
                condition: None,
                body: None,
            };
            self.api.ask(&ask).await?;
        }
        Ok(())
    }

    /// The readiness of an endpoint as it was last reported: up, unless it is known to be down.
    pub(crate) async fn reported(&self, monitor: &str, endpoint: &str) -> Result<Report, Unmade> {
        let query = [("name", endpoint)];
        let answer = self.api.ask(&Ask::get(&["endpoint"], &query)).await?;
        Ok(last_report(&answer.body, monitor))
    }

    /// One line on what a client is answered.
    pub(crate) async fn explain(
        &self,
        hostname: &str,
        client: &str,
        qtype: &str,
    ) -> Result<String, Unmade> {
        let query = [("name", hostname), ("client", client), ("type", qtype)];
        let answer = self.api.ask(&Ask::get(&["explain"], &query)).await?;
        Ok(explained(&answer.body, client))
    }
}

/// Takes as many changes off as a batch may have.
pub(crate) fn batch(changes: &mut Changes) -> Changes {
    let mut octets = 0;
    let fits = changes.iter().take(BATCH.1).take_while(|(path, table)| {
        let is_first = octets == 0;
        octets += path.len() + table.as_ref().map_or(4, |own| own.to_string().len());
        is_first || octets <= BATCH.0
    });
    let rest = changes.split_off(fits.count());
    std::mem::replace(changes, rest)
}

fn last_report(view: &Json, monitor: &str) -> Report {
    let list = |own: &Json, name: &str| own[name].as_array().cloned().unwrap_or_default();
    let targets = list(&view["endpoint"], "targets");
    let slots = targets.iter().flat_map(|own| list(own, "slots"));
    let each = slots
        .filter(|own| own["monitor"] == monitor)
        .filter_map(|own| {
            let place = own["address"].as_str()?;
            let address = place
                .parse()
                .or_else(|_| place.parse().map(|own: std::net::SocketAddr| own.ip()));
            // Silence that became down says nothing of what was reported.
            let is_down = own["state"] == "down" && own["cause"] == "reported as down";
            Some((address.ok()?, !is_down))
        });
    let each: BTreeMap<_, _> = each.collect();
    match each.values().next() {
        Some(first) if each.values().any(|own| own != first) => Report::Each(each),
        Some(first) => Report::All(*first),
        None => Report::All(true),
    }
}

fn explained(view: &Json, client: &str) -> String {
    let chain = &view["chain"];
    let text = |own: &Json| own.as_str().unwrap_or_default().to_owned();
    let words = |own: &Json| {
        let all = own.as_array().cloned().unwrap_or_default();
        all.iter().map(text).collect::<Vec<_>>().join(", ")
    };
    match chain["region"].as_str() {
        Some(region) => format!(
            "{client}: {region}, {}: {} for {} s",
            text(&chain["reason"]),
            words(&chain["addresses"]),
            chain["ttl"]["ttl_s"]
        ),
        None => format!("{client}: {}", text(&chain["reason"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_in_number_and_octets() {
        let of = |count: usize, long: usize| {
            let change = |own: usize| (own.to_string(), Some(json!("a".repeat(long))));
            let mut rest: Changes = (0..count).map(change).collect();
            let all = std::iter::from_fn(|| Some(batch(&mut rest).len()).filter(|own| *own > 0));
            all.collect::<Vec<_>>()
        };
        assert_eq!(of(900, 1), [400, 400, 100]);
        assert_eq!(of(3, 60_000), [1, 1, 1]);
        assert_eq!(of(2, 200_000), [1, 1]);
        assert!(of(0, 0).is_empty());
    }

    #[test]
    fn the_last_report_is_read_of_what_waypost_shows() {
        let view = |states: [(&str, &str); 2]| {
            let slot = |own: (&str, &str), address: &str| json!({ "monitor": "k8s-ready", "address": address, "state": own.0, "cause": own.1 });
            json!({ "endpoint": { "targets": [{ "slots": [
                slot(states[0], "192.0.2.1:80"), slot(states[1], "192.0.2.2"),
                { "monitor": "web", "address": "192.0.2.2:80", "state": "down", "cause": "reported as down" },
            ] }] } })
        };
        let read = |states| last_report(&view(states), "k8s-ready");
        let (up, down) = (("up", ""), ("down", "reported as down"));
        assert_eq!(read([up, up]), Report::All(true));
        assert_eq!(read([down, down]), Report::All(false));
        assert_eq!(read([("down", "no report in time"), up]), Report::All(true));
        let each = [("192.0.2.1", false), ("192.0.2.2", true)];
        let each = each.map(|(address, ready)| (address.parse().unwrap(), ready));
        assert_eq!(read([down, up]), Report::Each(each.into()));
        assert_eq!(last_report(&json!({}), "k8s-ready"), Report::All(true));
    }

    #[test]
    fn the_own_author_is_known_with_and_without_the_token() {
        let api = Api::new(crate::api::Credentials {
            control: "unix:x".to_owned(),
            ..crate::api::Credentials::default()
        });
        let waypost = Waypost::new(api.unwrap().into(), "cluster-one", "k8s-");
        let other = |path: &str, author: &str| {
            let object = json!({ "author": author, "table": {} });
            waypost.declared(path, &object).map(|own| own.1.other)
        };
        for author in ["cluster-one", "cluster-one (token kubernetes)"] {
            assert_eq!(other("services/k8s-a_b", author), Some(None));
        }
        let two = "cluster-one-two (token kubernetes)";
        assert_eq!(other("services/k8s-a_b", two), Some(Some(two.to_owned())));
        assert_eq!(other("services/web", "cluster-one"), None);
    }
}
