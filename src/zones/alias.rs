//! Aliases of a zone, as RRsets that are laid over it.
//!
//! The TTL is that of the config, so that an answer of the target with another rest of its own changes nothing.
use std::net::IpAddr;

use crate::base::Family;
use crate::dns::rr::rtype;
use crate::dns::zone::Edit;
use crate::names::KnownNames;
use crate::plan::ZoneAlias;

/// The records of an alias; of a name that nothing is known of it has none.
pub(super) fn alias(own: &ZoneAlias, names: &KnownNames) -> Vec<Edit> {
    let addresses = names.addresses(&own.target);
    let families = Family::ALL.into_iter().zip(own.families);
    let wanted = families.filter(|(_, wanted)| *wanted);
    let edits = wanted.map(|(family, _)| {
        let addresses = addresses.iter().filter(|one| Family::of(**one) == family);
        let records = addresses.map(|address| match address {
            IpAddr::V4(own) => own.octets().to_vec(),
            IpAddr::V6(own) => own.octets().to_vec(),
        });
        Edit {
            owner: own.owner.clone(),
            rtype: match family {
                Family::V4 => rtype::A,
                Family::V6 => rtype::AAAA,
            },
            ttl: own.ttl,
            records: records.collect(),
        }
    });
    edits.filter(|edit| !edit.records.is_empty()).collect()
}
