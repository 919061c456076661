//! The comparison for a person: the verdict first, then who moves, then what failures change in
//! that, then what is lost.
//!
//! Of failures only those are shown that move more clients than a healthy day does, or that leave
//! more without anything healthy; how many others were compared stands below.
use std::fmt;

use crate::audit::text::{Align, count, grouped, some, write_table};
use crate::base::Family;
use crate::geo::Country;

use super::{
    Amount, Change, Comparison, FailureChange, LosingClients, Loss, Move, Part, Place,
    ServiceChange, ServiceUnderFailure, Verdict,
};

/// Most countries that are named.
const COUNTRIES: usize = 4;
/// Most moves of one service, failures, and losses that are printed.
const SHOWN: usize = 20;

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_verdict(out)?;
        for service in &self.services {
            service.write_change(out)?;
        }
        self.write_moves(out)?;
        self.write_failures(out)?;
        write_losses(out, &self.losses)
    }
}

/// Findings of a comparison without a verdict: for what was done already, or is refused for other reasons.
pub struct Changes<'c>(pub &'c Comparison);

impl fmt::Display for Changes<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(comparison) = self;
        writeln!(out, "{}", comparison.in_short())?;
        for service in &comparison.services {
            service.write_change(out)?;
        }
        comparison.write_moves(out)?;
        write_losses(out, &comparison.losses)
    }
}

impl Comparison {
    /// The numbers of those who move and of losses.
    fn in_short(&self) -> String {
        let moved = match (self.moved.networks, self.moved_millionths) {
            (0, _) => "nobody moves".to_owned(),
            (_, Part(0)) => {
                let networks = count(self.moved.networks, "network");
                format!("{networks} of no known IPv4 place move")
            }
            (_, part) => format!("{part} of all clients move"),
        };
        let lost = match self.losses.len() {
            0 => "nothing is lost".to_owned(),
            some => format!("{} found", count(some as u64, "loss")),
        };
        format!("{moved}, {lost}")
    }

    fn write_verdict(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.in_short();
        match self.result {
            Verdict::Allowed => writeln!(out, "allowed: {found}"),
            Verdict::Refused => {
                writeln!(out, "refused: {found}")?;
                for broken in &self.broken {
                    writeln!(out, "  {}", broken.finding)?;
                }
                Ok(())
            }
        }
    }

    fn write_moves(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_demand = self.services.iter().any(|one| one.clients.demand.is_some());
        let mut table = Table::new(has_demand);
        let moving = self.services.iter().filter(|one| !one.moves.is_empty());
        for service in moving {
            for one in service.moves.iter().take(SHOWN) {
                table.push(&service.service, one);
            }
            if let Some(more) = service
                .moves
                .len()
                .checked_sub(SHOWN)
                .filter(|more| *more > 0)
            {
                let text = format!("… and {} more", grouped(more as u64));
                table.rows.push(vec![service.service.clone(), text]);
            }
        }
        if table.rows.len() == 1 {
            return Ok(());
        }
        writeln!(out, "\nmoves while everything is healthy")?;
        table.write(out)
    }

    fn write_failures(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Failures tell of the services that stay, in the same order.
        let kept = || {
            self.services
                .iter()
                .filter(|one| one.change == Change::Kept)
        };
        let mut worse: Vec<(&FailureChange, &ServiceUnderFailure)> = Vec::new();
        for failure in &self.failures {
            let own = failure.services.iter().zip(kept()).filter(|(one, now)| {
                one.moved_millionths > now.moved_millionths || more_stranded(one) > 0
            });
            worse.extend(own.map(|(one, _)| (failure, one)));
        }
        let compared = count(self.failures.len() as u64, "single failure");
        if worse.is_empty() {
            return match self.moved.networks {
                0 => writeln!(out, "\nthe same holds under each of {compared}"),
                _ => writeln!(out, "\nno more move under any of {compared}"),
            };
        }
        worse.sort_by_key(|(_, one)| std::cmp::Reverse((more_stranded(one), one.moved_millionths)));
        writeln!(out, "\nmore is changed under these failures, of {compared}")?;
        let head = [
            "while down",
            "service",
            "moves",
            "nothing healthy",
            "most of it",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(
            worse
                .iter()
                .take(SHOWN)
                .map(|(failure, one)| under(failure, one)),
        );
        use Align::{Left, Right};
        write_table(out, &[Left, Left, Right, Left, Left], &rows)?;
        more(out, worse.len())
    }
}

/// The table of losses; nothing if there are none.
pub(in crate::audit) fn write_losses(out: &mut fmt::Formatter<'_>, losses: &[Loss]) -> fmt::Result {
    if losses.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nlosses")?;
    let head = ["lost", "of", "clients", "while down", "before", "after"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(losses.iter().take(SHOWN).map(loss));
    write_table(out, &[Align::Left; 6], &rows)?;
    more(out, losses.len())
}

/// How many rows were left out.
fn more(out: &mut fmt::Formatter<'_>, all: usize) -> fmt::Result {
    match all.checked_sub(SHOWN) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(
            out,
            "  and {} more (--json shows all)",
            grouped(more as u64)
        ),
    }
}

impl ServiceChange {
    /// A line for a service that was not there, is gone, or has another name.
    fn write_change(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hostnames = some(self.hostnames.iter().cloned(), COUNTRIES);
        match (self.change, &self.was) {
            (Change::New, _) => writeln!(out, "  new: {} ({hostnames})", self.service),
            (Change::Gone, _) => writeln!(out, "  gone: {} ({hostnames})", self.service),
            (Change::Kept, Some(was)) => {
                writeln!(out, "  {hostnames}: was {was}, is {}", self.service)
            }
            (Change::Kept, None) => Ok(()),
        }?;
        let mut records = self.records.iter();
        records.try_for_each(|one| writeln!(out, "  {} {one}", self.service))
    }
}

/// The table of moves.
struct Table {
    has_demand: bool,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(has_demand: bool) -> Self {
        let mut head = vec!["service", "from", "to", "part", "/24s", "networks"];
        head.extend(has_demand.then_some("demand"));
        head.push("countries");
        let rows = vec![head.into_iter().map(str::to_owned).collect()];
        Self { has_demand, rows }
    }

