//! The hosts that NS, MX and SRV records name: whether a client that follows them gets an address.
use std::net::Ipv6Addr;
use std::str::FromStr;

use domain::base::Rtype;

use super::{Advice, Site};
use crate::dns::name::Name;
use crate::dns::octets::is_within;
use crate::dns::rr::rtype;
use crate::dns::zone::find::Found;
use crate::dns::zone::tree::{APEX, CUT};

/// What a client finds that follows a name.
enum Target {
    /// Addresses, or other servers to ask.
    Reached,
    /// No name: an address that was taken for one.
    Address,
    /// An alias.
    Alias,
    /// What lies below the owner of a DNAME.
    BelowDname,
    /// No address.
    Nothing,
}

impl Site<'_> {
    /// A zone with one server is gone whenever that is.
    pub(super) fn only_server(self) -> Option<Advice> {
        let is_alone = self.node == APEX && self.set.rtype == rtype::NS && self.set.count == 1;
        is_alone.then(|| Advice {
            message: format!("`{}` has one name server only", self.owner()),
            help: "name at least two, in different networks (RFC 2182, section 5)",
        })
    }

    /// A name server, mail exchanger or service has to be a host with addresses.
    pub(super) fn target(self) -> Option<Advice> {
        let kind = self.set.rtype;
        let host = self.rdata.get(
            match kind {
                rtype::NS => 0,
                rtype::MX => 2,
                _ => 6,
            }..,
        )?;
        let (found, help) = match self.follow(host) {
            Target::Reached => return None,
            Target::Address => (
                "is an address, taken for a name",
                "give the address a name with an A or AAAA record, and write that name here",
            ),
            Target::Alias => (
                "is an alias (CNAME)",
                "name the host itself: an alias is not followed here (RFC 2181, section 10.3)",
            ),
            Target::BelowDname => (
                "lies below a DNAME",
                "name the host itself: an alias is not followed here (RFC 2181, section 10.3)",
            ),
            Target::Nothing if self.needs_glue(host) => (
                "has no address: the delegation lacks glue",
                "a server inside the zone that it serves is found by glue: add its A or AAAA record",
            ),
            Target::Nothing => (
                "has no address",
                "add its A or AAAA record; or is the name misspelt?",
            ),
        };
        let (what, target) = (Rtype::from_int(kind), Name::from_wire(host)?);
        let message = format!("the {what} target `{target}` of `{}` {found}", self.owner());
        Some(Advice { message, help })
    }

    fn follow(self, host: &[u8]) -> Target {
        if is_address(host) {
            return Target::Address;
        }
        if !is_within(host, self.zone.apex().as_wire()) {
            return Target::Reached;
        }
        if self.needs_glue(host) {
            let glue = self.zone.addresses(host);
            let has_glue = glue.iter().any(Option::is_some);
            return if has_glue {
                Target::Reached
            } else {
                Target::Nothing
            };
        }
        match self.zone.find(host, rtype::A) {
            Found::Answer(_) | Found::Mounted(_) | Found::Referral { .. } => Target::Reached,
            Found::Cname(_) => Target::Alias,
            Found::Dname { .. } => Target::BelowDname,
            Found::Nodata if matches!(self.zone.find(host, rtype::AAAA), Found::Answer(_)) => {
                Target::Reached
            }
            Found::Nodata | Found::Nxdomain => Target::Nothing,
        }
    }

    /// Whether the host is a server inside the zone that is delegated to it.
    fn needs_glue(self, host: &[u8]) -> bool {
        let is_cut = self.set.rtype == rtype::NS && self.zone.tree.node(self.node).is(CUT);
        is_cut && is_within(host, self.owner().as_wire())
    }
}

/// Whether a name begins as an address does: with four numbers up to 255, or as only IPv6 does. Reverse
/// zones have such names.
fn is_address(host: &[u8]) -> bool {
    const REVERSE: &[u8] = b"\x07in-addr\x04arpa\0";
    let Some((length, rest)) = host.split_first() else {
        return false;
    };
    let first = rest.get(..usize::from(*length)).unwrap_or_default();
    if first.contains(&b':') {
        return parses::<Ipv6Addr>(first);
    }
    // Most names are no further looked at.
    if !parses::<u8>(first) || is_within(host, REVERSE) {
        return false;
    }
    let name = Name::from_wire(host);
    name.is_some_and(|name| {
        name.labels()
            .take_while(|label| parses::<u8>(label))
            .count()
            >= 4
    })
}

fn parses<T: FromStr>(label: &[u8]) -> bool {
    std::str::from_utf8(label).is_ok_and(|text| text.parse::<T>().is_ok())
}
