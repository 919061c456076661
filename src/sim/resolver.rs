//! A client's resolver: asks real packets and reads real replies.
//!
//! Reads the wire by itself, so that a slip in the writer is not mirrored here.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::answer::{self, Answered, Asker, Transport};
use crate::base::{AddressSet, Family, Moment, Span};
use crate::dns::Name;
use crate::dns::rr::{class, rtype};
use crate::plan::Endpoint;
use crate::table::Table;

/// What a resolver learns from one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Response code.
    pub rcode: u16,
    /// The name that it is sent on to, of a machine that is known by name.
    pub alias: Option<Name>,
    /// Addresses, in the order of the reply; behind an alias those that the plan knows the machine by.
    pub addresses: Vec<IpAddr>,
    /// Lowest TTL of an address or alias, seconds; absent without one.
    pub ttl: Option<u32>,
    /// What the server counts the answer as.
    pub answered: Answered,
}

/// Asks for the addresses of one family of a name; `None` if there is no reply, or none that
/// can be read.
#[must_use]
pub fn ask(
    table: &Table,
    now: Moment,
    source: IpAddr,
    name: &Name,
    family: Family,
) -> Option<Learned> {
    ask_query(table, now, source, &query(name, family))
}

/// Asks with a query from [`query`]; `None` if there is no reply, or none that can be read.
#[must_use]
pub fn ask_query(table: &Table, now: Moment, source: IpAddr, query: &[u8]) -> Option<Learned> {
    let asker = Asker {
        source,
        transport: Transport::Udp,
        now,
        idle: Span::ZERO,
        cookies: None,
    };
    let mut reply = [0; 1232];
    let answered = answer::answer(table, &asker, query, &mut reply)?;
    let reply = reply.get(..answered.length)?;
    let mut learned = read(reply, query.len(), answered)?;
    if let Some(alias) = &learned.alias {
        let is_meant = |own: &&Endpoint| own.named.as_ref().is_some_and(|one| one.name == *alias);
        let mut own = table.plan.endpoints.iter().filter(is_meant);
        let family = family_asked(query)?;
        let addresses = own.next()?.addresses_of(family, AddressSet::EMPTY);
        learned.addresses = addresses.collect();
    }
    Some(learned)
}

/// The family that a query asks for.
fn family_asked(query: &[u8]) -> Option<Family> {
    match number(query, query.len().checked_sub(4)?)? {
        rtype::A => Some(Family::V4),
        rtype::AAAA => Some(Family::V6),
        _ => None,
    }
}

/// A query for the addresses of one family of a name.
#[must_use]
pub fn query(name: &Name, family: Family) -> Vec<u8> {
    let number = match family {
        Family::V4 => rtype::A,
        Family::V6 => rtype::AAAA,
    };
    let mut query = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(name.as_wire());
    query.extend(number.to_be_bytes());
    query.extend(class::IN.to_be_bytes());
    query
}

/// Reads a reply whose question ends at `start`.
fn read(reply: &[u8], start: usize, answered: Answered) -> Option<Learned> {
    let count = number(reply, 6)?;
    let mut learned = Learned {
        rcode: number(reply, 2)? & 0x0F,
        alias: None,
        addresses: Vec::new(),
        ttl: None,
        answered,
    };
    let mut at = start;
    for _ in 0..count {
        at = skip_name(reply, at)?;
        let kind = number(reply, at)?;
        let (high, low) = (number(reply, at + 4)?, number(reply, at + 6)?);
        let ttl = u32::from(high) << 16 | u32::from(low);
        let length = usize::from(number(reply, at + 8)?);
        let rdata = reply.get(at + 10..at + 10 + length)?;
        match kind {
            rtype::CNAME => learned.alias = Some(read_name(reply, at + 10)?),
            _ => learned.addresses.push(address(rdata)?),
        }
        learned.ttl = Some(learned.ttl.map_or(ttl, |least| least.min(ttl)));
        at += 10 + length;
    }
    Some(learned)
}

fn number(reply: &[u8], at: usize) -> Option<u16> {
    let octets = reply.get(at..at + 2)?;
    Some(u16::from_be_bytes(octets.try_into().ok()?))
}

fn skip_name(reply: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *reply.get(at)? {
            0 => return Some(at + 1),
            0xC0.. => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// A name, through its pointers.
fn read_name(reply: &[u8], mut at: usize) -> Option<Name> {
    let mut wire = Vec::new();
    // No name has more labels, so whoever points in a circle is found out.
    for _ in 0..=127 {
        match usize::from(*reply.get(at)?) {
            0 => {
                wire.push(0);
                return Name::from_wire(&wire);
            }
            0xC0.. => at = usize::from(number(reply, at)? & 0x3FFF),
            length => {
                wire.extend(reply.get(at..=at + length)?);
                at += 1 + length;
            }
        }
    }
    None
}

fn address(rdata: &[u8]) -> Option<IpAddr> {
    match rdata.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(rdata).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(rdata).ok()?).into()),
        _ => None,
    }
}
