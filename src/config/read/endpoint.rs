//! `[[regions.NAME.endpoints]]` and `[[services.NAME.endpoints]]`: the machines that answers name.
//!
//! The two differ in one key: an endpoint of a service says in which region it is.
//!
//! A machine has addresses, or a `hostname` by which they are found; a name that stands alone in `addresses` says the same.
//! `jurisdiction` and `flatten` are of machines with a name alone.
use std::net::IpAddr;

use toml::de::DeValue;

use crate::base::limits::ENDPOINT_ADDRESSES;
use crate::base::{Permille, Span};
use crate::config::naming::HostnameSpec;
use crate::config::reader::{At, Fields};
use crate::config::spec::{EndpointSpec, ProbeSpec};
use crate::config::value::{self, Trouble};
use crate::config::watch::FollowSpec;
use crate::dns::Name;
use crate::monitor::host;
use crate::plan::{AddressesDown, ProbedBy, ValueSource};

use super::{items, plain, watch};

/// Those of a region.
pub(super) fn of_region(region: &mut Fields<'_, '_>) -> Vec<EndpointSpec> {
    read(region, |_| None)
}

/// Those of a service.
pub(super) fn of_service(service: &mut Fields<'_, '_>) -> Vec<EndpointSpec> {
    read(service, |endpoint| {
        endpoint.required("region", r#""eu-frankfurt""#, value::text)
    })
}

fn read(
    owner: &mut Fields<'_, '_>,
    region: impl Fn(&mut Fields<'_, '_>) -> Option<At<String>>,
) -> Vec<EndpointSpec> {
    let mut list = Vec::new();
    for mut fields in owner.tables("endpoints") {
        let name = fields.required("name", r#""fra-hetzner""#, value::label);
        let at = fields.at();
        let (addresses, named) = addresses(&mut fields);
        list.push(EndpointSpec {
            region: region(&mut fields),
            provider: plain(fields.required("provider", r#""hetzner""#, value::label))
                .unwrap_or_default(),
            tier: plain(fields.optional("tier", value::number(1..=99))).unwrap_or(1),
            weight: plain(fields.optional("weight", value::number(0..=65_535))).unwrap_or(100),
            weight_from: followed(&mut fields, ("weight_from", 65_535)),
            capacity: fields.optional("capacity", value::amount),
            capacity_from: followed(&mut fields, ("capacity_from", u32::MAX)),
            hostname: hostname(&mut fields, named),
            addresses,
            addresses_down: addresses_down(&mut fields),
            is_disabled: plain(fields.optional("enabled", value::boolean)) == Some(false),
            monitors: watch::read(&mut fields).map(Box::new),
            probe: probe(&mut fields),
            discovery: None,
            name: name.unwrap_or(At {
                value: String::new(),
                at,
            }),
        });
        fields.finish();
    }
    list.shrink_to_fit();
    list
}

/// An entry of `addresses`: an address, or the name of a machine.
enum MachinePlace {
    Address(IpAddr),
    Name(Name),
}

/// `addresses`; or the name that stands there alone.
fn addresses(endpoint: &mut Fields<'_, '_>) -> (Vec<At<IpAddr>>, Option<At<Name>>) {
    let places = match endpoint.key("hostname") {
        Some(_) => items(endpoint.list("addresses", machine_place)),
        None => endpoint.required_list("addresses", r#"["192.0.2.10"]"#, machine_place),
    };
    let is_alone = places.len() == 1;
    let (mut list, mut named) = (Vec::new(), None);
    for At { value, at } in places {
        match value {
            MachinePlace::Address(value) => list.push(At { value, at }),
            MachinePlace::Name(value) if is_alone => named = Some(At { value, at }),
            MachinePlace::Name(name) => {
                let message = format!("`{name}` is a name, and not the only entry");
                endpoint.reader().error(&at, message, |found| {
                    found.help("make an endpoint of each name, and one of the addresses");
                });
            }
        }
    }
    told_once(endpoint, &list);
    list.shrink_to_fit();
    (list, named)
}

/// Complains of addresses that are listed twice, and of too many.
fn told_once(endpoint: &Fields<'_, '_>, list: &[At<IpAddr>]) {
    let reader = endpoint.reader();
    for (index, address) in list.iter().enumerate() {
        if list[..index]
            .iter()
            .any(|other| other.value == address.value)
        {
            let message = format!("`{}` is listed twice", address.value);
            reader.error(&address.at, message, |found| {
                found.help("remove one of them");
            });
        }
    }
    if let Some(one) = list.get(ENDPOINT_ADDRESSES) {
        let message = format!("more than {ENDPOINT_ADDRESSES} addresses of one endpoint");
        reader.error(&one.at, message, |found| {
            found.help("make several endpoints of them");
        });
    }
}

/// An address, or else a name that no mistyped address can be: its last label begins with a letter.
fn machine_place(value: &DeValue<'_>) -> Result<MachinePlace, Trouble> {
    let trouble = match value::address(value) {
        Ok(address) => return Ok(MachinePlace::Address(address)),
        Err(trouble) => trouble,
    };
    let name = value.as_str().and_then(|text| Name::parse(text).ok());
    let name = name.filter(|name| name.labels().count() > 1 && !name.is_wildcard());
    let is_of_a_machine = |name: &Name| {
        let last = name.labels().last().unwrap_or_default();
        last.first().is_some_and(u8::is_ascii_alphabetic)
    };
    name.filter(is_of_a_machine)
        .map(MachinePlace::Name)
        .ok_or(trouble)
}

/// `hostname`, or the name that stands in its place, with what is said of the machine that it names.
fn hostname(endpoint: &mut Fields<'_, '_>, named: Option<At<Name>>) -> Option<Box<HostnameSpec>> {
    let stated = endpoint.optional("hostname", machine_name);
    let is_doubled = stated.is_some() && endpoint.key("addresses").is_some();
    let jurisdiction = endpoint.optional("jurisdiction", value::text);
    let flatten = endpoint.optional("flatten", value::boolean);
    if let Some(name) = stated.or(named) {
        if is_doubled {
            let message = "`hostname` and `addresses` both say where the machine is";
            endpoint.reader().error(&name.at, message, |found| {
                found.help("keep one of them");
            });
        }
        return Some(Box::new(HostnameSpec {
            name,
            jurisdiction,
            flatten: flatten.map(|one| one.value),
        }));
    }
    let places = [
        ("jurisdiction", jurisdiction.map(|one| one.at)),
        ("flatten", flatten.map(|one| one.at)),
    ];
    for (key, at) in places {
        if let Some(at) = at
            && endpoint.key("hostname").is_none()
        {
            let message = format!("`{key}` has no effect here");
            let help = "it is for machines that are known by name (`hostname`); where others are, their region says";
            endpoint.reader().warn(&at, &message, help);
        }
    }
    None
}

/// A name that a machine can have.
pub(super) fn machine_name(value: &DeValue<'_>) -> Result<Name, Trouble> {
    let text = value::text(value)?;
    if text.parse::<IpAddr>().is_ok() {
        return Err(Trouble::new(format!("`{text}` is an address, not a name"))
            .with_help(format!("write `addresses = [\"{text}\"]`")));
    }
    let name = value::domain(value)?;
    let help = "write a name such as \"example.cdn-a.test\"";
    if name.is_wildcard() || name.labels().count() == 0 {
        return Err(Trouble::new(format!("`{name}` is no machine's name")).with_help(help));
    }
    Ok(name)
}

/// `addresses_down`, or `serve`, which says the same by what goes on.
pub(super) fn addresses_down(fields: &mut Fields<'_, '_>) -> Option<At<AddressesDown>> {
    let down = fields.optional("addresses_down", value::word(AddressesDown::WORDS));
    let serve = fields.optional("serve", value::word(AddressesDown::SERVE_WORDS));
    if let (Some(_), Some(serve)) = (&down, &serve) {
        let message = "`serve` and `addresses_down` say which addresses go on, and both are here";
        fields
            .reader()
            .error(&serve.at, message.to_owned(), |found| {
                found.help("keep one of them");
            });
    }
    down.or(serve)
}

/// `{ monitor = "load", min = 10, max = 100, change_per_minute = "10%", stale_after = "5m" }`.
fn followed(
    endpoint: &mut Fields<'_, '_>,
    (key, most): (&'static str, u32),
) -> Option<Box<At<FollowSpec>>> {
    let at = endpoint.key(key)?;
    let mut fields = endpoint.table(key)?;
    let change = fields.optional("change_per_minute", value::percent);
    let stale = fields.optional("stale_after", value::span);
    for (at, is_nothing) in [
        change
            .as_ref()
            .map(|one| (&one.at, one.value == Permille::NONE)),
        stale.as_ref().map(|one| (&one.at, one.value == Span::ZERO)),
    ]
    .into_iter()
    .flatten()
    {
        if is_nothing {
            let message = format!(
                "with that the {} never follows",
                key.trim_end_matches("_from")
            );
            fields.reader().error(at, message, |found| {
                found.help("omit it: the defaults are change_per_minute = \"10%\" and stale_after = \"5m\"");
            });
        }
    }
    let spec = FollowSpec {
        monitor: fields.required("monitor", r#""load""#, value::text),
        min: plain(fields.optional("min", value::number(1..=most))).unwrap_or(1),
        max: fields.optional("max", value::number(1..=most)),
        change_per_minute: plain(change).unwrap_or(ValueSource::CHANGE_PER_MINUTE),
        stale_after: plain(stale).unwrap_or(ValueSource::STALE_AFTER),
    };
    fields.finish();
    Some(Box::new(At { value: spec, at }))
}

/// `{ address = "192.0.2.31", port = 8443, host = "www-fra.example.net" }`.
fn probe(endpoint: &mut Fields<'_, '_>) -> Option<Box<ProbeSpec>> {
    let mut fields = endpoint.table("probe")?;
    let probe = ProbeSpec {
        address: fields.optional("address", value::address),
        by: fields.optional("by", value::word(ProbedBy::WORDS)),
        port: plain(fields.optional("port", value::number(1..=65_535))),
        host: fields.optional("host", host::host),
    };
    fields.finish();
    Some(Box::new(probe))
}
