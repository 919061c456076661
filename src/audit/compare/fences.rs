//! Who could not leave a fence before, and can now.
//!
//! The law is that of `law`, derived for both plans. A jurisdiction of the new plan is the one of
//! the same name before, or else of the same countries, so that renaming one loses nothing. A
//! region that was outside before must not be inside now, whatever its jurisdiction is called:
//! a region that is put under another law lets in what was kept out.
//!
//! A client whose country changes counts as well: it was kept in by what was believed of it.
use std::collections::{BTreeMap, BTreeSet};

use crate::audit::law::{ANYWHERE, Law, NOWHERE, Who};
use crate::base::{JurisdictionId, JurisdictionSet, ServiceId};
use crate::geo::Territory;
use crate::plan::{Jurisdiction, Plan};

use super::cells::Cell;
use super::losses::{LosingClients, Loss, LossKind};

/// The plans and their laws, before and after.
#[derive(Clone, Copy)]
pub(super) struct Laws<'l> {
    pub(super) plans: [&'l Plan; 2],
    pub(super) laws: [&'l Law<'l>; 2],
}

/// The losses of a service's clients.
pub(super) fn losses(
    laws: Laws<'_>,
    services: [ServiceId; 2],
    name: &str,
    cells: &[Cell],
) -> Vec<Loss> {
    let mut by_law: BTreeMap<[Who; 2], Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        by_law.entry(cell.laws).or_default().push(cell);
    }
    // Clients under different laws may lose the same.
    let mut found: Vec<([String; 2], Vec<&Cell>)> = Vec::new();
    for (own, cells) in by_law {
        let Some(change) = laws.widened(services, own) else {
            continue;
        };
        match found.iter_mut().find(|(other, _)| *other == change) {
            Some((_, known)) => known.extend(cells),
            None => found.push((change, cells)),
        }
    }
    let losses = found.into_iter().map(|(change, cells)| Loss {
        clients: LosingClients::of(&cells),
        ..Loss::new(LossKind::Fence, name, change)
    });
    losses.collect()
}

/// The losses of a service by what holds for each country, and for clients of unknown place.
pub(super) fn law_losses(laws: Laws<'_>, services: [ServiceId; 2], name: &str) -> Vec<Loss> {
    let jurisdictions = laws.plans.iter().flat_map(|plan| &plan.jurisdictions);
    let territories: BTreeSet<Territory> =
        jurisdictions.flat_map(Jurisdiction::territories).collect();
    let known = territories.into_iter().map(|territory| {
        let own = laws.laws.map(|law| law.who(Some(territory)));
        (own, Some(territory))
    });
    let others = [Who::Outside, Who::Unknown].map(|who| ([who; 2], None));
    let mut found: Vec<([String; 2], String)> = Vec::new();
    for (own, territory) in known.chain(others) {
        let Some(change) = laws.widened(services, own) else {
            continue;
        };
        // Clients under different laws may lose the same; one of them is named.
        if found.iter().all(|(other, _)| *other != change) {
            let who = territory.map_or_else(|| laws.laws[0].name(own[0]), |one| one.to_string());
            found.push((change, format!("{name} for {who}")));
        }
    }
    let losses = found.into_iter();
    losses
        .map(|(change, of)| Loss::new(LossKind::Fence, of, change))
        .collect()
}

impl Laws<'_> {
    /// The fence before and after, if the one after lets in what the one before kept out.
    fn widened(&self, services: [ServiceId; 2], own: [Who; 2]) -> Option<[String; 2]> {
        let sets = [0, 1].map(|side: usize| {
            let service = &self.plans[side].services[services[side].index()];
            self.laws[side].allowed(service, own[side])
        });
        let added = self.added(sets);
        (!added.is_empty()).then(|| {
            let [before, _] = [0, 1].map(|side: usize| self.laws[side].names(sets[side]));
            let before = match before.is_empty() {
                true => "nowhere".to_owned(),
                false => before.join(", "),
            };
            [before, format!("also {}", added.join(", "))]
        })
    }

    /// What a set of the new plan holds that the one of the current plan does not.
    fn added(&self, [before, after]: [JurisdictionSet; 2]) -> Vec<String> {
        if before == JurisdictionSet::EVERYWHERE {
            return Vec::new();
        }
        if after == JurisdictionSet::EVERYWHERE {
            return vec![ANYWHERE.to_owned()];
        }
        let [old, new] = self.plans;
        let is_new = |id: &JurisdictionId| {
            after.contains(Some(*id))
                && self
                    .counterpart(*id)
                    .is_none_or(|known| !before.contains(Some(known)))
        };
        let jurisdictions = (0..new.jurisdictions.len()).map(JurisdictionId::from_index);
        let jurisdictions: Vec<_> = jurisdictions.filter(is_new).collect();
        let nowhere = after.contains(None) && !before.contains(None);
        let was_outside = |name: &str| {
            let mut regions = old.regions.iter();
            regions.any(|region| region.name == name && !before.contains(region.jurisdiction))
        };
        // What comes in with its jurisdiction is told by that.
        let regions = new.regions.iter().filter(|region| {
            let law = region.jurisdiction;
            let told = law.map_or(nowhere, |law| jurisdictions.contains(&law));
            after.contains(law) && !told && was_outside(&region.name)
        });
        let names = jurisdictions.iter();
        let names = names.map(|id| new.jurisdictions[id.index()].name.clone());
        names
            .chain(nowhere.then(|| NOWHERE.to_owned()))
            .chain(regions.map(|region| format!("region {}", region.name)))
            .collect()
    }

    /// What a jurisdiction of the new plan is in the current one.
    fn counterpart(&self, id: JurisdictionId) -> Option<JurisdictionId> {
        let [old, new] = self.plans.map(|plan| &plan.jurisdictions);
        let own = &new[id.index()];
        let by_name = old.iter().position(|one| one.name == own.name);
        let is_renamed = |name: &str| new.iter().all(|one| one.name != name);
        let by_countries = || {
            let mut others = old.iter();
            others.position(|one| one.territories().eq(own.territories()) && is_renamed(&one.name))
        };
        by_name
            .or_else(by_countries)
            .map(JurisdictionId::from_index)
    }
}
