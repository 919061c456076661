//! Who gets a zone, and where it comes from: keys by their places, clients by their addresses.
//!
//! The address of a country's client is the first of its longest stretch of IPv4 addresses (of
//! IPv6 ones where it has no other): the same on every machine with the same database.
//!
//! What is sent to other servers leaves from `source`, and in a family that it does not name from the addresses of
//! `[server] listen`, unless the server listens on all addresses of that family.
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::base::limits::{PRIMARIES, SECONDARIES, TRANSFER_BYTES};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{AllowedSpec, IncomingSpec, RenderSpec, Spec, TransferSpec, ZoneSpec};
use crate::geo::{Atlas, Country, Place};
use crate::plan::{Allowed, Incoming, Outgoing, Sources};

use super::names::Names;

/// One zone that is given or taken, or both.
#[derive(Clone, Debug, Default)]
pub(super) struct Transfer {
    /// Who gets it.
    pub(super) outgoing: Option<Outgoing>,
    /// Where it comes from.
    pub(super) incoming: Option<Incoming>,
}

/// Transfers whose clients may still have to be found.
pub(super) struct Drafts<'s> {
    /// By zone, in the order of the config.
    pub(super) transfers: Vec<Transfer>,
    /// Which zone is rendered for which country.
    countries: Vec<(usize, &'s At<RenderSpec>, Country)>,
}

/// Where nobody is known to be.
const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// Resolves all but the addresses of countries.
pub(super) fn resolve<'s>(spec: &'s Spec, found: &mut Diagnostics) -> Drafts<'s> {
    let keys = Names::new("key", spec.tsig.iter().map(|key| key.name.value.as_str()));
    let mut drafts = Drafts {
        transfers: Vec::new(),
        countries: Vec::new(),
    };
    for (zone, number) in spec.zones.iter().zip(0..) {
        if zone.name.is_none() || zone.file.is_none() && zone.catalog.is_none() {
            drafts.transfers.push(Transfer::default());
            continue;
        }
        let own = zone.transfer.as_ref();
        let outgoing = own.map(|own| Outgoing {
            sources: notifying(spec, zone, own, found),
            ..outgoing(own, &keys, found)
        });
        let incoming = zone.incoming.as_ref();
        let incoming = incoming.map(|own| incoming_of(zone, own, &keys, found));
        let incoming = incoming.map(|own| Incoming {
            sources: asking(spec, zone, &own, found),
            ..own
        });
        check_use(zone, found);
        if let Some(client) = own.and_then(|own| own.render_for.as_ref())
            && let RenderSpec::Country(country) = client.value
        {
            drafts.countries.push((number, client, country));
        }
        drafts.transfers.push(Transfer { outgoing, incoming });
    }
    drafts
}

