//! Queries that were encoded before the clock runs, and what their replies must be.
//!
//! Every query carries EDNS. Ids follow the index, so a reply is told by its id alone as long as
//! fewer than 65,536 are under way. A light check is made of every reply; now and then one is
//! kept and read in full, with another decoder than the server's. That a signature is there is
//! checked, that it is right is not: validators and the tests of the signer see to that.
use std::net::{IpAddr, Ipv4Addr};

use waypost::dns::{Name, ask};

use crate::world::{self, Random, World};

/// Copies of a query that is always the same; each has an id of its own, and even an answer that
/// is a second late is told from the next one's.
const COPIES: usize = 60_000;
/// Copies of each network's query, for the same reason.
const COPIES_PER_NETWORK: usize = 3;
/// Random names: more than any server asked so fast could still have in a cache of answers.
const ABSENT: usize = 1 << 18;
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
        Self::repeated(world::STATIC, world::static_address(1).into())
    }

    /// The last name of the large zone, again and again.
    pub(crate) fn last() -> Self {
        let (name, address) = world::last_name(world::MANY);
        Self::repeated(&name, address.into())
    }

    fn repeated(label: &str, address: IpAddr) -> Self {
        let queries = (0..COPIES).map(|index| encode(index, label, Vec::new()));
        Self {
            queries: queries.collect(),
            signatures: Signatures::Unwanted,
            expected: Expected::Addresses(vec![address]),
        }
    }

    /// Names that no zone has.
    pub(crate) fn absent() -> Self {
        let mut random = Random::new();
        let mut label = || -> String { (0..LABEL).map(|_| letter(&mut random)).collect() };
        let queries = (0..ABSENT).map(|index| encode(index, &label(), Vec::new()));
        Self {
            queries: queries.collect(),
            signatures: Signatures::Unwanted,
            expected: Expected::Absent,
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
        let (rcode, answers) = match &self.expected {
            Expected::Echo if reply == self.queries[index] => return Ok(()),
            Expected::Echo => return Err(format!("{reply:?} is no echo")),
            Expected::Region(_) => (0, 2),
            Expected::Addresses(all) => (0, all.len()),
            Expected::Absent => (NXDOMAIN, 0),
        };
        // All addresses are one RRset, with one key to sign it.
        let answers = answers + usize::from(self.signatures == Signatures::Wanted);
        let [_, _, flags, code, _, 1, 0, count, ..] = reply else {
            return Err(format!("{reply:?} is no reply"));
        };
        let (response, authoritative, truncated) = (0x80, 0x04, 0x02);
        let flags_are_right =
            flags & (response | authoritative | truncated) == response | authoritative;
        if flags_are_right && code & 0x0F == rcode && usize::from(*count) == answers {
            return Ok(());
        }
        Err(format!(
            "flags {flags:#x} {code:#x}, {count} answers in {reply:?}"
        ))
    }

    /// Reads the reply to the `index`-th query in full.
    pub(crate) fn examine(&self, index: usize, reply: &[u8]) -> Result<(), Wrong> {
        self.glance(index, reply)?;
        let mut wanted = match &self.expected {
            Expected::Echo => return Ok(()),
            Expected::Region(regions) => world::addresses(regions[index]).to_vec(),
            Expected::Addresses(addresses) => addresses.clone(),
            Expected::Absent => Vec::new(),
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
        if self.signatures == Signatures::Wanted && !read.answer.iter().any(is_signature) {
            return Err(format!(
                "no signature over the addresses in {:?}",
                read.answer
            ));
        }
        Ok(())
    }
}

/// Whether a record is a signature over A records.
fn is_signature(record: &ask::Record) -> bool {
    record.rtype == "RRSIG" && record.data.starts_with("A ")
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
