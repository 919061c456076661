//! What a scenario says: what happens when, to whom, who asks, and how long answers are cached.
//!
//! A scenario names things as the operator does ([`crate::plan::Plan::scope`]). What it names is
//! checked against the plan that will be in force by then, so that a scenario can reload a
//! config that has other machines. Clients ask for the services that the first config has; one
//! that only a later config has is not asked for. It knows nothing of how things turn out.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::base::{Permille, Span, Utc, similar};
use crate::config::{self, Diagnostics, Files, Spec};
use crate::dns::Name;
use crate::engine::Order;
use crate::plan::Plan;
use crate::text::reader::At;

/// A scenario as written.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows, in a few words.
    pub title: String,
    /// The config it is written for, relative to its own file; absent = the one the user names.
    pub config: Option<String>,
    /// How long it plays.
    pub duration: Span,
    /// The civil time at which it begins; absent = no window of maintenance opens.
    pub begins: Option<Utc>,
    /// What chance starts from.
    pub seed: u64,
    /// The clients' resolvers.
    pub resolvers: Resolvers,
    /// Demand of services, in the unit of capacities; over what the config says.
    pub(super) services: Vec<(At<String>, u32)>,
    /// Demand over the day, by the region that clients prefer first.
    pub(super) curves: Vec<(At<String>, Curve)>,
    /// What happens, in order of time.
    pub(super) events: Vec<Event>,
}

/// The clients' resolvers.
#[derive(Clone, Copy, Debug)]
pub struct Resolvers {
    /// How many there are for each class of clients.
    pub cohorts: u16,
    /// No answer is cached for less.
    pub ttl_min: Span,
    /// No answer is cached for longer.
    pub ttl_max: Span,
}

/// Demand over the day: (minute of the day, permille), in order; between two points it goes
/// straight from one to the other, and from the last to the first of the next day.
pub(super) type Curve = Vec<(u32, u32)>;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// When.
    pub(super) at: Span,
    /// How long it lasts; for ever if absent.
    pub(super) lasts: Option<Span>,
    /// What.
    pub(super) deed: Deed,
    /// Where it names its machines, or stands.
    pub(super) place: Range<usize>,
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Something fails.
    Fault(Fault),
    /// Everything that fails at what is named so is well again.
    Heal(String),
    /// An operator gives an order.
    Order(Order),
    /// Another config is put in force.
    Reload(String),
    /// The name of a machine has other addresses: those before lead nowhere.
    Readdress(String, Vec<IpAddr>),
    /// Clients ask for so many permille of what they otherwise would; those that prefer a
    /// region, or all.
    Surge(Option<String>, u32),
}

/// What fails.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It is dead.
    Kill(String),
    /// It answers after the monitor's timeout.
    Slow(String),
    /// It answers, this much later than it did.
    Late(String, Span),
    /// This part of all connections to it fail, of probes and of clients alike.
    Loss(String, Permille),
    /// It is dead and well by turns, so long each.
    Flap(String, Span),
    /// Its data is behind: gates fail, everything else passes.
    Behind(String),
    /// Nobody finds an address of its name: resolvers of clients no more than ours, which goes on by the last good ones.
    Unresolved(String),
    /// This node loses this part of its probes; clients do not.
    VantageLoss(Permille),
    /// Probes of canaries, this part of them, fail.
    CanaryLoss(Permille),
    /// All other probes do; neither clients nor canaries have trouble.
    ProbeLoss(Permille),
}

impl Fault {
    /// The machines it is about.
    pub(super) fn whom(&self) -> Option<&str> {
        match self {
            Self::Kill(whom)
            | Self::Slow(whom)
            | Self::Late(whom, _)
            | Self::Loss(whom, _)
            | Self::Flap(whom, _)
            | Self::Behind(whom)
            | Self::Unresolved(whom) => Some(whom),
            Self::VantageLoss(_) | Self::CanaryLoss(_) | Self::ProbeLoss(_) => None,
        }
    }
}

/// A scenario with every plan it needs.
#[derive(Debug)]
pub struct Script {
    /// The scenario.
    pub scenario: Scenario,
    /// The plan it starts with.
    pub(super) plan: Arc<Plan>,
    /// The plans that come into force by reloads and by other addresses, by the number of the event.
    pub(super) renewals: BTreeMap<usize, Arc<Plan>>,
}

/// A config to be played against: its plan, and what that was compiled from.
#[derive(Debug)]
pub struct Playable {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The config.
    pub spec: Spec,
    /// The files that were brought for it.
    pub files: Files,
}

impl Playable {
    /// The plan where names have these addresses.
    fn known(&self, names: &BTreeMap<Name, Vec<IpAddr>>) -> Result<Arc<Plan>, Diagnostics> {
        if names.is_empty() {
            return Ok(Arc::clone(&self.plan));
        }
        let files = self.files.knowing(names.clone());
        config::readdress(&self.spec, &files, &self.plan).map(Arc::new)
    }
}