impl Drafts<'_> {
    /// Finds a client of each country.
    pub(super) fn locate(mut self, atlas: &Atlas, found: &mut Diagnostics) -> Vec<Transfer> {
        for (zone, written, country) in self.countries {
            let outgoing = self.transfers[zone].outgoing.as_mut();
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

/// A client of a country.
fn client_of(atlas: &Atlas, country: Country) -> Option<IpAddr> {
    client_where(atlas, |place| place.country == Some(country))
}

/// A client at such a place.
pub(super) fn client_where(atlas: &Atlas, fits: impl Fn(&Place) -> bool) -> Option<IpAddr> {
    let own = atlas
        .stretches()
        .filter(|one| fits(one.place) && one.mark.is_none());
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
        render_strict: None,
        min_interval: spec.min_interval,
        sources: Sources::default(),
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
) -> Incoming {
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
    Incoming {
        primaries,
        key: spec.key.as_ref().and_then(|key| keys.find(key, found)),
        max_size: spec
            .max_size
            .as_ref()
            .map_or(TRANSFER_BYTES, |octets| octets.value),
        sources: Sources::default(),
    }
}

/// Where notifications leave from.
fn notifying(spec: &Spec, zone: &ZoneSpec, own: &TransferSpec, found: &mut Diagnostics) -> Sources {
    let written = match own.source.is_empty() {
        true => &zone.source,
        false => &own.source,
    };
    let targets: Vec<SocketAddr> = own.notify.iter().map(|one| one.value).collect();
    check_source(&own.source, found);
    check_reach(written, &targets, found);
    sources(spec, written)
}

/// Where requests to primaries leave from.
fn asking(spec: &Spec, zone: &ZoneSpec, own: &Incoming, found: &mut Diagnostics) -> Sources {
    check_reach(&zone.source, &own.primaries, found);
    sources(spec, &zone.source)
}

/// What is written; in a family that it has nothing of, what the server listens on.
fn sources(spec: &Spec, written: &[At<IpAddr>]) -> Sources {
    let listens: Vec<IpAddr> = spec
        .server
        .listen
        .iter()
        .map(|one| one.value.ip())
        .collect();
    let mut addresses: Vec<IpAddr> = written.iter().map(|one| one.value).collect();
    for is_ipv4 in [true, false] {
        let of_family = |one: &IpAddr| one.is_ipv4() == is_ipv4;
        let is_everywhere = listens
            .iter()
            .any(|one| of_family(one) && one.is_unspecified());
        if is_everywhere || addresses.iter().any(of_family) {
            continue;
        }
        let own = listens
            .iter()
            .filter(|one| of_family(one) && !is_local(**one));
        addresses.extend(own);
    }
    Sources(addresses)
}

/// Whether an address means nothing without the link that it is on.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// One address of each family at most.
fn check_source(written: &[At<IpAddr>], found: &mut Diagnostics) {
    for (place, one) in written.iter().enumerate() {
        let mut before = written[..place].iter();
        if before.any(|other| other.value.is_ipv4() == one.value.is_ipv4()) {
            let family = match one.value {
                IpAddr::V4(_) => "IPv4",
                IpAddr::V6(_) => "IPv6",
            };
            found
                .error(&one.at, format!("a second {family} address to leave from"))
                .help("one of each family is the most: remove one of them");
        }
    }
}

/// From a loopback address nobody else is reached.
fn check_reach(written: &[At<IpAddr>], targets: &[SocketAddr], found: &mut Diagnostics) {
    for source in written.iter().filter(|one| one.value.is_loopback()) {
        let own = source.value;
        let beyond = targets.iter().find(|target| {
            let ip = target.ip().to_canonical();
            ip.is_ipv4() == own.is_ipv4() && !ip.is_loopback()
        });
        if let Some(target) = beyond {
            found
                .error(
                    &source.at,
                    format!("`{own}` reaches this machine alone, and not `{target}`"),
                )
                .help("write the address that this server is known by there");
        }
    }
}

/// A `source` must have something that leaves from it.
fn check_use(zone: &ZoneSpec, found: &mut Diagnostics) {
    check_source(&zone.source, found);
    let transfer = zone.transfer.as_ref();
    let notifies = transfer.is_some_and(|own| !own.notify.is_empty());
    if let Some(source) = zone.source.first()
        && zone.incoming.is_none()
        && !notifies
    {
        found
            .error(&source.at, "nothing leaves from this `source`")
            .help("write `primaries` beside it, or `notify` in `transfer = { … }`");
    }
    let own = transfer.and_then(|own| own.source.first());
    if let Some(source) = own.filter(|_| !notifies) {
        found
            .error(&source.at, "nothing leaves from this `source`")
            .help("write `notify` beside it; requests to primaries leave from the zone's `source`");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn what_is_not_written_is_where_the_server_listens() {
        let (v4, v6) = ("192.0.2.1", "2001:db8::1");
        for (listen, written, expected) in [
            (
                &["192.0.2.1:53", "[2001:db8::1]:53"][..],
                &[][..],
                &[v4, v6][..],
            ),
            (&["192.0.2.1:53", "[::]:53"], &[], &[v4]),
            (&["0.0.0.0:53", "192.0.2.1:5300"], &[], &[]),
            (&["[fe80::1]:53", "192.0.2.1:53"], &[], &[v4]),
            (&["192.0.2.1:53"], &["192.0.2.7"], &["192.0.2.7"]),
            (&["192.0.2.1:53"], &["2001:db8::7"], &["2001:db8::7", v4]),
            (&["192.0.2.1:53"], &["0.0.0.0"], &["0.0.0.0"]),
        ] {
            let (spec, _) = config::read(
                Path::new("c.toml"),
                &format!("[server]\nlisten = {listen:?}\n"),
            );
            let written = written.iter().map(|text| At {
                value: text.parse().unwrap(),
                at: 0..0,
            });
            let found = sources(&spec, &written.collect::<Vec<_>>());
            let expected = expected.iter().map(|text| text.parse().unwrap());
            assert_eq!(found, Sources(expected.collect()), "{listen:?}");
        }
    }
}
