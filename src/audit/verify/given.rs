//! Zones that are given to secondaries: what leaves with them of strict services.
//!
//! A secondary answers everybody with what the zone was rendered with: the answers of one client. The config says whose
//! clients the secondaries answer (`render_strict`), and that they answer nobody else is the operator's word; that no
//! health puts an address into the zone that these clients may not be given is proved here. Where it does not say,
//! nothing of the service leaves.
use std::sync::Arc;

use crate::audit::law::Who;
use crate::audit::sight::Group;
use crate::base::ServiceId;
use crate::dns::zone::service_number;
use crate::geo::Network;
use crate::plan::{Outgoing, Residency, ZonePlan};

use super::{Prover, TransferProof, Verdict, verdict};

impl Prover<'_> {
    /// Proves that what leaves of strict services by zone transfer is lawful for whom it is meant.
    pub(super) fn prove_transfers(&mut self, zones: &[Arc<ZonePlan>]) -> Vec<TransferProof> {
        let mut proofs = Vec::new();
        for zone in zones {
            for id in self.strict(zone) {
                if let Some(outgoing) = &zone.outgoing {
                    proofs.push(self.prove_transfer(zone, outgoing, id));
                }
            }
        }
        proofs
    }

    /// The strict services that have hostnames in a zone.
    fn strict(&self, zone: &ZonePlan) -> Vec<ServiceId> {
        let mut mounted: Vec<ServiceId> = zone
            .mounts
            .iter()
            .map(|(_, mount)| ServiceId(service_number(*mount)))
            .collect();
        mounted.sort_unstable();
        mounted.dedup();
        mounted.retain(|id| {
            let service = self.plan.services.get(id.index());
            service.is_some_and(|service| service.residency == Residency::Strict)
        });
        mounted
    }

    /// Nothing leaves.
    fn proof(&self, zone: &ZonePlan, id: ServiceId) -> TransferProof {
        TransferProof {
            zone: zone.id.to_string(),
            service: self.plan.services[id.index()].name.clone(),
            clients_of: None,
            rendered_for: None,
            reach: Vec::new(),
            result: Verdict::Proved,
        }
    }

    fn prove_transfer(
        &mut self,
        zone: &ZonePlan,
        outgoing: &Outgoing,
        id: ServiceId,
    ) -> TransferProof {
        let mut proof = self.proof(zone, id);
        let Some(law) = outgoing.render_strict else {
            return proof;
        };
        let (before, client) = (self.found, outgoing.render_for);
        let group = Group {
            class: self.plan.class_of(id, client),
            who: Who::Under(law),
            countries: Vec::new(),
            networks: 1,
            size: 0,
            example: Network::around(client, if client.is_ipv4() { 32 } else { 128 }),
        };
        let allowed = self.law.allowed(&self.plan.services[id.index()], group.who);
        proof.rendered_for = Some(client);
        proof.clients_of = Some(self.law.name(group.who));
        proof.reach = self.prove_lawful(id, &group, allowed);
        proof.result = verdict(self.found == before);
        proof
    }
}
