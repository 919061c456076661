//! `[[maintenance]]` with scopes resolved, and what no window may do.
//!
//! A window must leave every service an endpoint: one that takes all of them is refused here, as `waypost drain` would
//! refuse it; what it leaves may still be too little on the day, and then the server refuses the drain, and says so.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{EndpointId, Span};
use crate::config::diagnostic::Diagnostics;
use crate::config::maintenance::{MaintenanceSpec, WindowLength};
use crate::config::spec::Spec;
use crate::plan::{Maintenance, Plan};

/// All windows.
pub(super) fn resolve(spec: &Spec, plan: &Plan, found: &mut Diagnostics) -> Vec<Maintenance> {
    let mut names: BTreeMap<&str, ()> = BTreeMap::new();
    let mut windows = Vec::new();
    for written in &spec.maintenance {
        let name = &written.name;
        if names.insert(&name.value, ()).is_some() && !name.value.is_empty() {
            found
                .error(&name.at, format!("a second window `{}`", name.value))
                .help("give each a name of its own");
        }
        windows.extend(window(written, plan, found));
    }
    windows
}

fn window(written: &MaintenanceSpec, plan: &Plan, found: &mut Diagnostics) -> Option<Maintenance> {
    let (scope, start) = (written.scope.as_ref()?, written.start.as_ref()?);
    let endpoints = match plan.scope(&scope.value) {
        Ok(scope) => scope.endpoints,
        Err(unknown) => {
            found
                .error(&scope.at, unknown.to_string())
                .help("a window takes out a region, a provider or an endpoint");
            return None;
        }
    };
    let window = Maintenance {
        name: written.name.value.clone(),
        scope: scope.value.clone(),
        reason: written.reason.clone(),
        start: start.value,
        zone: written.zone.clone(),
        length: length(written, found)?,
        recurrence: written.recurrence.as_ref().map(|rule| rule.value.clone()),
        lead: written
            .lead
            .unwrap_or_else(|| drain_takes(plan, &endpoints)),
    };
    if !window.begins_by_its_rule() {
        let message = "`start` is not a day that `recurrence` names";
        found
            .error(&start.at, message)
            .help("RFC 5545 has the start be the first of them: write that one");
    }
    for service in emptied(plan, &endpoints) {
        let message = format!(
            "window `{}` takes out every endpoint of service `{service}`",
            window.name
        );
        found
            .error(&scope.at, message)
            .help("leave it one, or take that out when it is meant: `waypost drain NAME --force`");
    }
    Some(window)
}

fn length(written: &MaintenanceSpec, found: &mut Diagnostics) -> Option<Span> {
    let start = written.start.as_ref()?;
    let end = match &written.length {
        WindowLength::For(span) => return Some(*span),
        WindowLength::Until(end) => end,
        WindowLength::Unknown => return None,
    };
    let at = |time: jiff::civil::DateTime| {
        let zoned = written.zone.to_ambiguous_zoned(time).compatible().ok()?;
        Some(zoned.timestamp().as_millisecond())
    };
    let length = at(end.value)?.checked_sub(at(start.value)?)?;
    let length = u64::try_from(length).ok().filter(|length| *length > 0);
    if length.is_none() {
        found
            .error(&end.at, "the window closes before it opens")
            .help("`end` is the end of the first time that it is open");
    }
    length.map(Span)
}

/// The longest time that a drain of these endpoints takes.
fn drain_takes(plan: &Plan, endpoints: &[EndpointId]) -> Span {
    let targets = plan.targets.iter();
    let own = targets.filter(|target| endpoints.contains(&target.endpoint));
    let spans = own.map(|target| {
        let recovery = &plan.recoveries[target.recovery.index()];
        recovery.every.times(recovery.steps.len() as u64)
    });
    spans.max().unwrap_or(Span::ZERO)
}

/// Services all of whose endpoints are among these.
fn emptied<'p>(plan: &'p Plan, endpoints: &'p [EndpointId]) -> impl Iterator<Item = &'p str> {
    let services = plan.services.iter().filter(|service| {
        let tiers = service.pools.iter().flatten().flat_map(|pool| &pool.tiers);
        let own: BTreeSet<EndpointId> = tiers
            .flat_map(|tier| &tier.members)
            .map(|member| member.endpoint)
            .collect();
        !own.is_empty() && own.iter().all(|id| endpoints.contains(id))
    });
    services.map(|service| service.name.as_str())
}
