//! A scenario for the live system: what of it orders can play, and where clients would be sent meanwhile.
//!
//! An outage is played as a drain of what it strikes, for as long as it lasts; so is a drain that the scenario orders. Nothing else
//! of a scenario can be done to machines by orders, and what cannot be undone by itself has no place in a drill. The same drains
//! are then played in virtual time, so that what is predicted is of what is done.
//!
//! Where clients are sent is told as the map tells it ([`CountryClients`]): of the table alone, before any cache.
use std::collections::BTreeMap;

use super::Play;
use super::scenario::{Deed, Event, Fault, Scenario, Script};
use crate::base::{Family, MapId, ServiceId, Span};
use crate::config::Diagnostics;
use crate::engine::Order;
use crate::engine::order::Action;
use crate::table::CountryClients;

/// A place is looked at so long before a drain of it is lifted.
const BEFORE_THE_END: Span = Span::from_secs(1);
const HELP: &str = "a drill plays `kill`, and `order = \"drain\"` with its `undrain`; `waypost simulate` plays everything";

/// A drain of a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillStep {
    /// The region, provider or endpoint.
    pub scope: String,
    /// The time at which it begins.
    pub from: Span,
    /// The time at which it is lifted.
    pub until: Span,
}

/// A moment at which what is predicted is compared with what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When.
    pub at: Span,
    /// The names that are drained by then.
    pub drained: Vec<String>,
}

/// The regions that the clients of a service are sent to, largest part first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The service.
    pub service: String,
    /// The family of addresses that is asked for.
    pub family: Family,
    /// The parts in permille; under no region those who get no address.
    pub regions: Vec<(Option<String>, u16)>,
}

/// The clients of each map, gone through once.
#[derive(Debug, Default)]
pub struct MapClients(BTreeMap<MapId, CountryClients>);

impl Scenario {
    /// Makes drains of its outages; what cannot be played so is reported.
    #[must_use]
    pub fn drilled(mut self, found: &mut Diagnostics) -> (Self, Vec<DrillStep>) {
        let mut steps: Vec<DrillStep> = Vec::new();
        for event in std::mem::take(&mut self.events) {
            match &event.deed {
                Deed::Fault(Fault::Kill(scope)) => self.begin(scope, &event, &mut steps, found),
                Deed::Order(order) if order.action == Action::Drain => {
                    self.begin(&order.scope, &event, &mut steps, found);
                }
                Deed::Heal(scope) => end(scope, event.at, &mut steps),
                Deed::Order(order) if order.action == Action::Undrain => {
                    end(&order.scope, event.at, &mut steps);
                }
                Deed::Fault(_)
                | Deed::Order(_)
                | Deed::Reload(_)
                | Deed::Readdress(..)
                | Deed::Surge(..) => {
                    found
                        .error(&event.place, "this cannot be played on a live system")
                        .help(HELP);
                }
            }
        }
        self.events = steps.iter().flat_map(|step| self.orders(step)).collect();
        (self, steps)
    }

    fn begin(
        &self,
        scope: &str,
        event: &Event,
        steps: &mut Vec<DrillStep>,
        found: &mut Diagnostics,
    ) {
        let until = event.lasts.map_or(self.duration, |lasts| {
            Span((event.at.0 + lasts.0).min(self.duration.0))
        });
        if steps
            .iter()
            .any(|step| step.scope == scope && step.until > event.at)
        {
            let message = format!("`{scope}` is out already");
            found
                .error(&event.place, message)
                .help("let the first end before");
        }
        steps.push(DrillStep {
            scope: scope.to_owned(),
            from: event.at,
            until,
        });
    }

    /// A step as it is simulated.
    fn orders(&self, step: &DrillStep) -> Vec<Event> {
        let event = |at, action| Event {
            at,
            lasts: None,
            deed: Deed::Order(Order {
                action,
                scope: step.scope.clone(),
                author: "drill".to_owned(),
                reason: String::new(),
            }),
            place: 0..0,
        };
        vec![
            event(step.from, Action::Drain),
            event(step.until, Action::Undrain),
        ]
    }
}

/// Lets what is out end sooner.
fn end(scope: &str, at: Span, steps: &mut [DrillStep]) {
    let open = steps
        .iter_mut()
        .filter(|step| step.scope == scope && step.until > at);
    open.for_each(|step| step.until = at);
}

