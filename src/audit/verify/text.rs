//! The proof for a person: the verdict first, then what disproves it, then who may be sent where.
//!
//! Classes of the same law that can be given the same regions are one line, in whatever order
//! they prefer them; where they differ in the last resort or in where they fail open, all that
//! there are stand side by side.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::audit::law::ANYWHERE;
use crate::audit::text::{Align, count, grouped, some, write_table};
use crate::base::Family;
use crate::geo::Country;
use crate::plan::{AllDown, Residency};

use super::{ClientsProof, Proof, Reach, ServiceProof, TransferProof, Verdict};

/// Most counterexamples that are printed.
const SHOWN: usize = 10;
/// Most countries that are named.
const COUNTRIES: usize = 4;
/// Most last resorts that are named.
const RESORTS: usize = 3;

/// What lines differ in.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    law: String,
    fence: Vec<String>,
    types: &'static str,
    regions: BTreeSet<String>,
}

/// What is added up over the classes of a line.
#[derive(Default)]
struct Line {
    countries: BTreeSet<Country>,
    networks: u64,
    size: u64,
    last_resorts: BTreeSet<String>,
    fail_open: BTreeSet<String>,
    broken: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.result {
            Verdict::Proved => writeln!(
                out,
                "proved: no health leads a client out of its fence, and every client has an answer"
            )?,
            Verdict::Broken => self.write_breaches(out)?,
        }
        let cases = &self.cases;
        writeln!(
            out,
            "  {} of clients over {}, under every share of {}: more than 10^{} combinations,\n  by way of {} and {} from {}",
            count(cases.classes, "class"),
            count(cases.networks, "network"),
            count(cases.targets, "target"),
            cases.combinations_power_of_ten,
            count(cases.routes + cases.pools, "decision"),
            count(cases.answers, "answer"),
            count(cases.tables, "table"),
        )?;
        if cases.shared > 0 {
            writeln!(
                out,
                "  and {} of clients behind several fences, each asked for as a whole",
                count(cases.shared, "network")
            )?;
        }
        for service in &self.services {
            writeln!(out)?;
            service.write(out)?;
        }
        if !self.transfers.is_empty() {
            writeln!(out, "\nstrict services in zones with `transfer`")?;
        }
        for transfer in &self.transfers {
            writeln!(out, "{transfer}")?;
        }
        self.write_statements(out)?;
        Ok(())
    }
}

impl fmt::Display for TransferProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, service, .. } = self;
        let mark = match self.result {
            Verdict::Broken => "! ",
            Verdict::Proved => "",
        };
        write!(out, "{mark}{service} in {zone}: ")?;
        let Some((client, law)) = self.rendered_for.zip(self.clients_of.as_ref()) else {
            return write!(
                out,
                "secondaries get nothing of it, because the config does not say whom they answer (`render_strict`)"
            );
        };
        let regions = self.reach.iter().flat_map(|reach| &reach.regions);
        let regions: BTreeSet<String> = regions.map(|one| one.region.clone()).collect();
        let regions = some(regions, 12);
        write!(
            out,
            "secondaries, which answer clients under {law} alone, get the answers of {client}: {regions}"
        )
    }
}

impl Proof {
    fn write_statements(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rests_on.is_empty() {
            writeln!(
                out,
                "\nit rests on what the config states, and nobody can see of a name"
            )?;
        }
        for own in &self.rests_on {
            let (name, endpoint, service) = (&own.name, &own.endpoint, &own.service);
            let law = own.jurisdiction.as_deref().unwrap_or(ANYWHERE);
            writeln!(
                out,
                "{service}: all that `{name}` ({endpoint}) can lead to is in {law}"
            )?;
        }
        Ok(())
    }

    fn write_breaches(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "not proved: {}",
            count(self.breaches, "counterexample")
        )?;
        for breach in self.counterexamples.iter().take(SHOWN) {
            writeln!(out, "\n{}", breach.to_string().trim_end())?;
        }
        if self.breaches > SHOWN as u64 {
            let more = self.breaches - SHOWN as u64;
            writeln!(
                out,
                "\nand {} more (--json shows more of them)",
                grouped(more)
            )?;
        }
        writeln!(out)
    }
}

impl ServiceProof {
    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let residency = match self.residency {
            Residency::Any => "any",
            Residency::Prefer => "prefer",
            Residency::Strict => "strict",
        };
        let names = some(self.hostnames.iter().cloned(), RESORTS);
        writeln!(out, "{} ({residency}): {names}", self.service)?;
        let head = [
            "clients",
            "/24s",
            "type",
            "may be sent to",
            "fence",
            "last resort",
            "all down after",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.lines().iter().map(|(key, line)| self.row(key, line)));
        use Align::{Left, Right};
        write_table(out, &[Left, Right, Left, Left, Left, Left, Left], &rows)
    }

    fn lines(&self) -> BTreeMap<Key, Line> {
        let mut lines: BTreeMap<Key, Line> = BTreeMap::new();
        for clients in &self.clients {
            for (types, reach) in by_types(clients) {
                let regions = reach.map(|reach| reach.regions.iter().map(|one| one.region.clone()));
                let line = lines.entry(Key {
                    law: clients.who.law.clone(),
                    fence: clients.fence.clone(),
                    types,
                    regions: regions.into_iter().flatten().collect(),
                });
                let line = line.or_default();
                line.countries.extend(&clients.who.countries);
                line.networks += clients.networks;
                line.size += clients.size;
                line.broken |= clients.result == Verdict::Broken;
                let last = reach.map_or(&[][..], |reach| &reach.last_resort);
                line.last_resorts.insert(last.join("+"));
                let open = reach.and_then(|reach| reach.fail_open.clone());
                line.fail_open.extend(open);
            }
        }
        lines
    }

    fn row(&self, key: &Key, line: &Line) -> Vec<String> {
        let who = match (&*key.law, line.countries.len()) {
            ("unknown", _) => "of unknown place".to_owned(),
            (law, 0..=COUNTRIES) => {
                let countries = line.countries.iter().map(ToString::to_string);
                format!("{law}: {}", some(countries, COUNTRIES))
            }
            (law, many) => format!("{law}: {}", count(many as u64, "country")),
        };
        let mark = if line.broken { "! " } else { "" };
        let fence = match &*key.fence {
            [] => "nowhere".to_owned(),
            [one] if one == ANYWHERE => "none".to_owned(),
            names => names.join(" "),
        };
        let failures = count(key.regions.len() as u64, "region");
        let then = match self.all_down {
            AllDown::FailOpen => {
                format!("then {}", some(line.fail_open.iter().cloned(), RESORTS))
            }
            AllDown::Servfail => "then SERVFAIL".to_owned(),
            AllDown::Nodata => "then nothing".to_owned(),
        };
        vec![
            format!("{mark}{who}"),
            grouped(line.size),
            key.types.to_owned(),
            some(key.regions.iter().cloned(), 12),
            fence,
            some(line.last_resorts.iter().cloned(), RESORTS),
            format!("{failures}, {then}"),
        ]
    }
}

/// What clients can be given, once for both types of query if that is alike.
fn by_types(clients: &ClientsProof) -> Vec<(&'static str, Option<&Reach>)> {
    let alike = |one: &Reach, other: &Reach| {
        (&one.regions, &one.last_resort) == (&other.regions, &other.last_resort)
    };
    match &*clients.reach {
        [] => vec![("none", None)],
        [one, other] if alike(one, other) => vec![("A AAAA", Some(one))],
        several => several
            .iter()
            .map(|one| (word(one.family), Some(one)))
            .collect(),
    }
}

fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "A",
        Family::V6 => "AAAA",
    }
}
