//! Zone data: built once, then only read.
use thiserror::Error;

use super::name::Name;
use super::rr::RrSet;

/// One record as a master file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// RDATA, names in it uncompressed.
    pub rdata: Vec<u8>,
    /// Line of the master file, from 1.
    pub line: u32,
}

/// What is wrong with a zone as a whole; `line` points at the record to blame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct ZoneError {
    /// Line of the master file, from 1; 0 when no line is to blame.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}

/// What is mounted over a name: the number that the plan gave it.
pub type Mount = u16;

/// The data of one zone.
#[derive(Debug)]
pub struct Zone {}

/// What a zone has to say to a name and type.
///
/// `owner` counts octets of the query name in front of the owner of what was found, so that
/// a reply can point into its own question.
#[derive(Clone, Copy, Debug)]
pub enum Found<'z> {
    /// The RRset itself (from a wildcard as well: the owner is the query name).
    Answer(RrSet<'z>),
    /// An alias at the name.
    Cname(RrSet<'z>),
    /// An alias of a subtree above the name.
    Dname {
        /// Where the owner starts in the query name.
        owner: usize,
        /// The DNAME.
        rrset: RrSet<'z>,
    },
    /// A steered name; the zone may hold other types at it.
    Mounted(Mount),
    /// The name lies in a delegated zone, or is its apex.
    Referral {
        /// Where the owner starts in the query name.
        owner: usize,
        /// Its name servers.
        ns: RrSet<'z>,
    },
    /// The name exists, with other types.
    Nodata,
    /// The name does not exist.
    Nxdomain,
}

impl Zone {
    /// Builds a zone from its records and mounts steered names over it.
    ///
    /// # Errors
    /// All that is wrong: no SOA or several, records outside, CNAME beside other data, ….
    pub fn build(
        _apex: &Name,
        _records: Vec<Record>,
        _mounts: &[(Name, Mount)],
    ) -> Result<Self, Vec<ZoneError>> {
        Ok(Self {})
    }

    /// The apex.
    #[must_use]
    pub fn apex(&self) -> &Name {
        unreachable!()
    }

    /// The SOA, its TTL already lowered to MINIMUM (RFC 2308, section 3), for denials.
    #[must_use]
    pub fn denial_soa(&self) -> RrSet<'_> {
        unreachable!()
    }

    /// Looks a name up. `qname` is in wire format, uncompressed, any case, within the apex.
    #[must_use]
    pub fn find(&self, _qname: &[u8], _qtype: u16) -> Found<'_> {
        Found::Nxdomain
    }

    /// The addresses of a name, for glue and additional data: A and AAAA RRsets at `name`.
    #[must_use]
    pub fn addresses(&self, _name: &[u8]) -> [Option<RrSet<'_>>; 2] {
        [None, None]
    }

    /// How many names hold data.
    #[must_use]
    pub fn names(&self) -> usize {
        0
    }
}

/// The zones of a plan.
#[derive(Debug, Default)]
pub struct Zones {}

impl Zones {
    /// Gathers zones.
    #[must_use]
    pub fn new(_zones: Vec<std::sync::Arc<Zone>>) -> Self {
        Self {}
    }

    /// The zone with the longest apex that `qname` lies within (for `DS` at an apex, its parent's
    /// zone where that is ours too; RFC 4035, section 3.1.4.1), and where the apex starts in it.
    #[must_use]
    pub fn find(&self, _qname: &[u8], _qtype: u16) -> Option<(&Zone, usize)> {
        None
    }
}
