//! `waypost status`: what a running server knows, as a page for a terminal or as JSON.
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;

use super::arguments;
use super::remote::Remote;
use super::say;
use crate::base::limits::CERTIFICATE_SOON;
use crate::daemon::Failure;
use crate::engine::Status;
use crate::engine::status::{
    CertificateStatus, DrainStatus, EndpointStatus, LimitedStatus, RefusedConfig, ServiceStatus,
    SigningStatus, TargetStatus,
};
use crate::io::clock::Clock;
use crate::plan::Units;

/// Asks the server and prints its state.
pub(super) fn status(arguments: &arguments::Status) -> Result<ExitCode, Failure> {
    let body = Remote::find(&arguments.control)?.get("/api/v1/status", &[])?;
    if arguments.json {
        say(body.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let status: Status = serde_json::from_str(&body)
        .map_err(|error| format!("the server's answer is not a status: {error}"))?;
    let paint = if std::io::stdout().is_terminal() {
        Paint::Ansi
    } else {
        Paint::Plain
    };
    say(page(&status, paint).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Whether the page has colours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paint {
    Ansi,
    Plain,
}

impl Paint {
    /// `text` in the colour of a state.
    fn state(self, state: &str, text: &str) -> String {
        let code = match state {
            "healthy" => "32",
            "unproven" | "unmonitored" | "supposed" => "36",
            "ramping" | "gated" | "held" | "unapproved" => "33",
            "drained" => "34",
            "doubted" | "capped" | "unwatched" => "35",
            _ => "1;31",
        };
        self.code(code, text)
    }

    fn code(self, code: &str, text: &str) -> String {
        match self {
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// The whole page.
fn page(status: &Status, paint: Paint) -> String {
    let mut out = String::new();
    head(&mut out, status, paint);
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
            "waypost {}  generation {}  table {}  up {}  plan {}",
            status.version,
            status.generation,
            ago(status.table_age_ms),
            ago(status.uptime_ms),
            status.plan,
        ),
    );
    if let Some(refused) = &status.refused {
        refusal_lines(out, refused, paint);
    }
    for zone in &status.zones {
        if zone.serial.is_none() {
            let text = format!(
                "zone {} is not answered: it has not come from its primaries, or came too long ago",
                zone.name
            );
            line(out, &paint.code("1;31", &text));
        }
        if let Some(signing) = &zone.signing {
            signing_lines(out, &zone.name, signing);
        }
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
    for limited in &status.limited {
        let LimitedStatus {
            network,
            class,
            age_ms,
        } = limited;
        let age = ago(*age_ms);
        let text = format!("{network} has had enough replies of class {class}, for {age}.");
        line(out, &paint.code("35", &text));
    }
}

/// How a zone is signed, by which keys, and what happens next to them.
fn signing_lines(out: &mut String, zone: &str, signing: &SigningStatus) {
    if signing.elsewhere {
        let (denial, rrsets, expires) = (&signing.denial, signing.rrsets, signing.expires_at);
        let text = format!(
            "zone {zone} was signed elsewhere ({denial}, {rrsets} RRsets)  the first signature expires at {expires} (seconds since 1970)"
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

/// What a drain says of itself, under its endpoint.
fn drain_line(out: &mut String, drain: &DrainStatus) {
    let author = match drain.author.as_str() {
        "" => String::new(),
        author => format!(" by {author}"),
    };
    let reason = match drain.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let age = ago(drain.since_ms);
    line(out, &format!("    drain ordered {age} ago{author}{reason}"));
}

/// When the server's own certificate expires; loud when that is soon.
fn certificate_line(out: &mut String, certificate: &CertificateStatus, now: u64, paint: Paint) {
    let names = certificate.names.join(", ");
    let left = certificate.expires.saturating_sub(now);
    let text = match left {
        0 => format!("CERTIFICATE EXPIRED: {names}"),
        left => format!(
            "certificate of {names}: expires in {}",
            ago(left.saturating_mul(1000))
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

fn endpoint_lines(out: &mut String, endpoint: &EndpointStatus, paint: Paint) {
    for target in &endpoint.targets {
        let carried = load(endpoint.load_thousandths, endpoint.capacity.map(u64::from));
        let carried = carried.trim_start().to_owned();
        let remarks = [remarks(target), carried, told_apart(endpoint, target)];
        let remarks = remarks.iter().filter(|text| !text.is_empty());
        let remarks: Vec<&str> = remarks.map(String::as_str).collect();
        let state = paint.state(&target.state, &format!("{:<11}", target.state));
        line(
            out,
            &format!(
                "  {:<18} {:<14} tier {} weight {:<5} {} {state} {} {:>5}  for {:<6} {}",
                endpoint.name,
                endpoint.provider,
                endpoint.tier,
                endpoint.weight,
                target.family,
                bar(target.share_permille),
                percent(target.share_permille),
                ago(target.since_ms),
                remarks.join("  "),
            ),
        );
    }
    if let Some(drain) = &endpoint.drain {
        drain_line(out, drain);
    }
}

/// What a place carries of what it can, where that is planned.
fn load(load_thousandths: Option<u64>, capacity: Option<u64>) -> String {
    match (load_thousandths, capacity) {
        (Some(load), Some(capacity)) => format!("  carries {} of {capacity}", Units(load)),
        (Some(load), None) => format!("  carries {}", Units(load)),
        (None, _) => String::new(),
    }
}

/// Which target it is, where the endpoint has several of a family.
fn told_apart(endpoint: &EndpointStatus, target: &TargetStatus) -> String {
    let mut family = endpoint.targets.iter();
    let several = family.any(|other| other.family == target.family && other != target);
    if !several {
        return String::new();
    }
    let watch = match target.watch.as_str() {
        "" => "no monitor",
        watch => watch,
    };
    format!("[{watch}: {}]", target.services.join(" "))
}

/// What is worth saying about a target beyond its state.
fn remarks(target: &TargetStatus) -> String {
    let mut words = Vec::new();
    if !target.detail.is_empty() {
        words.push(target.detail.clone());
    }
    if let Some(next) = target.next_step_ms {
        words.push(format!("next step in {}", ago(next)));
    }
    let oldest = target.slots.iter().filter_map(|slot| slot.age_ms).max();
    if let Some(age) = oldest.filter(|age| *age > 60_000) {
        words.push(format!("last probe {} ago", ago(age)));
    }
    words.join(", ")
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

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", text.trim_end());
}

/// A share as a bar of ten.
pub(super) fn bar(permille: u16) -> String {
    let full = usize::from(permille.min(1000)).div_ceil(100);
    format!("{}{}", "█".repeat(full), "░".repeat(10 - full))
}

/// A share as percent.
pub(super) fn percent(permille: u16) -> String {
    format!("{}%", f64::from(permille) / 10.0)
}

/// A time as its largest unit that says something.
fn ago(millis: u64) -> String {
    match millis / 1000 {
        0 => format!("{millis}ms"),
        seconds @ 1..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::{PoolStatus, RegionStatus};

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
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert!(!text.contains('\x1b'));
        assert!(page(&status, Paint::Ansi).contains("\x1b[33m"));
    }

    #[test]
    fn page_shows_a_drain_with_its_author_and_why_a_node_doubts() {
        let mut endpoint = EndpointStatus {
            drain: Some(DrainStatus {
                since_ms: 90_000,
                author: "ada".into(),
                reason: "new kernel".into(),
            }),
            ..EndpointStatus::default()
        };
        let page_with = |endpoint: &EndpointStatus| {
            let region = RegionStatus {
                endpoints: vec![endpoint.clone()],
                ..RegionStatus::default()
            };
            let status = Status {
                doubting: true,
                doubt: "canaries_fail".into(),
                regions: vec![region],
                ..Status::default()
            };
            page(&status, Paint::Plain)
        };
        let text = page_with(&endpoint);
        assert!(
            text.contains("    drain ordered 90s ago by ada: new kernel"),
            "{text}"
        );
        assert!(text.contains("network (most canaries fail)"), "{text}");
        endpoint.drain = None;
        assert!(!page_with(&endpoint).contains("drain ordered"));
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
        let words: Vec<String> = words.map(|one| told_apart(&endpoint, one)).collect();
        assert_eq!(words, ["[web: api]", "[no monitor: node]"]);
        endpoint.targets.pop();
        assert_eq!(told_apart(&endpoint, &endpoint.targets[0]), "");
    }
}
