//! An explanation for a person at a terminal: links one under the other, columns aligned.
use std::fmt;

use crate::base::{Family, Permille, Reason, Span, Utc, Why};
use crate::dns::edns::ExtendedError;
use crate::dns::text::type_name;
use crate::plan::{AllDown, SteeringPolicy, Units};

use super::chain::{Consulted, Role, Stand, Steered, Ttl};
use super::load::Load;
use super::measured::{MeasuredFacts, RegionTime};
use super::place::PlaceFacts;
use super::scope::Scope;
use super::{Chain, ChosenFacts, DeclaredFacts, Explanation, Health, SignedZone};

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let qtype = type_name(self.qtype);
        write!(out, "{} {qtype} for {}", self.name, self.client)?;
        match self.health {
            Health::Present => writeln!(out, ", generation {}", self.generation)?,
            Health::Supposed => writeln!(out)?,
        }
        if let Some(view) = &self.view {
            writeln!(out, "in view {view}")?;
        }
        if !self.supposed.is_empty() {
            writeln!(out, "supposed down: {}", self.supposed.join(", "))?;
        }
        if let Some(reason) = &self.withdrawn {
            writeln!(
                out,
                "clients ask another node: the anycast route is withdrawn, {reason}"
            )?;
        }
        writeln!(out)?;
        match &self.chain {
            Chain::Steered(steered) => write_steered(out, self, steered, &qtype)?,
            Chain::Static { finding, target } => {
                writeln!(out, "static data: {finding}")?;
                writeln!(out, "the same for every client, whatever the health")?;
                if let Some(target) = target {
                    writeln!(out, "it leads to {target}: explain that as well")?;
                }
            }
        }
        if let Some(own) = &self.declared {
            let DeclaredFacts {
                what,
                author,
                reason,
                declared_at,
            } = own;
            let why = if reason.is_empty() { "" } else { ": " };
            let text = format!("{what}, by {author} at {declared_at}{why}{reason}");
            line(out, "declared", &text)?;
        }
        match &self.signed {
            Some(signed) => line(out, "signed", &signed.to_string()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SignedZone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(u16::to_string).collect();
        write!(
            out,
            "{}by key {}, denied by {}; the zone's first signature expires at {}",
            if self.elsewhere { "elsewhere, " } else { "" },
            keys.join(" and "),
            self.denial,
            Utc::from_seconds(self.expires_at)
        )
    }
}