    fn push(&mut self, service: &str, one: &Move) {
        let Amount {
            networks,
            size,
            demand,
        } = one.clients;
        let [from, to] = ends(one);
        let part = one.millionths.to_string();
        let mut row = vec![
            service.to_owned(),
            from,
            to,
            part,
            grouped(size),
            grouped(networks),
        ];
        if self.has_demand {
            row.push(demand.map_or("-".to_owned(), grouped));
        }
        row.push(countries(&one.countries));
        self.rows.push(row);
    }

    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Align::{Left, Right};
        let mut columns = vec![Left, Left, Left, Right, Right, Right];
        columns.extend(self.has_demand.then_some(Right));
        columns.push(Left);
        write_table(out, &columns, &self.rows)
    }
}

/// From where to where; by addresses where the names are the same.
fn ends(one: &Move) -> [String; 2] {
    let ends = [&one.from, &one.to];
    if one.from.name != one.to.name {
        return ends.map(|place| place.name.clone());
    }
    let other = [&one.to, &one.from];
    let with_new = |place: &Place, other: &Place| {
        let own = place.addresses.iter();
        let own = own.filter(|address| !other.addresses.contains(address));
        let own: Vec<String> = own.map(ToString::to_string).collect();
        match own.is_empty() {
            true => place.name.clone(),
            false => format!("{} ({})", place.name, some(own, 2)),
        }
    };
    [with_new(ends[0], other[0]), with_new(ends[1], other[1])]
}

fn under(failure: &FailureChange, one: &ServiceUnderFailure) -> Vec<String> {
    let failing = &failure.failing;
    let note = match failure.change {
        Change::Kept => "",
        Change::New => " (new)",
        Change::Gone => " (gone)",
    };
    let stranded = one.stranded.iter().map(|one| {
        let [before, after] = [one.before_millionths, one.after_millionths];
        match before == after {
            true => format!("{} {after}", word(one.family)),
            false => format!("{} {before} -> {after}", word(one.family)),
        }
    });
    let stranded: Vec<String> = stranded.collect();
    let most = one.moves.first().map_or(String::new(), |most| {
        let [from, to] = ends(most);
        format!("{from} -> {to} ({})", most.millionths)
    });
    vec![
        format!("{} {}{note}", failing.kind.word(), failing.name),
        one.service.clone(),
        one.moved_millionths.to_string(),
        stranded.join(", "),
        most,
    ]
}

/// The largest part that only the new plan leaves without anything healthy.
fn more_stranded(one: &ServiceUnderFailure) -> u64 {
    let parts = one.stranded.iter().map(|one| one.more());
    parts.max().unwrap_or(0)
}

fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "A",
        Family::V6 => "AAAA",
    }
}

fn loss(loss: &Loss) -> Vec<String> {
    let of = match loss.family {
        None => loss.of.clone(),
        Some(family) => format!("{} {}", loss.of, word(family)),
    };
    let failing = loss.failing.as_ref();
    let failing = failing.map_or(String::new(), |one| {
        format!("{} {}", one.kind.word(), one.name)
    });
    vec![
        loss.kind.word().to_owned(),
        of,
        loss.clients.as_ref().map_or("all".to_owned(), clients),
        failing,
        loss.before.clone(),
        loss.after.clone(),
    ]
}

fn clients(own: &LosingClients) -> String {
    let placed = countries(&own.countries);
    let who = match (own.unplaced, own.countries.is_empty()) {
        (0, _) | (_, true) => placed,
        (_, false) => format!("{placed} and unknown"),
    };
    format!("{who} (such as {})", own.example)
}

fn countries(list: &[Country]) -> String {
    match list.len() {
        0 => "of unknown place".to_owned(),
        1..=COUNTRIES => some(list.iter().map(ToString::to_string), COUNTRIES),
        many => count(many as u64, "country"),
    }
}
