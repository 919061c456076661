//! Endpoints in `waypost status`: one line for each, and more only where its targets differ.
//!
//! An endpoint has a target for each family and kind of watch. As a rule all of them stand alike, and one line says it;
//! where they do not, each kind has a line under that of the endpoint, told apart by family or by monitors.
use super::present::{Paint, ago, bar, line, percent};
use crate::base::MonitorValue;
use crate::engine::status::{EndpointStatus, TargetStatus};
use crate::plan::Units;

/// One line for an endpoint; where its targets differ, one more for each kind of them.
pub(super) fn endpoint_lines(out: &mut String, endpoint: &EndpointStatus, paint: Paint) {
    let carried = load(endpoint.load_thousandths, endpoint.capacity.map(u64::from));
    let name = format!(
        "  {:<18} {:<14} tier {} weight {:<5}",
        endpoint.name, endpoint.provider, endpoint.tier, endpoint.weight
    );
    match &alike(&endpoint.targets)[..] {
        [] if endpoint.disabled => line(out, &format!("{name} disabled by the config")),
        [] if endpoint.hostname.is_some() && endpoint.addresses.is_empty() => {
            let hostname = endpoint.hostname.as_deref().unwrap_or_default();
            let text = format!("{name} down: `{hostname}` has no address");
            line(out, &paint.code("1;31", &text));
        }
        [] => line(out, &format!("{name} no service uses it")),
        [all] => {
            let state = state_of(all, &carried, "", paint);
            line(out, &format!("{name} {state}"));
        }
        several => {
            line(out, &format!("{name}{carried}"));
            for some in several {
                let state = state_of(some, "", &told_apart(endpoint, some), paint);
                line(out, &format!("    {state}"));
            }
        }
    }
}

/// The targets of an endpoint, those that stand alike together, in order.
fn alike(targets: &[TargetStatus]) -> Vec<Vec<&TargetStatus>> {
    let stands = |one: &TargetStatus| (one.state.clone(), one.share_permille, one.detail.clone());
    let mut kinds: Vec<Vec<&TargetStatus>> = Vec::new();
    for target in targets {
        let own = kinds
            .iter_mut()
            .find(|kind| stands(kind[0]) == stands(target));
        match own {
            Some(kind) => kind.push(target),
            None => kinds.push(vec![target]),
        }
    }
    kinds
}

/// The state of targets that stand alike.
fn state_of(some: &[&TargetStatus], carried: &str, which: &str, paint: Paint) -> String {
    let Some(first) = some.first() else {
        return String::new();
    };
    let families = ["v4", "v6"].into_iter();
    let families = families.filter(|family| some.iter().any(|one| one.family == *family));
    let families = families.collect::<Vec<_>>().join(" ");
    let since = some.iter().map(|one| one.since_ms).min().unwrap_or(0);
    let remarks = [
        remarks(first),
        carried.trim_start().to_owned(),
        which.to_owned(),
    ];
    let remarks = remarks.iter().filter(|text| !text.is_empty());
    let remarks: Vec<&str> = remarks.map(String::as_str).collect();
    let state = paint.state(&first.state, &format!("{:<11}", first.state));
    format!(
        "{families:<5} {state} {} {:>5}  for {:<6} {}",
        bar(first.share_permille),
        percent(first.share_permille),
        ago(since),
        remarks.join("  "),
    )
}

/// The load of a place beside what it can carry, where that is planned.
pub(super) fn load(load_thousandths: Option<u64>, capacity: Option<u64>) -> String {
    match (load_thousandths, capacity) {
        (Some(load), Some(capacity)) => format!("  carries {} of {capacity}", Units(load)),
        (Some(load), None) => format!("  carries {}", Units(load)),
        (None, _) => String::new(),
    }
}

/// Which targets these are, where the endpoint has others of the same family.
fn told_apart(endpoint: &EndpointStatus, some: &[&TargetStatus]) -> String {
    let is_here = |other: &TargetStatus| some.contains(&other);
    let mut others = endpoint.targets.iter().filter(|other| !is_here(other));
    let several = others.any(|other| some.iter().any(|one| one.family == other.family));
    if !several {
        return String::new();
    }
    let told = some.iter().map(|target| {
        let watch = match target.watch.as_str() {
            "" => "no monitor",
            watch => watch,
        };
        format!("[{watch}: {}]", target.services.join(" "))
    });
    let mut told: Vec<String> = told.collect();
    told.dedup();
    told.join(" ")
}

/// Remarks worth making about a target beyond its state.
fn remarks(target: &TargetStatus) -> String {
    let mut words = Vec::new();
    if !target.detail.is_empty() {
        words.push(target.detail.clone());
    }
    if let Some(next) = target.next_step_ms {
        words.push(format!("next step in {}", ago(next)));
    }
    if let Some(combination) = &target.combination {
        words.push(format!("needs {combination}"));
    }
    for slot in target.slots.iter().filter(|slot| slot.report_only) {
        let value = slot.value_thousandths.map(MonitorValue);
        let value = value.map_or(String::new(), |value| format!(" {value}"));
        words.push(format!(
            "{} {}{value} (report only)",
            slot.monitor, slot.state
        ));
    }
    let oldest = target.slots.iter().filter_map(|slot| slot.age_ms).max();
    if let Some(age) = oldest.filter(|age| *age > 60_000) {
        words.push(format!("last probe {} ago", ago(age)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_one_line_unless_its_targets_differ() {
        let target = |family: &str, state: &str| TargetStatus {
            family: family.into(),
            state: state.into(),
            services: vec!["api".into()],
            ..TargetStatus::default()
        };
        let lines = |targets: &[TargetStatus]| {
            let endpoint = EndpointStatus {
                name: "fra".into(),
                targets: targets.to_vec(),
                ..EndpointStatus::default()
            };
            let mut out = String::new();
            endpoint_lines(&mut out, &endpoint, Paint::Plain);
            out.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let same = lines(&[target("v4", "drained"), target("v6", "drained")]);
        assert_eq!(same.len(), 1, "{same:?}");
        assert!(
            same[0].contains("fra") && same[0].contains("v4 v6 drained"),
            "{same:?}"
        );
        let differ = lines(&[target("v4", "healthy"), target("v6", "down")]);
        assert_eq!(differ.len(), 3, "{differ:?}");
        assert!(differ[1].contains("v4    healthy") && differ[2].contains("v6    down"));
        assert!(
            !differ[1].contains('['),
            "families tell them apart: {differ:?}"
        );
        assert_eq!(lines(&[]).len(), 1);
    }

    #[test]
    fn targets_of_one_family_are_told_apart() {
        let target = |watch: &str, service: &str| TargetStatus {
            family: "v4".into(),
            watch: watch.into(),
            services: vec![service.into()],
            ..TargetStatus::default()
        };
        let mut endpoint = EndpointStatus {
            targets: vec![target("web", "api"), target("", "node")],
            ..EndpointStatus::default()
        };
        let words = endpoint.targets.iter();
        let words: Vec<String> = words.map(|one| told_apart(&endpoint, &[one])).collect();
        assert_eq!(words, ["[web: api]", "[no monitor: node]"]);
        endpoint.targets.pop();
        assert_eq!(told_apart(&endpoint, &[&endpoint.targets[0]]), "");
    }
}
