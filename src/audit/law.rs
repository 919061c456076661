//! Where the answers to a client may lie, from the words of the config alone.
//!
//! The compiler of a config derives a fence for each class; here the same is derived a second
//! time and in another way, country by country, so that a proof does not rest on what it is
//! to prove. Nothing but the jurisdictions, the regions and the service's own words is read: no
//! class, no fence, no preference.
//!
//! | client | a strict service answers from |
//! |---|---|
//! | in a country of a jurisdiction, or a part of one that is another's | that jurisdiction, and those that it may use |
//! | in another country | where the service's `outside` says |
//! | of unknown place | where the service's `unknown` says |
//!
//! Every other service answers from anywhere.
use std::collections::BTreeMap;

use crate::base::{JurisdictionId, JurisdictionSet};
use crate::geo::Territory;
use crate::plan::{Plan, Residency, Service};

/// Whose law a client is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// A jurisdiction's.
    Under(JurisdictionId),
    /// None's: its country is in no jurisdiction.
    Outside,
    /// Nobody knows where it is.
    Unknown,
    /// A network of clients who are not under one law; what is lawful for them is not known here.
    Several,
}

/// The law of every country of a plan.
pub(super) struct Law<'p> {
    plan: &'p Plan,
    of_territory: BTreeMap<Territory, JurisdictionId>,
    /// Countries, and parts of them, that two jurisdictions name.
    pub(super) disputed: Vec<Territory>,
}

impl<'p> Law<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let (mut of_territory, mut disputed) = (BTreeMap::new(), Vec::new());
        for (id, jurisdiction) in (0..).map(JurisdictionId).zip(&plan.jurisdictions) {
            for territory in jurisdiction.territories() {
                if *of_territory.entry(territory).or_insert(id) != id {
                    disputed.push(territory);
                }
            }
        }
        Self {
            plan,
            of_territory,
            disputed,
        }
    }

    /// Whose law holds for a client in a country, or in a part of one.
    pub(super) fn who(&self, territory: Option<Territory>) -> Who {
        let Some(own) = territory else {
            return Who::Unknown;
        };
        let whole = Territory::from(own.country);
        let id = self
            .of_territory
            .get(&own)
            .or(self.of_territory.get(&whole));
        id.map_or(Who::Outside, |id| Who::Under(*id))
    }

    /// Where a service's answers to a client may lie.
    pub(super) fn allowed(&self, service: &Service, who: Who) -> JurisdictionSet {
        match (service.residency, who) {
            (Residency::Any | Residency::Prefer, _) => JurisdictionSet::EVERYWHERE,
            (Residency::Strict, Who::Outside) => service.outside,
            (Residency::Strict, Who::Unknown) => service.unknown,
            (Residency::Strict, Who::Several) => JurisdictionSet::EMPTY,
            (Residency::Strict, Who::Under(own)) => {
                let agreed = &self.plan.jurisdictions[own.index()].may_use;
                let own = JurisdictionSet::EMPTY.with(Some(own));
                agreed.iter().fold(own, |set, other| set.with(Some(*other)))
            }
        }
    }

    /// What a client's law is called.
    pub(super) fn name(&self, who: Who) -> String {
        match who {
            Who::Under(id) => self.plan.jurisdictions[id.index()].name.clone(),
            Who::Outside => "outside".to_owned(),
            Who::Unknown => "unknown".to_owned(),
            Who::Several => "several".to_owned(),
        }
    }

    /// What a set of jurisdictions is called, one name for each; regions without a
    /// jurisdiction are [`NOWHERE`], and everything is [`ANYWHERE`].
    pub(super) fn names(&self, set: JurisdictionSet) -> Vec<String> {
        if set == JurisdictionSet::EVERYWHERE {
            return vec![ANYWHERE.to_owned()];
        }
        let numbered = (0..).map(JurisdictionId).zip(&self.plan.jurisdictions);
        let own = numbered.filter(|(id, _)| set.contains(Some(*id)));
        let nowhere = set.contains(None).then(|| NOWHERE.to_owned());
        own.map(|(_, one)| one.name.clone())
            .chain(nowhere)
            .collect()
    }
}

/// Name of the set of everything.
pub(super) const ANYWHERE: &str = "anywhere";
/// Name of regions that state no jurisdiction.
pub(super) const NOWHERE: &str = "(no jurisdiction)";

/// Whether all of one set is in another.
pub(super) fn is_inside(set: JurisdictionSet, other: JurisdictionSet) -> bool {
    set.0 & !other.0 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Country;
    use crate::plan::Jurisdiction;
    use crate::table::fixture::World;

    #[test]
    fn a_client_is_under_its_country_and_what_that_may_use() {
        let mut plan = std::sync::Arc::into_inner(
            World::new(&[(0, 1, 1), (1, 1, 1), (2, 1, 1)], &[&[0, 1, 2]]).plan(),
        )
        .unwrap();
        let country = |text: &str| Country::parse(text).unwrap();
        plan.jurisdictions[0] = Jurisdiction {
            name: "EEA".into(),
            countries: vec![country("DE"), country("IS")],
            subdivisions: vec![Territory::parse("CA-QC").unwrap()],
            may_use: vec![JurisdictionId(2)],
        };
        plan.jurisdictions[1].countries = vec![country("CA"), country("IS")];
        plan.services[0].outside = JurisdictionSet::EMPTY.with(None);
        plan.services[0].unknown = JurisdictionSet::EMPTY;
        let law = Law::new(&plan);
        assert_eq!(law.disputed, [country("IS").into()]);
        let names = |place: Option<&str>| {
            let who = law.who(place.map(|text| Territory::parse(text).unwrap()));
            let allowed = law.allowed(&plan.services[0], who);
            (law.name(who), law.names(allowed).join(" "))
        };
        let said = |name: &str, fence: &str| (name.to_owned(), fence.to_owned());
        assert_eq!(names(Some("DE")), said("EEA", "EEA j2"));
        assert_eq!(names(Some("CA")), said("j1", "j1"));
        assert_eq!(names(Some("CA-ON")), said("j1", "j1"));
        assert_eq!(names(Some("CA-QC")), said("EEA", "EEA j2"));
        assert_eq!(names(Some("BR-SP")), said("outside", NOWHERE));
        assert_eq!(names(None), said("unknown", ""));
        plan.services[0].residency = Residency::Prefer;
        let law = Law::new(&plan);
        let allowed = law.allowed(&plan.services[0], Who::Unknown);
        assert_eq!(law.names(allowed), [ANYWHERE]);
    }
}
