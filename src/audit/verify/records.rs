//! Records that follow the choice: whether one of a region is ever given to clients outside of whose fence it lies.
//!
//! They are asked for in the same tables as addresses, for the same classes and cohorts, and each RRset is traced back to the
//! region that the config gave it to, however the choice came to it. What a name in it leads to lies outside of the plan, and
//! that is not proved: `check` says so where a service is strict.
use crate::audit::sight::Group;
use crate::base::limits::COHORTS;
use crate::base::{JurisdictionSet, ServiceId};
use crate::plan::{RecordType, Whose};
use crate::table::{RecordChoice, Table};

use super::tables::{SAMPLE, Subjected};
use super::{Counterexample, Kind, Prover, Subject};

impl Prover<'_> {
    /// Asks a table for all records of a service.
    pub(super) fn ask_records(
        &mut self,
        table: &Table,
        service: ServiceId,
        (subjects, groups): (&[Subjected], &[Group]),
        health: &str,
    ) {
        let types = &self.plan.services[service.index()].records.types;
        for (index, subject) in subjects.iter().enumerate() {
            let step = if index == 0 { 1 } else { SAMPLE };
            for cohort in (0..COHORTS).step_by(step) {
                if types.is_empty() {
                    return;
                }
                self.cases.answers += 1;
                let Some(choice) = table.choose(service, subject.class, cohort) else {
                    break;
                };
                let outside = types
                    .iter()
                    .find(|kind| !self.is_lawful(kind, &choice, subject.allowed));
                if let Some(kind) = outside {
                    let own = Subject {
                        service,
                        family: choice.family,
                    };
                    let name = crate::dns::text::type_name(kind.rtype);
                    let finding =
                        format!("the {name} of a region is given outside of the clients' fence");
                    let given = choice
                        .place()
                        .map(|(region, first)| self.given(region, Some(first), choice.family));
                    let breach = Counterexample::new(Kind::Outside, finding).of(self.plan, own);
                    let breach = breach.to(&self.law, &groups[subject.group], subject.allowed);
                    self.breach(breach.when(health.to_owned()).giving(given));
                    break;
                }
                if !choice.selection.by_cohort {
                    break;
                }
            }
        }
    }

    /// Tells whether the RRset of a type that a choice comes to is everybody's, or of a region inside of a fence.
    fn is_lawful(
        &self,
        kind: &RecordType,
        choice: &RecordChoice<'_>,
        allowed: JurisdictionSet,
    ) -> bool {
        let Some(given) = choice
            .place()
            .and_then(|(region, first)| kind.of(region, first))
        else {
            return true;
        };
        let mut sets = kind.sets.iter();
        let owner = sets.find(|(_, set)| std::ptr::eq(set, given));
        let law = match owner.map(|(whose, _)| *whose) {
            Some(Whose::Everybody) => return true,
            Some(Whose::Region(region)) => self.plan.regions[region.index()].jurisdiction,
            Some(Whose::Endpoint(endpoint)) => self.law_of(endpoint),
            None => return false,
        };
        allowed.contains(law)
    }
}
