//! The check of a composed table: each region's standings in full, its view by itself, and that each class is given what its view gives.
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, ServiceId};
use crate::table::{RegionViews, Selection, Table};

use super::{Breach, CheckError, check_changed};

impl RegionViews {
    /// Checks the views of a table whose whole was checked, and what it is composed of.
    pub(super) fn check(&self, table: &Table) -> Result<(), CheckError> {
        let views = self;
        for (rows, view) in &views.views {
            let mut full = views.whole.standings.to_vec();
            for (target, standing) in &rows.rows {
                full[target.index()] = *standing;
            }
            if full[..] != view.standings[..] {
                let region = table.plan.regions[rows.region.index()].name.clone();
                return Err(CheckError {
                    service: String::new(),
                    family: Family::V4,
                    place: region.clone(),
                    breach: Breach::Region(region),
                });
            }
            check_changed(view, &views.whole)?;
        }
        for (number, routes) in table.service_routes.iter().enumerate() {
            let place = &table.layout.service_routes[number];
            // What is the whole's for all is not asked, unless somebody has a view of it.
            let mut all = views
                .views
                .iter()
                .map(|(_, view)| &view.service_routes[number]);
            let is_common = all.all(|own| Arc::ptr_eq(own, &views.whole.service_routes[number]));
            if !is_common {
                check_classes(table, views, (place.service, place.family))?;
            } else if !Arc::ptr_eq(routes, &views.whole.service_routes[number]) {
                return Err(unlike(table, (place.service, place.family), ClassId(0)));
            }
        }
        Ok(())
    }
}

/// Asks for every cohort of every class, once for each pair of routes.
fn check_classes(
    table: &Table,
    views: &RegionViews,
    (service, family): (ServiceId, Family),
) -> Result<(), CheckError> {
    let map = table.plan.services[service.index()].map;
    let classes = &table.plan.maps[map.index()].classes;
    let mut known = BTreeSet::new();
    for (index, class) in classes.iter().enumerate() {
        let id = ClassId::from_index(index);
        let first = class.preference.first();
        let mut own = views.views.iter();
        let own = own.position(|(rows, _)| Some(&rows.region) == first);
        let expected = own.map_or(&*views.whole, |place| &views.views[place].1);
        let number = |table: &Table| table.routes(service, family)?.number(id);
        let pair = (own, number(table), number(expected));
        if !known.insert(pair) {
            continue;
        }
        let is_alike = (0..COHORTS).all(|cohort| {
            let given = |from: &Table| {
                let found = from.select(service, family, id, cohort);
                found.map(|found| answer(&found))
            };
            given(table) == given(expected)
        });
        if !is_alike {
            return Err(unlike(table, (service, family), id));
        }
    }
    Ok(())
}

/// The part of a selection that a client sees.
fn answer(found: &Selection<'_>) -> impl PartialEq + use<> {
    (
        found.records.to_vec(),
        found.region,
        found.reason,
        (found.hold, found.until),
    )
}

fn unlike(table: &Table, (service, family): (ServiceId, Family), class: ClassId) -> CheckError {
    let first = table.plan.class(service, class).preference.first();
    let region = first.map(|region| table.plan.regions[region.index()].name.clone());
    CheckError {
        service: table.plan.services[service.index()].name.clone(),
        family,
        place: format!("class {}", class.0),
        breach: Breach::Region(region.unwrap_or_default()),
    }
}
