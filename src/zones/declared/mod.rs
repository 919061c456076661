//! Declared records: RRsets that come by the control API and by updates (RFC 2136), and lie over what a zone's file says.
//!
//! ```text
//! batch ---.
//! update --+--> [queue] --> judged --[recorded]--> laid over the zone --> kept on the disk --> served --> reply
//!                 |                      (job)          '--no: nothing has happened
//!                 '--no: refused
//! ```
//!
//! One is done after the other, all of it or nothing. Whoever asked hears of it when it is on the disk **and** served; a disk
//! that cannot be written costs the change, and nothing else. A zone with its declared records is the base over which challenges, keys and
//! a serial are laid ([`super::compose`]): so a change costs what it changes, signatures included.
//!
//! A signed zone that lacks many signatures is served as it was until they are made; the change is kept, and is not waited for.
//!
//! | module | what it decides |
//! |---|---|
//! | [`set`] | what is declared, and how it changes |
//! | [`order`] | what may be asked, and what is said of it |
//! | `agreed` | what becomes of a change that another node has made |
//! | `course` | which step of a batch comes next |
//! | `judge` | who may declare what, whose it is, and the bounds |
//! | `lay` | where a zone has a place for it |
//! | `update` | what an update (RFC 2136) means by its changes |
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::Span;
use crate::dns::zone::{Edit, Zone};
use crate::dns::{Name, text};
use crate::plan::Dynamic;

use super::ticket::Ticket;

mod agreed;
mod asked;
mod course;
mod judge;
pub(super) mod lay;
pub mod order;
pub mod set;
mod update;

pub(super) use asked::AskedUpdate;
use judge::FIXED;
use lay::{LaidZone, LayForm, Laying};
use order::{DeclaredDone, DeclaredOrder};
use set::{Declared, DeclaredPart, DeclaredZone};

/// Declared records, and what is being done about them.
#[derive(Debug, Default)]
pub(super) struct DeclaredStore {
    kept: Declared,
    queue: VecDeque<AskedDeclaration>,
    change: Option<DeclaredCourse>,
}

/// A batch that waits for its turn.
#[derive(Debug)]
enum AskedDeclaration {
    Order(Ticket, Box<DeclaredOrder>),
    Agreed(Ticket, Box<DeclaredPart>),
    Update(Box<AskedUpdate>),
}

/// A change that is on its way.
#[derive(Debug)]
struct DeclaredCourse {
    apex: Name,
    edits: Vec<Edit>,
    part: DeclaredPart,
    done: DeclaredDone,
    stage: CourseStage,
    then: CourseEnd,
}

/// The stage of a change.
#[derive(Debug)]
enum CourseStage {
    /// It is being written in the audit log.
    Recording(Ticket),
    /// It is to be laid over the zone; whether it is on the disk already.
    Laying { is_kept: bool },
    /// It is being kept on the disk; with what was laid.
    Keeping(Ticket, LaidZone),
    /// It waits for this wish of the zone, and can be undone so.
    Serving(u64, DeclaredPart),
}

/// The one who hears of it.
#[derive(Debug)]
enum CourseEnd {
    Order(Ticket),
    Try(Ticket),
    Update(Box<AskedUpdate>),
}

impl DeclaredStore {
    /// A store of all that was kept over a restart.
    pub(super) fn new(kept: Declared) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    /// Tells whether anything is declared in a zone.
    pub(super) fn has(&self, apex: &Name) -> bool {
        self.kept.zone(apex).is_some_and(|zone| !zone.is_empty())
    }

    /// The number of RRsets that are declared in a zone.
    pub(super) fn rrsets(&self, apex: &Name) -> usize {
        self.kept.zone(apex).map_or(0, DeclaredZone::rrsets)
    }

    /// The serial that a zone has at the least.
    pub(super) fn serial(&self, apex: &Name) -> Option<u32> {
        self.kept.zone(apex)?.serial
    }

    /// The longest TTL of what is declared in a zone.
    pub(super) fn longest_ttl(&self, apex: &Name) -> Span {
        Span::from_secs(u64::from(self.kept.longest_ttl(apex)))
    }

    /// All that is laid over a zone as its file has it.
    pub(super) fn laying(
        &self,
        (apex, base): (&Name, &Arc<Zone>),
        form: LayForm,
        dynamic: &Dynamic,
    ) -> Laying {
        let mut edits = self.kept.edits(apex);
        edits.retain(|edit| !dynamic.is_fixed(&edit.owner, edit.rtype));
        Laying {
            base: Arc::clone(base),
            edits,
            form,
            fixed: self.fixed(apex, dynamic),
        }
    }

    /// Declared RRsets of a zone that a config decides itself.
    pub(super) fn fixed(&self, apex: &Name, dynamic: &Dynamic) -> Vec<(Name, u16, String)> {
        let Some(zone) = self.kept.zone(apex).filter(|zone| !zone.is_empty()) else {
            return Vec::new();
        };
        let all = dynamic.fixed.iter();
        let all = all.flat_map(|(name, kinds)| kinds.iter().map(move |kind| (name, *kind)));
        let both = all.filter(|(name, kind)| zone.get(name, *kind).is_some());
        both.map(|(name, kind)| {
            let kind_name = text::type_name(kind);
            let why = format!("{name} {kind_name} is declared, and {FIXED}: delete it (`waypost records delete {apex} {name} {kind_name}`)");
            (name.clone(), kind, why)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