fn preference(steered: &Steered) -> String {
    let regions = list(&steered.preference, " > ");
    let weights = steered.weights.iter();
    let weights: Vec<String> = weights
        .map(|one| format!("{} {}", one.region, one.weight))
        .collect();
    let policy = (steered.policy != SteeringPolicy::Place).then(|| steered.policy.word());
    let policy = policy.map(|word| format!("policy {word}"));
    let drawn = (!weights.is_empty()).then(|| format!("drawn by {}", weights.join(", ")));
    let part = |share, what: &str| (share > 0).then(|| format!("{what} {}", Permille(share)));
    let facts = [
        policy,
        drawn,
        part(steered.region_trickle_permille, "region trickle"),
        part(steered.trickle_permille, "trickle"),
        steered.sticky.then(|| "sticky".to_owned()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    match facts.is_empty() {
        true => regions,
        false => format!("{regions} ({})", facts.join(", ")),
    }
}

/// The measured times, with `=` between regions that count as equal, and of whom.
fn times(measured: &MeasuredFacts) -> String {
    let mut text = String::new();
    let mut before: Option<&RegionTime> = None;
    for own in &measured.regions {
        text += match before {
            None => "",
            Some(one) if one.band.is_none() || own.band.is_none() => ", ",
            Some(one) if one.band == own.band => " = ",
            Some(_) => " > ",
        };
        text += &match own.measured_us {
            None => format!("{} unknown", own.region),
            Some(time) => format!("{} {}.{:03} ms", own.region, time / 1000, time % 1000),
        };
        before = Some(own);
    }
    let written = measured.written_at;
    let written = written.map_or_else(String::new, |at| format!(" of {}", Utc::from_seconds(at)));
    format!(
        "{text} (of {}, by {}{written})",
        measured.clients, measured.file
    )
}

fn write_steered(
    out: &mut fmt::Formatter<'_>,
    explanation: &Explanation,
    steered: &Steered,
    qtype: &str,
) -> fmt::Result {
    line(out, "service", &steered.service)?;
    line(
        out,
        "network",
        &format!("{}, all of one class", steered.network),
    )?;
    line(out, "place", &place(&steered.place))?;
    line(out, "class", &steered.class.0.to_string())?;
    line(out, "preference", &preference(steered))?;
    if let Some(measured) = &steered.measured {
        line(out, "measured", &times(measured))?;
    }
    line(out, "fence", &fence(steered))?;
    line(out, "cohort", &format!("{} of 0 to 999", steered.cohort))?;
    if let Some(set) = &steered.set {
        let (number, of) = (set.number, set.of);
        let endpoints = list(&set.endpoints, ", ");
        line(out, "set", &format!("{number} of {of}: {endpoints}"))?;
    }
    for consulted in &steered.consulted {
        write!(out, "\n{}: {}", consulted.region, role(consulted, steered))?;
        match consulted.load {
            Some(load) => writeln!(out, "; carries {load}")?,
            None => writeln!(out)?,
        }
        write_stands(out, &consulted.endpoints)?;
    }
    writeln!(out)?;
    line(out, "answer", &answer(steered))?;
    for own in &steered.named {
        let known = match own.assumed {
            true => "assumed to have an address of each family: it has not been resolved here",
            false => "by the addresses that it resolves to",
        };
        line(
            out,
            "name",
            &format!("{} is {}, {known}", own.endpoint, own.name),
        )?;
    }
    for own in &steered.discovered {
        let text = format!("{}, by {} of {}", own.endpoint, own.discovery, own.source);
        line(out, "discovered", &text)?;
    }
    if let Some(chosen) = &explanation.chosen {
        return write_chosen(out, explanation, chosen);
    }
    for address in &steered.addresses {
        let ttl = steered.ttl.map_or(0, |ttl| ttl.seconds);
        line(
            out,
            "RRset",
            &format!("{} {ttl} IN {qtype} {address}", explanation.name),
        )?;
    }
    if let Some(ttl) = &steered.ttl {
        line(out, "TTL", &ttl.to_string())?;
    }
    if let Some(error) = ExtendedError::of(steered.reason) {
        line(out, "told", &format!("{} (EDE {})", error.text, error.code))?;
    }
    line(out, "ECS scope", &steered.scope.to_string())
}

/// The RRset that the choice comes to.
fn write_chosen(
    out: &mut fmt::Formatter<'_>,
    explanation: &Explanation,
    chosen: &ChosenFacts,
) -> fmt::Result {
    let rtype = &chosen.rtype;
    match &chosen.belongs_to {
        Some(owner) => line(out, "records", &format!("{rtype} of {owner}"))?,
        None => line(
            out,
            "records",
            &format!("no {rtype} for this choice: NODATA"),
        )?,
    }
    for record in &chosen.records {
        let text = format!("{} {} IN {rtype} {record}", explanation.name, chosen.ttl_s);
        line(out, "RRset", &text)?;
    }
    match &chosen.target {
        Some(target) => writeln!(out, "it is given for every type, and leads to {target}"),
        None => Ok(()),
    }
}

fn line(out: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    writeln!(out, "{head:<12}{text}")
}

fn list(names: &[String], joint: &str) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(joint),
    }
}

fn place(place: &PlaceFacts) -> String {
    let mut facts = Vec::new();
    facts.extend(place.country.map(|country| format!("country {country}")));
    facts.extend(place.subdivision.map(|part| format!("subdivision {part}")));
    facts.extend(place.city.as_ref().map(|city| format!("city {city}")));
    facts.extend(
        place
            .continent
            .map(|continent| format!("continent {}", format!("{continent:?}").to_uppercase())),
    );
    facts.extend(place.location.map(|at| {
        format!(
            "near {} {}",
            degrees(at.latitude, 'N', 'S'),
            degrees(at.longitude, 'E', 'W')
        )
    }));
    facts.extend(place.asn.map(|number| format!("AS{number}")));
    facts.extend(
        place
            .claimed_by
            .as_ref()
            .map(|region| format!("network claimed by {region}")),
    );
    match facts.is_empty() {
        true => "not known".to_owned(),
        false => facts.join(", "),
    }
}

/// Thousandths of a degree as `50.110 N`.
fn degrees(thousandths: i32, positive: char, negative: char) -> String {
    let side = if thousandths < 0 { negative } else { positive };
    let size = thousandths.unsigned_abs();
    format!("{}.{:03} {side}", size / 1000, size % 1000)
}

fn fence(steered: &Steered) -> String {
    let residency = format!("{:?}", steered.residency).to_lowercase();
    match &steered.fence {
        None => format!("everywhere (residency {residency})"),
        Some(names) => format!("{} (residency {residency})", list(names, ", ")),
    }
}

fn role(consulted: &Consulted, steered: &Steered) -> String {
    let takes = consulted.takes_permille;
    match (consulted.role, steered.reason) {
        (Role::Serves, Reason::Overflow) => "holds the largest share there is".to_owned(),
        (Role::Serves, Reason::FailOpen) => "nothing is healthy; nearest, so it serves".to_owned(),
        (Role::Serves, Reason::Full) => "has room for this cohort".to_owned(),
        (Role::Serves, Reason::Overloaded) => format!(
            "is full as well, and serves it by overload = \"{}\"",
            steered.overload.word()
        ),
        (Role::Apart, _) => {
            "would take this cohort; its other family would not, and both come from one region"
                .to_owned()
        }
        (Role::Full, _) => "would take this cohort and is full".to_owned(),
        (Role::Serves, _) if consulted.trickles => {
            format!("takes {takes} of 1000 cohorts, this one too, past its first tier (trickle)")
        }
        (Role::Serves, _) => format!("takes {takes} of 1000 cohorts, this one too"),
        (Role::Passes, _) => format!("takes {takes} of 1000 cohorts, not this one"),
        (Role::Out, _) => "takes nobody".to_owned(),
        (Role::Short, _) => {
            "takes nobody: fewer endpoints are fully up than `min_up` asks for".to_owned()
        }
        (Role::Absent, _) => "has no endpoint of this family".to_owned(),
    }
}

