//! What Waypost is told of readiness, and what it says of answers.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;

use super::{AGAIN, AT_ONCE, Actor, EXPLAINED, Item, OLD, Told};
use crate::facts::Key;
use crate::log;
use crate::plan::{Report, monitor_of};
use crate::waypost::Unmade;

/// A client of unknown place (RFC 5737).
const ANYBODY: &str = "192.0.2.1";

impl Actor {
    /// Tells Waypost how the endpoints are: when that changes, and again before a report is too old. Of those of which nothing is known
    /// the last report is repeated, also after their resource is gone.
    pub(super) async fn report(&mut self, items: &[Item], now: Instant) {
        let age = self.config.readiness() / 3;
        let due = self.untold(items, now, age);
        let monitor = monitor_of(&self.config);
        let waypost = &self.waypost;
        let monitor = monitor.as_str();
        let told = futures::stream::iter(due).map(async |(endpoint, report)| {
            let report = match report {
                Some(report) => report,
                None => waypost.reported(monitor, &endpoint).await?,
            };
            let made = waypost.report(monitor, &endpoint, &report).await;
            let refusal = match made {
                Err(Unmade::Refused(why)) => Some(why),
                other => other.map(|()| None)?,
            };
            Ok((endpoint, report, refusal))
        });
        let told: Vec<Result<_, Unmade>> = told.buffer_unordered(AT_ONCE).collect().await;
        for told in told {
            match told {
                Ok((endpoint, report, refusal)) => {
                    if let Some(why) = &refusal {
                        log::line("report_refused", &format!("{endpoint}: {why}"));
                    }
                    let path = endpoint
                        .rsplit_once('_')
                        .map(|own| format!("services/{}", own.0));
                    let before = self.reported.get(&endpoint);
                    if before.is_none_or(|own| own.report != report) {
                        path.into_iter().for_each(|path| self.unsettle(&path, now));
                    }
                    let told = Told {
                        report,
                        at: now,
                        refusal,
                    };
                    self.reported.insert(endpoint, told);
                }
                Err(error) => drop(self.note(Err(error))),
            }
        }
        let next = self.reported.values().map(|own| match own.refusal {
            Some(_) => own.at + AGAIN.0 * 4,
            None => own.at + age,
        });
        next.min().into_iter().for_each(|at| self.due(at));
    }

    /// Endpoints whose report is to be made, with it if it is known.
    fn untold(
        &mut self,
        items: &[Item],
        now: Instant,
        age: Duration,
    ) -> Vec<(String, Option<Report>)> {
        let mut known: BTreeMap<&str, &Option<Report>> = BTreeMap::new();
        for item in items {
            let own = item.wanted.reports.iter();
            known.extend(own.map(|(endpoint, report)| (endpoint.as_str(), report)));
        }
        let declared: Vec<String> = self
            .waypost
            .own_services()
            .flat_map(|(_, table)| table["endpoints"].as_array().cloned().unwrap_or_default())
            .filter_map(|own| own["name"].as_str().map(str::to_owned))
            .collect();
        let all: BTreeSet<&String> = declared.iter().collect();
        self.reported.retain(|endpoint, _| all.contains(endpoint));
        let due = declared.iter().filter_map(|endpoint| {
            let last = self.reported.get(endpoint);
            let report = known.get(endpoint.as_str()).copied().cloned().flatten();
            let report = report.or_else(|| last.map(|own| own.report.clone()));
            let holds = last.filter(|own| Some(&own.report) == report.as_ref());
            let is_due = holds.is_none_or(|own| match own.refusal {
                Some(_) => now >= own.at + AGAIN.0 * 4,
                None => now >= own.at + age,
            });
            is_due.then_some((endpoint.clone(), report))
        });
        due.collect()
    }

    /// Has some of the answers explained that may have changed.
    pub(super) async fn explain(&mut self, items: &[Item], now: Instant) {
        let is_due = |own: &&Item| {
            let is_old = self.explained.get(&own.key).is_none_or(|own| now >= own.0);
            is_old && !own.is_leaving() && self.waypost.table(&own.path).is_some()
        };
        let due = items.iter().filter(is_due).take(EXPLAINED);
        let waypost = &self.waypost;
        let lines = futures::stream::iter(due).map(async |item| {
            let spec = &item.own.spec;
            let anybody = [ANYBODY.to_owned()];
            let clients = if spec.explain.is_empty() {
                &anybody[..]
            } else {
                &spec.explain
            };
            let has_v4 = |own: &String| !own.contains(':');
            let all = item.wanted.endpoints.iter().flat_map(|own| &own.addresses);
            let qtype = if all.into_iter().any(has_v4) {
                "A"
            } else {
                "AAAA"
            };
            let hostname = spec
                .hostnames
                .first()
                .map(|own| own.replacen('*', "any", 1));
            let mut lines = Vec::new();
            for client in clients {
                let told = waypost
                    .explain(hostname.as_deref().unwrap_or_default(), client, qtype)
                    .await;
                lines.push(match told {
                    Err(Unmade::Refused(why)) => format!("{client}: {why}"),
                    other => other?,
                });
            }
            Ok((item.key.clone(), lines))
        });
        let lines: Vec<Result<_, Unmade>> = lines.buffer_unordered(AT_ONCE).collect().await;
        for own in lines {
            match own {
                Ok((key, lines)) => drop(self.explained.insert(key, (now + OLD, lines))),
                Err(error) => drop(self.note(Err(error))),
            }
        }
        let keys: BTreeSet<&Key> = items.iter().map(|own| &own.key).collect();
        self.explained.retain(|key, _| keys.contains(key));
        let next = self.explained.values().map(|own| own.0).min();
        next.into_iter().for_each(|at| self.due(at));
    }
}