impl Scenario {
    /// The configs that it reloads, as written.
    #[must_use]
    pub fn reloads(&self) -> BTreeSet<&str> {
        let paths = self.events.iter().filter_map(|event| match &event.deed {
            Deed::Reload(path) => Some(path.as_str()),
            Deed::Fault(_)
            | Deed::Heal(_)
            | Deed::Order(_)
            | Deed::Readdress(..)
            | Deed::Surge(..) => None,
        });
        paths.collect()
    }

    /// Checks what the scenario names against the plans: the one it starts with, and those that
    /// it reloads, by the path as written (all of [`Scenario::reloads`]).
    ///
    /// # Errors
    /// Everything that is wrong, with what was found before.
    pub fn with_plans(
        self,
        start: Playable,
        reloads: &BTreeMap<String, Playable>,
        mut found: Diagnostics,
    ) -> Result<Script, Diagnostics> {
        self.check_demand(&start.plan, &mut found);
        let (mut config, mut plan) = (&start, Arc::clone(&start.plan));
        let (mut names, mut renewals) = (BTreeMap::new(), BTreeMap::new());
        for (number, event) in self.events.iter().enumerate() {
            let renewed = match &event.deed {
                Deed::Reload(path) => {
                    config = reloads.get(path).unwrap_or(config);
                    config.known(&names)
                }
                Deed::Readdress(whom, addresses) => {
                    names.extend(
                        names_of(&plan, whom).map(|name| (name.clone(), addresses.clone())),
                    );
                    config.known(&names)
                }
                Deed::Fault(_) | Deed::Heal(_) | Deed::Order(_) | Deed::Surge(..) => {
                    Ok(Arc::clone(&plan))
                }
            };
            match renewed {
                Ok(renewed) if !Arc::ptr_eq(&renewed, &plan) => {
                    plan = renewed;
                    renewals.insert(number, Arc::clone(&plan));
                }
                Ok(_) => {}
                Err(why) => {
                    let message = "the config does not go with these addresses";
                    found.error(&event.place, message).help(why.render(false));
                }
            }
            event.check(&plan, &mut found);
        }
        found.settle();
        match found.has_errors() {
            true => Err(found),
            false => Ok(Script {
                scenario: self,
                plan: start.plan,
                renewals,
            }),
        }
    }

    fn check_demand(&self, plan: &Plan, found: &mut Diagnostics) {
        let services = plan.services.iter().map(|one| one.name.as_str());
        for (name, _) in &self.services {
            check_name(name, "service", services.clone(), found);
        }
        let regions = plan.regions.iter().map(|one| one.name.as_str());
        for (name, _) in &self.curves {
            check_name(name, "region", regions.clone(), found);
        }
    }
}

impl Event {
    fn check(&self, plan: &Plan, found: &mut Diagnostics) {
        let whom = match &self.deed {
            Deed::Fault(fault) => fault.whom(),
            Deed::Heal(whom) => Some(whom.as_str()),
            Deed::Order(order) => Some(order.scope.as_str()),
            Deed::Readdress(whom, _) => Some(whom.as_str()),
            Deed::Reload(_) => None,
            Deed::Surge(region, _) => {
                if let Some(region) = region {
                    let name = At {
                        value: region.clone(),
                        at: self.place.clone(),
                    };
                    let regions = plan.regions.iter().map(|one| one.name.as_str());
                    check_name(&name, "region", regions, found);
                }
                None
            }
        };
        let scope = whom.map(|whom| plan.scope(whom));
        if let (Some(Ok(_)), Deed::Fault(Fault::Unresolved(whom)) | Deed::Readdress(whom, _)) =
            (&scope, &self.deed)
            && names_of(plan, whom).next().is_none()
        {
            let message = format!("no machine of `{whom}` is known by name");
            let help = "name an endpoint that has `hostname`, or use `kill`";
            found.error(&self.place, message).help(help);
        }
        if let Some(Err(unknown)) = scope {
            let help = match &unknown.nearest {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the regions are: {}", unknown.regions.join(", ")),
            };
            let message = format!(
                "no region, endpoint or provider is called `{}`",
                unknown.name
            );
            found.error(&self.place, message).help(help);
        }
    }
}

/// The names of machines of a region, provider or endpoint that are known by name.
fn names_of<'p>(plan: &'p Plan, whom: &str) -> impl Iterator<Item = &'p Name> {
    let endpoints = plan.scope(whom).map(|scope| scope.endpoints);
    let endpoints = endpoints.unwrap_or_default().into_iter();
    let machines = endpoints.filter_map(|id| plan.endpoints[id.index()].named.as_ref());
    machines.map(|own| &own.name)
}

fn check_name<'n>(
    name: &At<String>,
    noun: &str,
    known: impl Iterator<Item = &'n str> + Clone,
    found: &mut Diagnostics,
) {
    if known.clone().any(|one| one == name.value) {
        return;
    }
    let help = match similar(&name.value, known.clone()) {
        Some(one) => format!("did you mean `{one}`?"),
        None => format!("there is: {}", known.collect::<Vec<_>>().join(", ")),
    };
    let message = format!("the config has no {noun} `{}`", name.value);
    found.error(&name.at, message).help(help);
}
