//! What a name and type find in a zone: the walk of RFC 1034, section 4.3.2, from the apex down.
//!
//! ```text
//! node = apex
//! for each label of the name, from the apex leftward:
//!     node is a zone cut            -> Referral
//!     node holds a DNAME            -> Dname
//!     node has no such child        -> node is the closest encloser:
//!                                      data of its child `*`, or Nxdomain
//! node is the name itself:
//!     a zone cut, asked not for DS  -> Referral
//!     otherwise                     -> its data
//!
//! data:  the type asked for -> Answer      mounted -> Mounted
//!        a CNAME -> Cname                  asked for ANY, and there is any -> Answer
//!        else -> Nodata
//! ```
//!
//! A mounted name with records of the asked type in the file answers with these (an MX beside
//! a steered address), and with what is mounted for every other type, ANY included. An alias
//! is reported for ANY too: whether ANY chases is the reply's affair (RFC 8482).
use super::tree::{APEX, CUT, DNAME, Labels, WILD, label_at};
use super::{Mount, Zone};
use crate::dns::rr::{RrSet, rtype};

/// What a zone has to say to a name and type.
///
/// `owner` counts octets of the query name in front of the owner of what was found, so that
/// a reply can point into its own question.
#[derive(Clone, Copy, Debug)]
pub enum Found<'z> {
    /// The RRset itself (from a wildcard as well: the owner is the query name); for ANY the
    /// first that is there.
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

/// How a look-up came to its end: what a signed zone proves, it proves by this.
#[derive(Clone, Copy, Debug)]
pub struct Trail {
    /// The node of what was found: the name's own, a wildcard's, a zone cut's or a DNAME's; of
    /// a name that does not exist, that of its closest encloser.
    pub node: u32,
    /// How the name and that node belong together.
    pub how: Match,
    /// Octets of the query name in front of the closest encloser.
    pub encloser: usize,
    /// Octets of the query name in front of the *next closer* name, which is one label longer than
    /// the closest encloser and does not exist (RFC 5155, section 1.3).
    pub next_closer: usize,
}

/// How a name and a node belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The node is the name, or stops the walk above it.
    Exact,
    /// The node is the wildcard at the closest encloser.
    Wildcard,
    /// The name does not exist, and no wildcard stands for it.
    Missing,
}

impl Zone {
    /// Looks a name up. `qname` is in wire format, uncompressed, any case, within the apex;
    /// anything else is not found.
    #[must_use]
    pub fn find(&self, qname: &[u8], qtype: u16) -> Found<'_> {
        match self.apex_in(qname) {
            Some(apex) => self.find_below(qname, apex, qtype),
            None => Found::Nxdomain,
        }
    }

    /// Looks a name up in which the apex is known to start at octet `apex`, as
    /// [`super::Zones::find`] has said.
    #[must_use]
    pub fn find_below(&self, qname: &[u8], apex: usize, qtype: u16) -> Found<'_> {
        self.trace(qname, apex, qtype).0
    }

    /// The same, and how it came to its end. What it gives is large, and taken apart by whoever asks.
    #[inline(always)]
    #[must_use]
    pub fn trace(&self, qname: &[u8], apex: usize, qtype: u16) -> (Found<'_>, Trail) {
        let mut trail = Trail {
            node: APEX,
            how: Match::Exact,
            encloser: apex,
            next_closer: apex,
        };
        let Some(labels) = Labels::of(qname, apex) else {
            trail.how = Match::Missing;
            return (Found::Nxdomain, trail);
        };
        for start in labels {
            if let Some(found) = self.stop_above(trail.node, trail.encloser) {
                return (found, trail);
            }
            trail.next_closer = start;
            match self.tree.child(trail.node, label_at(qname, start)) {
                Some(child) => (trail.node, trail.encloser) = (child, start),
                None => return (self.synthesize(&mut trail, qtype), trail),
            }
        }
        let found = self
            .stop_at(trail.node, trail.encloser, qtype)
            .unwrap_or_else(|| self.data(trail.node, qtype));
        (found, trail)
    }

    /// What ends the walk at a node that lies above the name.
    #[inline]
    fn stop_above(&self, node: u32, owner: usize) -> Option<Found<'_>> {
        match self.tree.node(node).is(CUT | DNAME) {
            true => self.cut_or_alias(node, owner),
            false => None,
        }
    }

    #[inline(never)]
    fn cut_or_alias(&self, node: u32, owner: usize) -> Option<Found<'_>> {
        self.referral(node, owner).or_else(|| {
            let rrset = self.set(node, rtype::DNAME)?;
            Some(Found::Dname { owner, rrset })
        })
    }

    /// What ends the walk at the name itself; its DS belongs to this side of the cut.
    fn stop_at(&self, node: u32, owner: usize, qtype: u16) -> Option<Found<'_>> {
        if qtype == rtype::DS {
            return None;
        }
        self.referral(node, owner)
    }

    fn referral(&self, node: u32, owner: usize) -> Option<Found<'_>> {
        if !self.tree.node(node).is(CUT) {
            return None;
        }
        let ns = self.set(node, rtype::NS)?;
        Some(Found::Referral { owner, ns })
    }

    /// The data of the wildcard at the closest encloser, if there is one.
    fn synthesize(&self, trail: &mut Trail, qtype: u16) -> Found<'_> {
        trail.how = Match::Missing;
        if !self.tree.node(trail.node).is(WILD) {
            return Found::Nxdomain;
        }
        match self.tree.child(trail.node, b"*") {
            Some(wildcard) => {
                (trail.node, trail.how) = (wildcard, Match::Wildcard);
                self.data(wildcard, qtype)
            }
            None => Found::Nxdomain,
        }
    }

    fn data(&self, node: u32, qtype: u16) -> Found<'_> {
        if let Some(set) = self.set(node, qtype) {
            return Found::Answer(set);
        }
        if let Some(mount) = self.tree.node(node).mount() {
            return Found::Mounted(mount);
        }
        match self.set(node, rtype::CNAME) {
            Some(alias) => Found::Cname(alias),
            None if qtype == rtype::ANY => {
                self.sets(node).next().map_or(Found::Nodata, Found::Answer)
            }
            None => Found::Nodata,
        }
    }
}
