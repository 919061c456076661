//! The way by which probes of a monitor leave this node: an address of its own, an interface, or wherever the system sends them.
//!
//! For nodes with several ways out, and for endpoints that let only some addresses in. Keys of every type that sends something
//! itself. An address serves the endpoints of its own family, so a monitor may have one of each; endpoints of the other family
//! are probed from wherever the system chooses. Whether the address is this node's, only the probe shows.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use toml::de::DeValue;

use crate::text::reader::{At, Fields, Shape, items, plain};
use crate::text::value::{self, Trouble};

/// The address and the interface that probes leave by; by default the system's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeSource {
    /// The address for IPv4.
    pub v4: Option<Ipv4Addr>,
    /// The address for IPv6.
    pub v6: Option<Ipv6Addr>,
    /// The interface.
    pub interface: Option<String>,
}

/// Longest name of an interface (Linux, `IFNAMSIZ`).
const INTERFACE_BYTES: usize = 15;

impl ProbeSource {
    /// Reads `source`, an address or one of each family, and `interface`.
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let mut source = Self {
            interface: plain(fields.optional("interface", interface)),
            ..Self::default()
        };
        let addresses = match fields.shape("source") {
            Some(Shape::List) => items(fields.list("source", address)),
            Some(Shape::Table | Shape::Single) | None => {
                fields.optional("source", address).into_iter().collect()
            }
        };
        for one in addresses {
            source.take(one, fields);
        }
        source
    }

    fn take(&mut self, address: At<IpAddr>, fields: &Fields<'_, '_>) {
        let is_second = match address.value {
            IpAddr::V4(v4) => self.v4.replace(v4).is_some(),
            IpAddr::V6(v6) => self.v6.replace(v6).is_some(),
        };
        if is_second {
            let message = "a probe leaves by one address of a family";
            fields.reader().error(&address.at, message, |found| {
                found.help("write one IPv4 address, one IPv6 address, or one of each");
            });
        }
    }
}

/// An address that a node may have.
fn address(value: &DeValue<'_>) -> Result<IpAddr, Trouble> {
    let address = value::address(value)?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(Trouble::new(format!("{address} is no address of a node"))
            .with_help("write an address of this machine, or omit `source`"));
    }
    Ok(address)
}

fn interface(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
    match (1..=INTERFACE_BYTES).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text),
        false => Err(Trouble::new(format!("`{text}` is no name of an interface"))
            .with_help("write its name as `ip link` shows it, such as \"eth0\"")),
    }
}
