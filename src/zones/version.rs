//! When a zone that is given to secondaries has a new version, and which serial it gets.
//!
//! Where a zone, as one client sees it, says something else than the last version, it is a new one, whose serial
//! is that of the zone as it is served, if that is ahead, and otherwise the next. The serial is kept on the
//! disk first, then queries see it, and only then are secondaries told. Versions of one zone are no closer than
//! its `min_interval`: what changes in between is part of the next. Only a zone with steered names is looked at
//! when health changes.
//!
//! After a restart the last serial is known, and a content that is what it was keeps it. A zone that was
//! signed elsewhere keeps its serial in any case, because that is signed; that it was not raised is told.
use std::sync::Arc;

use super::job::Drawing;
use crate::base::Moment;
use crate::dns::transfer::{Entry, Journal, serial};
use crate::dns::zone::signed::Signed;
use crate::dns::zone::{Presence, Served, Zone};
use crate::table;

/// The last version of a zone that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Its serial.
    pub serial: u32,
    /// A number for all of it but the serial.
    pub digest: u64,
}

/// What is known of the versions of one zone.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// What secondaries get.
    pub(super) journal: Option<Journal>,
    /// What was looked at last.
    seen: Option<Seen>,
    /// When it may be looked at again.
    pub(super) not_before: Moment,
    /// A version that is being kept on the disk.
    pub(super) keeping: Option<New>,
    /// The SOA of a version that secondaries are told of once queries see it.
    pub(super) telling: Option<Entry>,
}

/// What a look went by.
#[derive(Debug)]
struct Seen {
    zone: Arc<Zone>,
    signed: Option<Arc<Signed>>,
    /// The table, where names are steered.
    generation: Option<u64>,
}

/// What a zone is for secondaries.
#[derive(Debug)]
pub(super) enum Drawn {
    /// It is not there: who has it goes on with what it has.
    Nothing,
    /// What the last version was.
    Same,
    /// Something new.
    New(New),
}

/// A new version.
#[derive(Debug)]
pub(super) struct New {
    /// With it, what secondaries get.
    pub(super) journal: Journal,
    pub(super) last: Last,
    /// The serial that queries are to see; `None` where they see it already.
    pub(super) raise: Option<u32>,
    /// Whether its SOA is to be signed with that serial before anybody gets it.
    pub(super) is_signed_first: bool,
    /// Whether it was signed elsewhere and has changed without a newer serial.
    pub(super) is_behind: bool,
}

impl Versions {
    /// Whether the zone, as a table has it, has not been looked at yet.
    pub(super) fn is_behind(&self, served: &Served, generation: Option<u64>) -> bool {
        self.seen.as_ref().is_none_or(|seen| {
            let same_signed = match (&seen.signed, &served.signed) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, None) => true,
                _ => false,
            };
            !same_signed || !Arc::ptr_eq(&seen.zone, &served.zone) || seen.generation != generation
        })
    }

    /// Notes what is looked at now.
    pub(super) fn see(&mut self, served: &Served, generation: Option<u64>) {
        self.seen = Some(Seen {
            zone: Arc::clone(&served.zone),
            signed: served.signed.clone(),
            generation,
        });
    }

    /// Has it looked at again from this moment on.
    pub(super) fn again(&mut self, at: Moment) {
        self.seen = None;
        self.not_before = at;
    }
}

/// Renders a zone, and compares it with the last version.
pub(super) fn draw(drawing: Drawing) -> Drawn {
    let Drawing {
        table,
        served,
        view,
        journal,
        last,
    } = drawing;
    if served.zone.presence() != Presence::Loaded {
        return Drawn::Nothing;
    }
    let Some(content) = table::render_served(&table, &served, view) else {
        return Drawn::Nothing;
    };
    let signed = served.signed.as_ref();
    let is_sealed = signed.is_some_and(|own| own.signing().is_none());
    let (given, digest) = (content.serial(), content.digest());
    let present = journal
        .as_ref()
        .map(|journal| Arc::clone(journal.present()));
    let serial = match (&present, last) {
        _ if is_sealed => given,
        (Some(present), _) if present.says_the_same(&content) => newest(present.serial(), given),
        (Some(present), _) => serial::next(present.serial(), given),
        (None, Some(last)) if last.digest == digest => newest(last.serial, given),
        (None, Some(last)) => serial::next(last.serial, given),
        (None, None) => given,
    };
    let is_same = match is_sealed {
        true => present.as_deref() == Some(&content),
        false => present.as_ref().is_some_and(|own| own.serial() == serial),
    };
    if is_same {
        return Drawn::Same;
    }
    let is_signed_first = content.is_signed() && serial != given;
    let is_behind = is_sealed && present.is_some_and(|own| !serial::is_newer(serial, own.serial()));
    let content = content.with_serial(serial);
    let journal = match journal {
        Some(mut journal) => {
            journal.push(content);
            journal
        }
        None => Journal::new(content),
    };
    Drawn::New(New {
        journal,
        last: Last { serial, digest },
        raise: (serial != given).then_some(serial),
        is_signed_first,
        is_behind,
    })
}

fn newest(last: u32, given: u32) -> u32 {
    match serial::is_newer(given, last) {
        true => given,
        false => last,
    }
}
