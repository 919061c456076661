//! Who gets a zone, and where it comes from: keys by their places, clients by their addresses.
//!
//! The address of a country's client is the first of its longest stretch of IPv4 addresses (of
//! IPv6 ones where it has no other): the same on every machine with the same database.
use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::limits::{PRIMARIES, SECONDARIES};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{
    AllowedSpec, IncomingSpec, RenderSpec, Spec, TransferSpec, ZoneSpec, beside,
};
use crate::geo::{Atlas, Country};
use crate::plan::{Allowed, Incoming, Outgoing, Transfers, ZoneTransfers};

use super::names::Names;

/// Transfers whose clients may still have to be found.
pub(super) struct Drafts<'s> {
    transfers: Transfers,
    /// Which zone is rendered for which country.
    countries: Vec<(usize, &'s At<RenderSpec>, Country)>,
}

/// Where nobody is known to be.
const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// Resolves all but the addresses of countries.
pub(super) fn resolve<'s>(spec: &'s Spec, found: &mut Diagnostics) -> Drafts<'s> {
    let keys = Names::new("key", spec.tsig.iter().map(|key| key.name.value.as_str()));
    let mut drafts = Drafts {
        transfers: Transfers {
            state: Some(beside(
                &spec.path,
                spec.server.state.as_deref().unwrap_or("state"),
            )),
            zones: Vec::new(),
        },
        countries: Vec::new(),
    };
    for zone in &spec.zones {
        let (Some(name), Some(file)) = (&zone.name, &zone.file) else {
            continue;
        };
        let outgoing = zone
            .transfer
            .as_ref()
            .map(|own| outgoing(own, &keys, found));
        let incoming = zone.incoming.as_ref();
        let incoming = incoming.and_then(|own| incoming_of(zone, own, &keys, found));
        let incoming = incoming.map(|own| Incoming {
            file: spec.resolve(file),
            ..own
        });
        if outgoing.is_none() && incoming.is_none() {
            continue;
        }
        let client = zone
            .transfer
            .as_ref()
            .and_then(|own| own.render_for.as_ref());
        if let Some(client) = client
            && let RenderSpec::Country(country) = client.value
        {
            drafts
                .countries
                .push((drafts.transfers.zones.len(), client, country));
        }
        drafts.transfers.zones.push(ZoneTransfers {
            zone: name.value.clone(),
            outgoing,
            incoming,
        });
    }
    drafts
}

impl Drafts<'_> {
    /// Finds a client of each country.
    pub(super) fn locate(mut self, atlas: &Atlas, found: &mut Diagnostics) -> Transfers {
        for (zone, written, country) in self.countries {
            let outgoing = self.transfers.zones[zone].outgoing.as_mut();
            match (client_of(atlas, country), outgoing) {
                (Some(client), Some(outgoing)) => outgoing.render_for = client,
                (Some(_), None) => {}
                (None, _) => {
                    let message = "the geo database has no network of this country";
                    found
                        .error(&written.at, message)
                        .help("write an address or a network of a client");
                }
            }
        }
        self.transfers
    }
}

fn client_of(atlas: &Atlas, country: Country) -> Option<IpAddr> {
    let own = atlas
        .stretches()
        .filter(|one| one.place.country == Some(country) && one.mark.is_none());
    // Of several of one size the first, as a database may be read in no other order.
    own.fold(None, |best: Option<(u64, IpAddr)>, one| match best {
        Some((size, _)) if size >= one.size() => best,
        _ => Some((one.size(), one.first)),
    })
    .map(|(_, first)| first)
}

fn outgoing(spec: &TransferSpec, keys: &Names<'_>, found: &mut Diagnostics) -> Outgoing {
    let mut key_of = |key: &At<String>| keys.find(key, found);
    let key = spec.key.as_ref().and_then(&mut key_of);
    let to = spec
        .to
        .iter()
        .filter_map(|entry| allowed(entry, &mut key_of));
    let to: Vec<Allowed> = to.collect();
    let notify: Vec<_> = spec.notify.iter().map(|one| one.value).collect();
    if to.len() > SECONDARIES || notify.len() > SECONDARIES {
        found
            .error(&spec.at, format!("more than {SECONDARIES} secondaries"))
            .help("let some of them have the zone from others");
    }
    let mut told = BTreeSet::new();
    if let Some(twice) = spec.notify.iter().find(|one| !told.insert(one.value)) {
        found
            .error(&twice.at, format!("`{}` is told twice", twice.value))
            .help("remove one of them");
    }
    Outgoing {
        to,
        notify,
        key,
        render_for: match spec.render_for.as_ref().map(|client| &client.value) {
            Some(RenderSpec::Address(address)) => *address,
            Some(RenderSpec::Country(_)) | None => NOWHERE,
        },
        min_interval: spec.min_interval,
    }
}

/// `None` if its key is not known.
fn allowed(
    entry: &At<AllowedSpec>,
    key_of: &mut impl FnMut(&At<String>) -> Option<usize>,
) -> Option<Allowed> {
    let key = entry.value.key.as_ref().map(|name| At {
        value: name.clone(),
        at: entry.at.clone(),
    });
    let network = entry.value.network;
    match key {
        None => Some(Allowed { network, key: None }),
        Some(name) => key_of(&name).map(|key| Allowed {
            network,
            key: Some(key),
        }),
    }
}

fn incoming_of(
    zone: &ZoneSpec,
    spec: &IncomingSpec,
    keys: &Names<'_>,
    found: &mut Diagnostics,
) -> Option<Incoming> {
    let primaries: Vec<_> = spec.primaries.value.iter().map(|one| one.value).collect();
    match primaries.len() {
        0 if zone.name.is_some() => {
            found
                .error(&spec.primaries.at, "no primary is named")
                .help("write `primaries = [\"192.0.2.1:53\"]`, or leave the key away")
                .inferred();
        }
        0..=PRIMARIES => {}
        _ => {
            found
                .error(
                    &spec.primaries.at,
                    format!("more than {PRIMARIES} primaries"),
                )
                .help("name those that are nearest");
        }
    }
    Some(Incoming {
        primaries,
        key: spec.key.as_ref().and_then(|key| keys.find(key, found)),
        file: std::path::PathBuf::new(),
    })
}
