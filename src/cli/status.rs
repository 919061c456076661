//! `waypost status`: what a running server knows, as a page for a terminal or as JSON.
use std::process::ExitCode;

use super::arguments;
use super::discovered::discovery_line;
use super::endpoint_lines::{endpoint_lines, load};
use super::present::{Paint, ago, bar, line, percent};
use super::remote::Remote;
use super::say;
use crate::base::limits::CERTIFICATE_SOON;
use crate::base::{Permille, Utc};
use crate::daemon::Failure;
use crate::engine::Status;
use crate::engine::status::{
    CertificateStatus, LimitedStatus, MaintenanceStatus, ObservationStatus, OrderStatus,
    RefusedConfig, ServiceStatus, SigningStatus, SteeringStatus,
};
use crate::io::clock::Clock;
use crate::io::terminal::has_colours;
use crate::names::NameReport;
use crate::plan::Units;
use crate::zones::ZoneStatus;
use crate::zones::status::UnfinishedStatus;

/// Asks the server and prints its state.
pub(super) fn status(arguments: &arguments::Status) -> Result<ExitCode, Failure> {
    let body = Remote::find(&arguments.control)?.get("/api/v1/status", &[])?;
    if arguments.json {
        say(body.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let status: Status = serde_json::from_str(&body)
        .map_err(|error| format!("the server's answer is not a status: {error}"))?;
    let paint = if has_colours(&std::io::stdout()) {
        Paint::Ansi
    } else {
        Paint::Plain
    };
    say(page(&status, paint).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The whole page.
fn page(status: &Status, paint: Paint) -> String {
    let mut out = String::new();
    head(&mut out, status, paint);
    order_lines(&mut out, status);
    for region in &status.regions {
        let law = region
            .jurisdiction
            .as_deref()
            .map(|name| format!("  [{name}]"))
            .unwrap_or_default();
        let name = paint.code("1", &region.name);
        let load = load(region.load_thousandths, region.capacity);
        line(&mut out, &format!("\n{name}{law}{load}"));
        for endpoint in &region.endpoints {
            endpoint_lines(&mut out, endpoint, paint);
        }
    }
    for service in &status.services {
        service_lines(&mut out, service, paint);
    }
    out
}

fn head(out: &mut String, status: &Status, paint: Paint) {
    line(
        out,
        &format!(
            "waypost {}  generation {}  table {}  up {}  plan {}  policy {}",
            status.version,
            status.generation,
            ago(status.table_age_ms),
            ago(status.uptime_ms),
            status.plan,
            status.policy,
        ),
    );
    if let Some(cluster) = &status.cluster {
        line(out, &super::cluster::summary(cluster, paint));
    }
    if let Some(refused) = &status.refused {
        refusal_lines(out, refused, paint);
    }
    for zone in &status.zones {
        zone_lines(out, zone, paint);
    }
    for name in &status.names {
        name_line(out, name, paint);
    }
    for own in &status.discoveries {
        discovery_line(out, own, paint);
    }
    if let Some(certificate) = &status.certificate {
        let now = Clock::start().wall_seconds();
        certificate_line(out, certificate, now, paint);
    }
    if status.doubting {
        let evidence = match status.doubt.as_str() {
            "canaries_fail" => "most canaries fail",
            _ => "most targets fail and no region is sound",
        };
        let text =
            format!("This node doubts its own network ({evidence}): nothing more is taken out.");
        line(out, &paint.code("1;35", &text));
    }
    if status.capped {
        line(
            out,
            &paint.code(
                "1;35",
                "guard.max_ejected or guard.max_ejected_at_once is reached: what fails beyond it is kept.",
            ),
        );
    }
    if !status.unwatched.is_empty() {
        let text = format!(
            "Unwatched: {}. This node can run no probe of them; what it knew last is answered.",
            status.unwatched.join(", ")
        );
        line(out, &paint.code("1;35", &text));
    }
    for window in &status.maintenance {
        line(out, &window_line(window));
    }
    limited_lines(out, &status.limited, paint);
    observation_lines(out, &status.observation, paint);
}

/// A zone, as far as there is something to say of it.
fn zone_lines(out: &mut String, zone: &ZoneStatus, paint: Paint) {
    let name = &zone.name;
    if let Some(text) = unanswered(zone) {
        line(out, &paint.code("1;31", &text));
    }
    if let Some(why) = &zone.signatures_unkept {
        let text = format!("signatures of zone {name} would not outlive a restart: {why}");
        line(out, &paint.code("35", &text));
    }
    if zone.declared > 0 {
        let (count, aside) = (zone.declared, zone.declared_aside);
        let aside = match aside {
            0 => String::new(),
            aside => format!(", {aside} of them not served: `waypost records list {name}`"),
        };
        line(out, &format!("zone {name}: {count} RRsets declared{aside}"));
    }
    if let Some(signing) = &zone.signing {
        signing_lines(out, name, signing);
    }
}

/// Samples of answers, where any are taken; and what was lost of them and of the log.
fn observation_lines(out: &mut String, own: &ObservationStatus, paint: Paint) {
    if let Some(samples) = &own.dnstap {
        let (place, one_in, written) = (&samples.place, samples.one_in, samples.written);
        let text = format!("samples of 1 in {one_in} answers go to {place}: {written} written");
        match samples.dropped {
            0 => line(out, &text),
            dropped => line(
                out,
                &paint.code("35", &format!("{text}, {dropped} dropped")),
            ),
        }
    }
    if own.lost_lines > 0 {
        let lost = own.lost_lines;
        let text = format!("{lost} lines of the log were lost: nobody took them.");
        line(out, &paint.code("35", &text));
    }
}

fn limited_lines(out: &mut String, limited: &[LimitedStatus], paint: Paint) {
    for one in limited {
        let (network, class, age) = (&one.network, &one.class, ago(one.age_ms));
        let text = format!("{network} has had enough replies of class {class}, for {age}.");
        line(out, &paint.code("35", &text));
    }
}

/// A machine that is known by name: its addresses, and what is wrong.
fn name_line(out: &mut String, own: &NameReport, paint: Paint) {
    let name = &own.name;
    let addresses: Vec<String> = own.addresses.iter().map(ToString::to_string).collect();
    let known = match own.age_ms {
        None => "has no address: its endpoint is down".to_owned(),
        Some(age) => format!("is {}  confirmed {} ago", addresses.join(", "), ago(age)),
    };
    let text = format!("name {name} {known}");
    match &own.reason {
        None => line(out, &text),
        Some(reason) => line(out, &paint.code("1;31", &format!("{text}  ({reason})"))),
    }
}

/// How a zone is signed, by which keys, and what happens next to them.
/// The reason why a zone is not answered, or not as it should be; `None` where it is.
fn unanswered(zone: &ZoneStatus) -> Option<String> {
    let (name, is_answered) = (&zone.name, zone.serial.is_some());
    match (&zone.unfinished, is_answered) {
        (Some(UnfinishedStatus { made, of }), true) => Some(format!(
            "zone {name} is answered in its last version: {made} of {of} signatures of the next one are made"
        )),
        (Some(UnfinishedStatus { made, of }), false) => Some(format!(
            "zone {name} is not answered yet: {made} of {of} signatures are made"
        )),
        (None, true) => None,
        (None, false) => Some(format!(
            "zone {name} is not answered: it has not come from its primaries, or came too long ago"
        )),
    }
}

fn signing_lines(out: &mut String, zone: &str, signing: &SigningStatus) {
    if signing.elsewhere {
        let (denial, rrsets, expires) = (
            &signing.denial,
            signing.rrsets,
            Utc::from_seconds(signing.expires_at),
        );
        let text = format!(
            "zone {zone} was signed elsewhere ({denial}, {rrsets} RRsets)  the first signature expires at {expires}"
        );
        return line(out, &text);
    }
    let keys = signing.keys.iter().map(|key| {
        let (tag, role) = (key.tag, &key.role);
        format!("{role} {tag} {}", key.phase)
    });
    let keys: Vec<String> = keys.collect();
    line(
        out,
        &format!(
            "zone {zone} is signed ({}, {} RRsets)  keys: {}",
            signing.denial,
            signing.rrsets,
            keys.join(", ")
        ),
    );
    if let Some(next) = signing.next.first() {
        line(out, &format!("    next: {next}"));
    }
}

/// The orders in force, each once, whatever number of endpoints it covers.
fn order_lines(out: &mut String, status: &Status) {
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let mut told: Vec<&OrderStatus> = Vec::new();
    for order in endpoints.flat_map(|endpoint| &endpoint.orders) {
        if !told.contains(&order) {
            told.push(order);
            order_line(out, order);
        }
    }
}

fn order_line(out: &mut String, order: &OrderStatus) {
    let value = order.value.as_deref();
    let value = value.map(|value| format!(" {value}")).unwrap_or_default();
    let author = match order.author.as_str() {
        "" => String::new(),
        author => format!(" by {author}"),
    };
    let reason = match order.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let end = order.ends_in_ms;
    let end = end
        .map(|end| format!("  (ends in {})", ago(end)))
        .unwrap_or_default();
    let (action, scope, age) = (&order.action, &order.scope, ago(order.since_ms));
    line(
        out,
        &format!("order: {action} {scope}{value}  for {age}{author}{reason}{end}"),
    );
}

/// When the server's own certificate expires; loud when that is soon.
fn certificate_line(out: &mut String, certificate: &CertificateStatus, now: u64, paint: Paint) {
    let names = certificate.names.join(", ");
    let left = certificate.expires.saturating_sub(now);
    let text = match left {
        0 => format!("CERTIFICATE EXPIRED: {names}"),
        left => format!(
            "certificate of {names}: expires in {}, at {}",
            ago(left.saturating_mul(1000)),
            Utc::from_seconds(certificate.expires)
        ),
    };
    match left < CERTIFICATE_SOON.0 / 1000 {
        true => line(out, &paint.code("1;31", &text)),
        false => line(out, &text),
    }
}

fn refusal_lines(out: &mut String, refused: &RefusedConfig, paint: Paint) {
    let text = format!(
        "CONFIG REFUSED {} ago: the one before it is in force.",
        ago(refused.age_ms)
    );
    line(out, &paint.code("1;31", &text));
    for reason in refused.reason.lines() {
        line(out, &format!("  {reason}"));
    }
}

fn service_lines(out: &mut String, service: &ServiceStatus, paint: Paint) {
    let mark = match mark(service) {
        Some(text) => paint.code("1;31", &format!("  {text}")),
        None => String::new(),
    };
    line(
        out,
        &format!(
            "\n{} ({}, residency {}){mark}",
            paint.code("1", &service.name),
            service.hostnames.join(" "),
            service.residency,
        ),
    );
    if let Some(text) = steering(&service.steering) {
        line(out, &format!("  {text}"));
    }
    if service.overloaded_thousandths > 0 {
        let over = Units(service.overloaded_thousandths);
        let asked = Units(service.demand_thousandths);
        let text = format!(
            "OVERLOADED: {over} of {asked} asked for fits nowhere (overload = \"{}\")",
            service.overload
        );
        line(out, &format!("  {}", paint.code("1;31", &text)));
    }
    for pool in &service.pools {
        let tier = pool.tier.map_or("-".to_owned(), |tier| tier.to_string());
        line(
            out,
            &format!(
                "  {:<18} {} {} {:>5}  tier {tier}  {}",
                pool.region,
                pool.family,
                bar(pool.share_permille),
                percent(pool.share_permille),
                pool.serving.join(" "),
            ),
        );
    }
}

/// The way in which a service's clients are sorted, where it is not the plain one.
fn steering(own: &SteeringStatus) -> Option<String> {
    let policy = Some(own.policy.as_str()).filter(|word| !matches!(*word, "place" | ""));
    let policy = policy.map(|word| match &own.measured {
        None => format!("policy {word}"),
        Some(table) => {
            let written = table.written_at.map(Utc::from_seconds);
            let written = written.map_or_else(String::new, |at| format!(", written {at}"));
            let (file, rows) = (&table.file, table.rows);
            format!("policy {word} by {file} ({rows} rows{written})")
        }
    });
    let part = |share, what: &str| (share > 0).then(|| format!("{what} {}", Permille(share)));
    let facts = [
        policy,
        own.sticky.then(|| "sticky".to_owned()),
        part(own.trickle_permille, "trickle"),
        part(own.region_trickle_permille, "region trickle"),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    (!facts.is_empty()).then(|| facts.join(", "))
}

/// What must be said of a service that has nothing healthy for some clients.
fn mark(service: &ServiceStatus) -> Option<String> {
    if service.fail_open {
        let regions = service.fail_open_regions.join(" ");
        return Some(format!(
            "FAIL-OPEN: nothing is healthy for clients of {regions}"
        ));
    }
    let regions = service.all_down_regions.join(" ");
    service.all_down.then(|| {
        format!(
            "ALL DOWN: clients of {regions} get {}",
            service.when_all_down
        )
    })
}

/// A window of maintenance: what is taken out, and when.
fn window_line(window: &MaintenanceStatus) -> String {
    let MaintenanceStatus {
        name,
        scope,
        drain_at,
        start_at,
        end_at,
        ..
    } = window;
    let state = if window.due { "now" } else { "next" };
    format!(
        "Maintenance {name} of {scope}, {state}: from {start_at} to {end_at}, drained from {drain_at}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::{
        DnstapStatus, EndpointStatus, MeasuredStatus, PoolStatus, RegionStatus, TargetStatus,
    };

    #[test]
    fn page_begins_with_a_refused_config() {
        let mut status = Status::default();
        assert!(!page(&status, Paint::Plain).contains("REFUSED"));
        status.refused = Some(RefusedConfig {
            age_ms: 3000,
            reason: "error: no such key\n  --> config.toml:3:1".to_owned(),
        });
        let text = page(&status, Paint::Plain);
        let lines: Vec<&str> = text.lines().skip(1).take(3).collect();
        let expected = [
            "CONFIG REFUSED 3s ago: the one before it is in force.",
            "  error: no such key",
            "    --> config.toml:3:1",
        ];
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn page_says_what_nobody_took() {
        let mut status = Status::default();
        let before = page(&status, Paint::Plain);
        status.observation.lost_lines = 3;
        status.observation.dnstap = Some(DnstapStatus {
            place: "/run/tap.sock".to_owned(),
            one_in: 100,
            written: 20,
            dropped: 1,
        });
        let text = page(&status, Paint::Plain);
        let added = [
            "samples of 1 in 100 answers go to /run/tap.sock: 20 written, 1 dropped\n",
            "3 lines of the log were lost: nobody took them.\n",
        ];
        assert_eq!(text, before + &added.concat());
    }

    #[test]
    fn page_says_when_the_certificate_expires() {
        let certificate = CertificateStatus {
            names: vec!["ns1.example.org".into(), "192.0.2.53".into()],
            expires: 1_000_000,
        };
        let line = |now| {
            let mut out = String::new();
            certificate_line(&mut out, &certificate, now, Paint::Ansi);
            out
        };
        let text = "certificate of ns1.example.org, 192.0.2.53: expires in ";
        assert!(line(0).starts_with(text), "{}", line(0));
        assert!(line(999_000).contains("\x1b[1;31m"), "{}", line(999_000));
        assert!(line(1_000_000).contains("CERTIFICATE EXPIRED: ns1.example.org"));
    }

    #[test]
    fn page_shows_a_ramp_and_a_fail_open() {
        let target = TargetStatus {
            family: "v4".into(),
            state: "ramping".into(),
            detail: "step 2 of 4".into(),
            share_permille: 200,
            next_step_ms: Some(90_000),
            since_ms: 30_000,
            ..TargetStatus::default()
        };
        let endpoint = EndpointStatus {
            name: "fra-hetzner".into(),
            tier: 1,
            targets: vec![target],
            ..EndpointStatus::default()
        };
        let region = RegionStatus {
            name: "eu-frankfurt".into(),
            jurisdiction: Some("EEA".into()),
            capacity: Some(100),
            load_thousandths: Some(80_250),
            endpoints: vec![endpoint],
        };
        let pool = PoolStatus {
            region: "eu-frankfurt".into(),
            family: "v4".into(),
            share_permille: 200,
            ..PoolStatus::default()
        };
        let service = ServiceStatus {
            name: "api".into(),
            fail_open: true,
            fail_open_regions: vec!["eu-frankfurt".into()],
            demand_thousandths: 120_000,
            overloaded_thousandths: 12_500,
            overload: "spread".into(),
            pools: vec![pool],
            steering: SteeringStatus {
                policy: "latency".into(),
                sticky: true,
                trickle_permille: 5,
                measured: Some(MeasuredStatus {
                    file: "latency.csv".into(),
                    written_at: Some(0),
                    rows: 7,
                }),
                ..SteeringStatus::default()
            },
            ..ServiceStatus::default()
        };
        let status = Status {
            generation: 7,
            regions: vec![region],
            services: vec![service],
            ..Status::default()
        };
        let text = page(&status, Paint::Plain);
        for part in [
            "generation 7",
            "[EEA]  carries 80.25 of 100",
            "OVERLOADED: 12.5 of 120 asked for fits nowhere (overload = \"spread\")",
            "ramping",
            "██░░░░░░░░",
            "step 2 of 4, next step in 90s",
            "FAIL-OPEN: nothing is healthy for clients of eu-frankfurt",
            "policy latency by latency.csv (7 rows, written 1970-01-01T00:00:00Z), sticky, trickle 0.5%",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert!(!text.contains('\x1b'));
        assert!(page(&status, Paint::Ansi).contains("\x1b[33m"));
    }

    #[test]
    fn page_shows_each_order_once_and_why_a_node_doubts() {
        let order = OrderStatus {
            action: "drain".into(),
            scope: "eu".into(),
            since_ms: 90_000,
            ends_in_ms: Some(7_200_000),
            author: "ada".into(),
            reason: "new kernel".into(),
            ..OrderStatus::default()
        };
        let endpoint = EndpointStatus {
            orders: vec![order],
            ..EndpointStatus::default()
        };
        let region = RegionStatus {
            endpoints: vec![endpoint.clone(), endpoint],
            ..RegionStatus::default()
        };
        let mut status = Status {
            doubting: true,
            doubt: "canaries_fail".into(),
            regions: vec![region],
            ..Status::default()
        };
        let text = page(&status, Paint::Plain);
        let told = "order: drain eu  for 90s by ada: new kernel  (ends in 2h)";
        assert_eq!(text.matches(told).count(), 1, "{text}");
        assert!(text.contains("network (most canaries fail)"), "{text}");
        status.regions[0]
            .endpoints
            .iter_mut()
            .for_each(|one| one.orders.clear());
        assert!(!page(&status, Paint::Plain).contains("order:"));
    }

    #[test]
    fn all_down_is_not_called_fail_open() {
        let service = ServiceStatus {
            all_down: true,
            all_down_regions: vec!["na-toronto".into()],
            when_all_down: "servfail".into(),
            ..ServiceStatus::default()
        };
        let text = mark(&service).unwrap();
        assert_eq!(text, "ALL DOWN: clients of na-toronto get servfail");
        assert_eq!(mark(&ServiceStatus::default()), None);
    }
}
