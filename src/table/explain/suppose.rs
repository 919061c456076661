//! What would be if regions, endpoints or providers were down.
use std::collections::BTreeSet;

use crate::base::{Permille, Standing, Why};
use crate::plan::{Endpoint, Plan};

use crate::table::Table;

use super::ExplainError;

/// The table that would stand if everything called one of `downs` were down: a region, an
/// endpoint, or a provider with all its machines.
///
/// # Errors
/// When nothing has one of the names.
pub fn suppose(table: &Table, downs: &[String]) -> Result<Table, ExplainError> {
    let plan = &table.plan;
    let mut standings = table.standings.to_vec();
    for down in downs {
        if !known(plan).contains(down.as_str()) {
            return Err(ExplainError::Unknown {
                name: down.clone(),
                nearest: nearest(down, known(plan)),
                regions: plan.regions.iter().map(|one| one.name.clone()).collect(),
            });
        }
        for (target, standing) in plan.targets.iter().zip(&mut standings) {
            if is_of(plan, &plan.endpoints[target.endpoint.index()], down) {
                *standing = Standing {
                    share: Permille::NONE,
                    why: Why::Supposed,
                    until: None,
                    ..*standing
                };
            }
        }
    }
    Ok(Table::build(
        table.generation,
        plan.clone(),
        standings.into(),
        table.built_at,
        Some(table),
    ))
}

fn is_of(plan: &Plan, endpoint: &Endpoint, name: &str) -> bool {
    let region = &plan.regions[endpoint.region.index()];
    [&endpoint.name, &endpoint.provider, &region.name]
        .iter()
        .any(|own| own.as_str() == name)
}

fn known(plan: &Plan) -> BTreeSet<&str> {
    let regions = plan.regions.iter().map(|region| region.name.as_str());
    let endpoints = plan.endpoints.iter();
    let own = endpoints.flat_map(|endpoint| [endpoint.name.as_str(), endpoint.provider.as_str()]);
    regions.chain(own).collect()
}

/// The name that takes the fewest edits to reach, if those are at most a third of it.
fn nearest(name: &str, known: BTreeSet<&str>) -> Option<String> {
    let scored = known.into_iter().map(|other| (edits(name, other), other));
    let (edits, other) = scored.min()?;
    (edits * 3 <= name.chars().count().max(3)).then(|| other.to_owned())
}

/// How many characters must be put in, left out or replaced (Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], above + 1);
        for (index, own) in other.iter().enumerate() {
            let replaced = corner + usize::from(*own != letter);
            corner = row[index + 1];
            row[index + 1] = replaced.min(corner + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ClassId, Family, Moment, Reason};
    use crate::table::fixture::{SERVICE, World, standings};

    fn table() -> Table {
        let machines = [(0, 1, 100), (0, 2, 100), (1, 1, 100)];
        let plan = World::new(&machines, &[&[0, 1]]).plan();
        let standings = standings(&plan, &[]);
        Table::build(7, plan, standings, Moment(0), None)
    }

    #[test]
    fn regions_endpoints_and_providers_can_be_supposed_down() {
        let table = table();
        for (downs, reason) in [
            (&["e0"][..], Reason::Backup),
            (&["p2"], Reason::Preferred),
            (&["r0"], Reason::Failover),
            (&["e0", "p2"], Reason::Failover),
            (&["p1"], Reason::Backup),
            (&["r0", "r1"], Reason::FailOpen),
        ] {
            let downs: Vec<String> = downs.iter().map(|down| (*down).to_owned()).collect();
            let supposed = suppose(&table, &downs).unwrap();
            let selection = supposed.select(SERVICE, Family::V4, ClassId(0), 0);
            assert_eq!(selection.unwrap().reason, reason, "{downs:?}");
            assert_eq!(crate::table::check(&supposed), Ok(()), "{downs:?}");
        }
        let untouched = table.select(SERVICE, Family::V4, ClassId(0), 0);
        assert_eq!(untouched.unwrap().reason, Reason::Preferred);
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let unknown = |name: &str| {
            suppose(&table(), &[name.to_owned()])
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            unknown("r00"),
            "no region, endpoint or provider is called \"r00\"; did you mean \"r0\"?"
        );
        assert_eq!(
            unknown("frankfurt"),
            "no region, endpoint or provider is called \"frankfurt\"; the regions are: r0, r1"
        );
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
