//! `transfer`, `primaries`, `key`, `max_size` and `source` of `[[zones]]`: who gets a zone, and where it comes from.
//!
//! `to` lists who may have it: a network, a key (`key:NAME`), or both in one entry, separated by a
//! blank (`192.0.2.0/24 key:NAME`). An entry must fit wholly, and one that fits is enough. `key`
//! beside it is for all: notifications are signed with it, and so must be every request.
//!
//! `source` of a zone is where its requests and notifications leave from: one address, or a list
//! with one of each family. `source` in `transfer` is for notifications alone.
use std::net::{IpAddr, SocketAddr};

use toml::de::DeValue;

use crate::base::Span;
use crate::base::limits::{TRANSFER_BYTES_LEAST, TRANSFER_BYTES_MOST};
use crate::config::reader::{At, Fields, Shape};
use crate::config::spec::{AllowedSpec, IncomingSpec, RenderSpec, TransferSpec};
use crate::config::value::{self, Trouble};

use super::{items, plain};

/// Least time between two versions of a zone.
const MIN_INTERVAL: Span = Span::from_secs(5);

/// `transfer = { … }`.
pub(super) fn transfer(zone: &mut Fields<'_, '_>) -> Option<TransferSpec> {
    let mut fields = zone.table("transfer")?;
    let spec = TransferSpec {
        at: fields.at(),
        to: fields.required_list("to", r#"["192.0.2.0/24", "key:NAME"]"#, allowed),
        notify: items(fields.list("notify", secondary)),
        key: fields.optional("key", value::label),
        render_for: fields.optional("render_for", render_for),
        render_strict: fields.optional("render_strict", value::text),
        min_interval: plain(fields.optional("min_interval", value::span)).unwrap_or(MIN_INTERVAL),
        source: source(&mut fields),
    };
    fields.finish();
    Some(spec)
}

/// `primaries = […]`, with the `key` of all of them, and how much may come.
pub(super) fn incoming(zone: &mut Fields<'_, '_>) -> Option<IncomingSpec> {
    let primaries = zone.list("primaries", primary);
    let key = zone.optional("key", value::label);
    let max_size = zone.optional("max_size", max_size);
    if let Some(primaries) = primaries {
        return Some(IncomingSpec {
            primaries,
            key,
            max_size,
        });
    }
    if let Some(key) = key {
        zone.reader()
            .error(&key.at, "`key` signs nothing here", |found| {
                found.help("write `primaries` beside it, or `key` in `transfer = { … }`");
            });
    }
    if let Some(max_size) = max_size {
        zone.reader()
            .error(&max_size.at, "`max_size` bounds nothing here", |found| {
                found.help("write `primaries` beside it: it is of what they send");
            });
    }
    None
}

/// Octets of one transfer.
fn max_size(value: &DeValue<'_>) -> Result<u64, Trouble> {
    let octets = value::octets(value)?;
    if (TRANSFER_BYTES_LEAST..=TRANSFER_BYTES_MOST).contains(&octets) {
        return Ok(octets);
    }
    Err(Trouble::new(format!("{octets} octets are out of range"))
        .with_help("it can be \"4096B\" to \"16GiB\""))
}

/// `source = "…"`, or a list.
pub(super) fn source(fields: &mut Fields<'_, '_>) -> Vec<At<IpAddr>> {
    match fields.shape("source") {
        Some(Shape::List) => items(fields.list("source", source_address)),
        Some(Shape::Single | Shape::Table) | None => {
            let one = fields.optional("source", source_address);
            one.into_iter().collect()
        }
    }
}

/// An address of this machine, or `0.0.0.0` and `::` for whatever the routes say.
fn source_address(value: &DeValue<'_>) -> Result<IpAddr, Trouble> {
    let text = value::text(value)?;
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err(Trouble::new(format!("`{text}` is not an IP address"))
            .with_help("write \"192.0.2.1\" or \"2001:db8::1\", without a port"));
    };
    let is_alone = match address {
        IpAddr::V4(address) => !address.is_broadcast() && !address.is_multicast(),
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unicast_link_local(),
    };
    match (is_alone, address.to_canonical()) {
        (false, _) => Err(Trouble::new(format!("nothing can leave from `{text}`"))
            .with_help("write an address of this machine that the other servers can reply to")),
        (true, own) if own == address => Ok(address),
        (true, own) => Err(
            Trouble::new(format!("`{text}` is an IPv4 address in IPv6's clothes"))
                .with_help(format!("write the IPv4 address: \"{own}\"")),
        ),
    }
}

/// `192.0.2.0/24`, `key:NAME`, or both.
fn allowed(value: &DeValue<'_>) -> Result<AllowedSpec, Trouble> {
    let text = value::text(value)?;
    let mut allowed = AllowedSpec {
        network: None,
        key: None,
    };
    for word in text.split_whitespace() {
        let twice = match word.strip_prefix("key:") {
            Some(name) => allowed.key.replace(name.to_owned()).is_some(),
            None => {
                let network = value::known_network(word).map_err(|trouble| {
                    trouble.with_help("write \"192.0.2.0/24\", \"key:NAME\", or both in one text")
                })?;
                allowed.network.replace(network).is_some()
            }
        };
        if twice {
            return Err(Trouble::new(format!("`{text}` says the same thing twice"))
                .with_help("one network and one key make an entry; write another entry"));
        }
    }
    match (&allowed.network, &allowed.key) {
        (None, None) => Err(Trouble::new("nobody is meant by an empty text")
            .with_help("write \"192.0.2.0/24\", \"key:NAME\", or both in one text")),
        _ => Ok(allowed),
    }
}

fn secondary(value: &DeValue<'_>) -> Result<SocketAddr, Trouble> {
    reachable(value, "a secondary")
}

fn primary(value: &DeValue<'_>) -> Result<SocketAddr, Trouble> {
    reachable(value, "a primary")
}

fn reachable(value: &DeValue<'_>, whom: &str) -> Result<SocketAddr, Trouble> {
    let address = value::socket(value)?;
    match address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast() {
        true => Err(
            Trouble::new(format!("{whom} cannot be reached at `{address}`"))
                .with_help("write its own address and port, such as \"192.0.2.1:53\""),
        ),
        false => Ok(address),
    }
}

/// A country, an address, or a network, which means its first address.
fn render_for(value: &DeValue<'_>) -> Result<RenderSpec, Trouble> {
    let text = value::text(value)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(RenderSpec::Address(address));
    }
    if text.contains('/') {
        return value::known_network(&text).map(|network| RenderSpec::Address(network.address));
    }
    value::one_country(value)
        .map(RenderSpec::Country)
        .map_err(|trouble| trouble.with_help("write a country (\"DE\"), an address, or a network"))
}
