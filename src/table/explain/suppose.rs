//! What would be if regions, endpoints or providers were down.
use crate::base::{Permille, Standing, Why};

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
        let scope = plan.scope(down)?;
        for (target, standing) in plan.targets.iter().zip(&mut standings) {
            if scope.endpoints.contains(&target.endpoint) {
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
    }
}
