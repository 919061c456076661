//! Queries that were encoded before the clock runs, and what their replies must be.
//!
//! Every query carries EDNS. Ids follow the index, so a reply is told by its id alone as long as
//! fewer than 65,536 are under way. A light check is made of every reply; now and then one is
//! kept and read in full, with another decoder than the server's. That a signature is there is
//! checked, that it is right is not: validators and the tests of the signer see to that.
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use waypost::dns::{Name, ask};

use crate::servers::Chain;
use crate::world::{self, Random, World};

/// Copies of a query that is always the same; each has an id of its own, and even an answer that
/// is a second late is told from the next one's.
const COPIES: usize = 60_000;
/// Copies of each network's query, for the same reason.
const COPIES_PER_NETWORK: usize = 3;
/// Random names: more than any server asked so fast could still have in a cache of answers.
const ABSENT: usize = 1 << 18;
/// One of so many small zones is asked.
const ZONES_APART: usize = 100;
/// Octets of a random label.
const LABEL: usize = 12;
/// Response code of a name that does not exist (RFC 1035, section 4.1.1).
const NXDOMAIN: u8 = 3;
const TYPE_A: u16 = 1;

/// Queries of one kind.
pub(crate) struct Packets {
    /// The wire form of each.
    pub(crate) queries: Vec<Vec<u8>>,
    pub(crate) signatures: Signatures,
    expected: Expected,
}

/// Whether queries have the DO bit, and replies a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signatures {
    Wanted,
    Unwanted,
}

/// What the replies to queries of one kind must be.
enum Expected {
    /// The query itself.
    Echo,
    /// The two addresses of a region; the region by the index of the query.
    Region(Vec<usize>),
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The name does not exist, and the zone's SOA says for how long.
    Absent,
    /// The same, with a proof in this form.
    Denied(Chain),
}

/// What is wrong with a reply.
pub(crate) type Wrong = String;

impl Packets {
    /// One query for the steered name from every client network.
    pub(crate) fn steered(world: &World, signatures: Signatures) -> Self {
        let count = world.networks.len() * COPIES_PER_NETWORK;
        let all = || world.networks.iter().cycle().take(count);
        let question = |(index, (network, _)): (usize, &(Ipv4Addr, usize))| {
            let subnet = ask::Want::Subnet((*network).into(), 24);
            let signed = (signatures == Signatures::Wanted).then_some(ask::Want::Dnssec);
            let wants = std::iter::once(subnet).chain(signed).collect();
            encode(index, world::STEERED, wants)
        };
        Self {
            queries: all().enumerate().map(question).collect(),
            signatures,
            expected: Expected::Region(all().map(|(_, region)| *region).collect()),
        }
    }

    /// The static name, again and again.
    pub(crate) fn fixed() -> Self {
        let names = std::iter::repeat_n(world::STATIC.to_owned(), COPIES);
        Self::addressed(names, world::static_address(1).into())
    }

    /// The last name of the large zone, once.
    pub(crate) fn last() -> Self {
        let (name, address) = world::last_name(world::MANY);
        Self::addressed(std::iter::once(name), address.into())
    }

    /// The static names of small zones, from the first to the last.
    pub(crate) fn zones() -> Self {
        let last = world::ZONES - 1;
        let numbers = (0..last).step_by(ZONES_APART).chain([last]);
        let names = numbers.map(|number| format!("{}.z{number:05}", world::STATIC));
        Self::addressed(names, world::static_address(1).into())
    }

    /// Names of which each has this address.
    fn addressed(names: impl Iterator<Item = String>, address: IpAddr) -> Self {
        let queries = names.enumerate();
        let queries = queries.map(|(index, name)| encode(index, &name, Vec::new()));
        Self {
            queries: queries.collect(),
            signatures: Signatures::Unwanted,
            expected: Expected::Addresses(vec![address]),
        }
    }

    /// Names that no zone has.
    pub(crate) fn absent() -> Self {
        Self::random(Signatures::Unwanted, Expected::Absent)
    }

    /// Names that no zone has, to be denied by a proof.
    pub(crate) fn denied(chain: Chain) -> Self {
        Self::random(Signatures::Wanted, Expected::Denied(chain))
    }