const HEADS: [&str; 9] = [
    "endpoint", "provider", "tier", "weight", LOAD, "share", "lasts", "steps in", "state",
];
/// The column that is left out where no capacity is planned.
const LOAD: &str = "load";

/// A table of endpoints, each column as wide as its widest cell.
fn write_stands(out: &mut fmt::Formatter<'_>, stands: &[Stand]) -> fmt::Result {
    let planned = stands.iter().any(|stand| stand.load.is_some());
    let shown = |column: &usize| planned || HEADS[*column] != LOAD;
    let columns: Vec<usize> = (0..HEADS.len()).filter(shown).collect();
    let heads = HEADS.map(str::to_owned);
    let rows = std::iter::once(heads).chain(stands.iter().map(cells));
    let rows = rows.map(|row| columns.iter().map(|&column| row[column].clone()).collect());
    let rows: Vec<Vec<String>> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for row in &rows {
        let padded = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"));
        let text = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "  {}", text.trim_end())?;
    }
    Ok(())
}

fn cells(stand: &Stand) -> [String; HEADS.len()] {
    [
        stand.endpoint.clone(),
        stand.provider.clone(),
        stand.tier.to_string(),
        stand.weight.to_string(),
        stand.load.map_or_else(String::new, |load| load.to_string()),
        stand.share.to_string(),
        stand
            .hold
            .map_or_else(|| "-".to_owned(), |hold| hold.to_string()),
        stand
            .until_ms
            .map_or("-".to_owned(), |left| rounded(left).to_string()),
        match &stand.vantages {
            Some(vantages) => format!("{}; {vantages}", state(stand.why)),
            None => state(stand.why),
        },
    ]
}

/// Whole seconds where there are any: nobody reads the milliseconds of a minute.
fn rounded(millis: u64) -> Span {
    match millis {
        0..1000 => Span(millis),
        _ => Span::from_secs(millis / 1000),
    }
}

fn state(why: Why) -> String {
    let word = why.word();
    match (why, why.cause()) {
        (Why::Supposed, _) => "supposed down".to_owned(),
        (Why::Ramping { step, of }, _) => format!("{word}, step {step} of {of}"),
        (_, Some(cause)) => format!("{word}: {cause}"),
        (_, None) => word.to_owned(),
    }
}

fn answer(steered: &Steered) -> String {
    let family = match steered.family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    match (&steered.region, steered.tier) {
        (Some(region), Some(tier)) => {
            let endpoints = list(&steered.endpoints, ", ");
            format!(
                "{endpoints} in {region}, tier {tier}: {}",
                steered.reason.word()
            )
        }
        _ if steered.reason == Reason::AllDown => {
            format!("{}: all_down", given_when_all_down(steered.all_down))
        }
        _ => format!("no {family} endpoint inside the fence: nodata"),
    }
}

fn given_when_all_down(all_down: AllDown) -> &'static str {
    match all_down {
        AllDown::Servfail => "SERVFAIL, for nothing is healthy and the service asks for that",
        AllDown::Nodata => "an empty answer, for nothing is healthy and the service asks for that",
        AllDown::FailOpen => "endpoints that are down, for nothing is healthy",
    }
}

/// `80 of 100`.
impl fmt::Display for Load {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", Units(self.carries_thousandths))?;
        match self.capacity {
            Some(capacity) => write!(out, " of {capacity}"),
            None => Ok(()),
        }
    }
}

/// The arithmetic as a sentence.
impl fmt::Display for Ttl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = self.bounds;
        write!(out, "{} s: ", self.seconds)?;
        match (self.until_ms, self.hold) {
            (Some(left), hold) if hold.is_none_or(|hold| Span(left) < hold) => {
                write!(out, "a share steps in {} at the earliest", rounded(left))?;
            }
            (_, Some(hold)) => write!(out, "probes could change it in {hold} at the earliest")?,
            (_, None) => write!(
                out,
                "nothing watches what is answered, so it does not change"
            )?,
        }
        write!(out, "; within {} to {}", bounds.min, bounds.max)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match (self.counts, self.by_cohort) {
            (false, _) => {
                "a client subnet does not count for this service, but the resolver's own address"
            }
            (true, true) => "cohorts of the class get different answers now",
            (true, false) => "the whole class gets this answer now",
        };
        write!(out, "/{}: {why}", self.prefix)
    }
}