/// The moments of a drill to look at: the beginning, before each drain is lifted, and the end.
#[must_use]
pub fn checkpoints(steps: &[DrillStep], duration: Span) -> Vec<Checkpoint> {
    let ends = steps.iter().map(|step| {
        let span = step.until.0 - step.from.0;
        Span(step.until.0 - BEFORE_THE_END.0.min(span / 2))
    });
    let mut moments: Vec<Span> = ends.chain([Span::ZERO, duration]).collect();
    moments.sort_unstable();
    moments.dedup();
    let checkpoints = moments.into_iter().map(|at| {
        let drained = steps
            .iter()
            .filter(|step| step.from < at && at < step.until);
        Checkpoint {
            at,
            drained: drained.map(|step| step.scope.clone()).collect(),
        }
    });
    checkpoints.collect()
}

impl Script {
    /// The time for which it plays.
    #[must_use]
    pub fn duration(&self) -> Span {
        self.scenario.duration
    }
}

impl Play {
    /// The places to which the table in force sends the clients of each service.
    #[must_use]
    pub fn sent(&self, clients: &mut MapClients) -> Vec<Sent> {
        let table = self.world.table();
        let plan = &table.plan;
        let mut all = Vec::new();
        for (index, service) in plan.services.iter().enumerate() {
            let own = clients.0.entry(service.map);
            let own = own.or_insert_with(|| CountryClients::of(plan, service.map));
            for family in [Family::V4, Family::V6] {
                let regions = own.whole(table, (ServiceId::from_index(index), family));
                let regions = regions.into_iter().map(|(region, permille)| {
                    let name = region.map(|id| plan.regions[id.index()].name.clone());
                    (name, permille)
                });
                let regions: Vec<_> = regions.collect();
                if !regions.is_empty() {
                    all.push(Sent {
                        service: service.name.clone(),
                        family,
                        regions,
                    });
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn drilled(events: &str) -> (Vec<DrillStep>, String) {
        let text = format!("title = \"t\"\nduration = \"1h\"\n{events}");
        let (scenario, mut found) = crate::sim::play::read(Path::new("s.toml"), &text);
        let (_, steps) = scenario.drilled(&mut found);
        (steps, found.render(false))
    }

    fn minutes(minutes: u64) -> Span {
        Span::from_secs(60 * minutes)
    }

    #[test]
    fn outages_become_drains_that_end() {
        let (steps, found) = drilled(
            "[[events]]\nat = \"5m\"\nkill = \"eu\"\nfor = \"10m\"\n\
             [[events]]\nat = \"20m\"\nkill = \"na\"\n\
             [[events]]\nat = \"30m\"\nheal = \"na\"\n\
             [[events]]\nat = \"40m\"\nkill = \"eu\"\n",
        );
        assert!(found.is_empty(), "{found}");
        let spans: Vec<_> = steps
            .iter()
            .map(|step| (&*step.scope, step.from, step.until))
            .collect();
        assert_eq!(
            spans,
            [
                ("eu", minutes(5), minutes(15)),
                ("na", minutes(20), minutes(30)),
                ("eu", minutes(40), minutes(60)),
            ]
        );
        let looked: Vec<_> = checkpoints(&steps, minutes(60))
            .into_iter()
            .map(|one| (one.at.0 / 1000, one.drained.join(" ")))
            .collect();
        let expected = [(0, ""), (899, "eu"), (1799, "na"), (3599, "eu"), (3600, "")];
        assert_eq!(
            looked,
            expected.map(|(at, drained)| (at, drained.to_owned()))
        );
    }

    #[test]
    fn what_no_order_can_play_is_refused() {
        for (event, words) in [
            ("slow = \"eu\"", "cannot be played on a live system"),
            (
                "reload = \"other.toml\"",
                "cannot be played on a live system",
            ),
            (
                "vantage_loss = \"50%\"\nfor = \"1m\"",
                "cannot be played on a live system",
            ),
        ] {
            let (_, found) = drilled(&format!("[[events]]\nat = \"5m\"\n{event}\n"));
            assert!(found.contains(words), "{event}: {found}");
        }
        let twice =
            "[[events]]\nat = \"5m\"\nkill = \"eu\"\n[[events]]\nat = \"6m\"\nkill = \"eu\"\n";
        assert!(drilled(twice).1.contains("is out already"));
    }
}
