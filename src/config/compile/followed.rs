//! `weight_from` and `capacity_from` of endpoints: monitors found, limits compared, and whether anybody reads the value.
//!
//! A value that nobody reads is a slip: the monitor must be one of those that watch the endpoint for some service, if only
//! in `report_only`. That is known when slots and targets are there.
use super::checks::Checks;
use super::places::Places;
use crate::base::{EndpointId, MonitorId};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::EndpointSpec;
use crate::config::watch::FollowSpec;
use crate::plan::{Followed, Plan, ValueSource};

/// The source of a number of an endpoint.
pub(super) fn source(
    (written, what): (&EndpointSpec, Followed),
    checks: &Checks<'_>,
    found: &mut Diagnostics,
) -> Option<ValueSource> {
    let spec = spec(written, what)?;
    let (noun, whole) = match what {
        Followed::Weight => ("weight", Some(u32::from(written.weight))),
        Followed::Capacity => ("capacity", written.capacity.as_ref().map(|own| own.value)),
    };
    let Some(whole) = whole else {
        let message = "an endpoint without a capacity has none that a value could lower";
        found
            .error(&spec.at, message)
            .help("give it the `capacity` that it has at the most");
        return None;
    };
    let limit = spec.value.max.as_ref();
    let max = limit.map_or(whole, |limit| limit.value);
    if whole == 0 && what == Followed::Weight {
        let message = "an endpoint of weight 0 is the last of its tier, whatever a value says";
        found
            .error(&spec.at, message)
            .help("give it the weight that it has at the most");
    }
    if let Some(limit) = limit.filter(|limit| limit.value > whole) {
        found
            .error(
                &limit.at,
                format!("`max` is above the endpoint's {noun}, {whole}"),
            )
            .help(format!(
                "the {noun} of the config is the most: raise it, or lower `max`"
            ));
    }
    if spec.value.min > max {
        let message = format!("`min`, {}, is above `max`, {max}", spec.value.min);
        found.error(&spec.at, message).help("swap them");
    }
    let monitor = monitor(spec, checks, found)?;
    Some(ValueSource {
        monitor,
        min: spec.value.min,
        max: max.min(whole),
        change_per_minute: spec.value.change_per_minute,
        stale_after: spec.value.stale_after,
    })
}

fn spec(written: &EndpointSpec, what: Followed) -> Option<&At<FollowSpec>> {
    let own = match what {
        Followed::Weight => &written.weight_from,
        Followed::Capacity => &written.capacity_from,
    };
    own.as_deref()
}

fn monitor(
    spec: &At<FollowSpec>,
    checks: &Checks<'_>,
    found: &mut Diagnostics,
) -> Option<MonitorId> {
    let name = spec.value.monitor.as_ref()?;
    let place = checks.monitor_names.find(name, found)?;
    if checks.monitors[place].check.bounds().is_none() {
        let message = format!("monitor `{}` reads no value", name.value);
        found.error(&name.at, message).help(
            "monitors of type prometheus and push do, and those of http and https with a `value`",
        );
    }
    Some(MonitorId::from_index(place))
}

/// Tells of values that nobody reads.
pub(super) fn check(plan: &Plan, places: &Places<'_>, found: &mut Diagnostics) {
    let endpoints = plan.endpoints.iter().enumerate();
    let each = endpoints.flat_map(|own| Followed::ALL.map(|what| (own, what)));
    for ((place, endpoint), what) in each {
        let id = EndpointId::from_index(place);
        let written = spec(places.written[place], what);
        let Some(((source, _), written)) = endpoint.follows(what).zip(written) else {
            continue;
        };
        let mut targets = plan.targets.iter().filter(|target| target.endpoint == id);
        let is_read = targets.any(|target| {
            let mut slots = target.slots.iter().chain(&target.reported);
            slots.any(|slot| plan.slots[slot.index()].monitor == source.monitor)
        });
        if !is_read && endpoint.enabled {
            let name = &plan.monitors[source.monitor.index()].name;
            let message = format!("nobody reads `{name}` of endpoint `{}`", endpoint.name);
            found
                .error(&written.at, message)
                .help("name it in the `monitors` of the endpoint or its services, in `report_only` if it is to decide nothing");
        }
    }
}