    fn random(signatures: Signatures, expected: Expected) -> Self {
        let mut random = Random::new();
        let mut label = || -> String { (0..LABEL).map(|_| letter(&mut random)).collect() };
        let wants =
            || Vec::from_iter((signatures == Signatures::Wanted).then_some(ask::Want::Dnssec));
        let queries = (0..ABSENT).map(|index| encode(index, &label(), wants()));
        Self {
            queries: queries.collect(),
            signatures,
            expected,
        }
    }

    /// The same queries for a server that sends them back.
    pub(crate) fn echoed(&self) -> Self {
        Self {
            queries: self.queries.clone(),
            signatures: self.signatures,
            expected: Expected::Echo,
        }
    }

    /// Checks header and length of the reply to the `index`-th query.
    pub(crate) fn glance(&self, index: usize, reply: &[u8]) -> Result<(), Wrong> {
        // All addresses are one RRset, with one key to sign it.
        let signed = usize::from(self.signatures == Signatures::Wanted);
        let (rcode, answers, authority) = match &self.expected {
            Expected::Echo if reply == self.queries[index] => return Ok(()),
            Expected::Echo => return Err(format!("{reply:?} is no echo")),
            Expected::Region(_) => (0, 2 + signed, 0),
            Expected::Addresses(all) => (0, all.len() + signed, 0),
            Expected::Absent => (NXDOMAIN, 0, 1),
            // The SOA and a link of the chain, each with its signature.
            Expected::Denied(_) => (NXDOMAIN, 0, 4),
        };
        let [_, _, flags, code, _, 1, 0, count, 0, others, ..] = reply else {
            return Err(format!("{reply:?} is no reply"));
        };
        let (response, authoritative, truncated) = (0x80, 0x04, 0x02);
        let flags_are_right =
            flags & (response | authoritative | truncated) == response | authoritative;
        let counts_are_right = usize::from(*count) == answers && usize::from(*others) >= authority;
        if flags_are_right && code & 0x0F == rcode && counts_are_right {
            return Ok(());
        }
        Err(format!(
            "flags {flags:#x} {code:#x}, {count} answers and {others} for authority in {reply:?}"
        ))
    }

    /// Reads the reply to the `index`-th query in full.
    pub(crate) fn examine(&self, index: usize, reply: &[u8]) -> Result<(), Wrong> {
        self.glance(index, reply)?;
        let mut wanted = match &self.expected {
            Expected::Echo => return Ok(()),
            Expected::Region(regions) => world::addresses(regions[index]).to_vec(),
            Expected::Addresses(addresses) => addresses.clone(),
            Expected::Absent | Expected::Denied(_) => Vec::new(),
        };
        let Some(read) = ask::decode(reply) else {
            return Err(format!("{reply:?} cannot be decoded"));
        };
        wanted.sort();
        let mut given: Vec<IpAddr> = read.addresses().collect();
        given.sort();
        if given != wanted {
            return Err(format!("{given:?} instead of {wanted:?}"));
        }
        let (of, section) = match self.expected {
            _ if self.signatures == Signatures::Unwanted => return Ok(()),
            Expected::Denied(chain) => (chain.name(), &read.authority),
            Expected::Echo | Expected::Region(_) | Expected::Addresses(_) | Expected::Absent => {
                ("A", &read.answer)
            }
        };
        let sets: BTreeSet<_> = section
            .iter()
            .filter(|record| record.rtype == of)
            .map(|record| record.name.to_string())
            .collect();
        let signatures = section.iter().filter(|record| is_signature(record, of));
        if !sets.is_empty() && signatures.count() == sets.len() {
            return Ok(());
        }
        Err(format!("not one signature for each {of} in {section:?}"))
    }
}

/// Whether a record is a signature over records of a type.
fn is_signature(record: &ask::Record, of: &str) -> bool {
    record.is_signature() && record.data.split(' ').next() == Some(of)
}

fn encode(index: usize, label: &str, wants: Vec<ask::Want>) -> Vec<u8> {
    let id = u16::try_from(index % 0x1_0000).expect("the rest fits");
    let name = Name::parse(&format!("{label}.{}", world::ZONE)).expect("the name is short");
    let question = ask::Question {
        name,
        rtype: TYPE_A,
        wants,
    };
    ask::encode(id, &question)
}

fn letter(random: &mut Random) -> char {
    let index = u8::try_from(random.below(26)).expect("there are 26");
    char::from(b'a' + index)
}
