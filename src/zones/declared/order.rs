//! Orders about declared records, and their outcomes: the words of the control API and of the engine.
//!
//! A batch is for one zone: all of it is done, or nothing. It says what it expects to find, so that of two who change what they
//! have both read, one is refused ([`DeclaredRefusal::Stale`]). To try a batch does all but keep and serve it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::Utc;
use crate::dns::{Name, text};
use crate::plan::{Declarer, ExpectedState};

use super::set::{DeclaredPart, DeclaredSet, DeclaredZone};

/// A question about declared records, or a batch of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredAsk {
    /// Say what is declared in a zone.
    Read(DeclaredQuery),
    /// Change it.
    Change(Box<DeclaredOrder>),
    /// Take what another node has changed.
    Agree(Box<DeclaredPart>),
}

/// Which of the declared records of a zone are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredQuery {
    /// The zone; its apex.
    pub zone: Name,
    /// One name alone.
    pub name: Option<Name>,
    /// Names after this one, in canonical order.
    pub after: Option<Name>,
    /// The number of names at the most.
    pub most: usize,
}

/// A batch of changes to the declared records of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredOrder {
    /// The zone; its apex.
    pub zone: Name,
    /// All that whoever asks is, for the rules of `[dynamic]`.
    pub by: Vec<Declarer>,
    /// The identity that is kept with them.
    pub author: String,
    /// Why; for a person.
    pub reason: String,
    /// The condition without which nothing is changed.
    pub expects: DeclaredCondition,
    /// The changes, in their order.
    pub changes: Vec<DeclaredChange>,
    /// Its purpose.
    pub purpose: DeclaredPurpose,
}

/// The purpose of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredPurpose {
    /// It is: do it.
    Do,
    /// Say what it would do.
    Try,
}

/// A condition on the zone, or on one RRset of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredCondition {
    /// The RRset; the whole zone if absent.
    pub of: Option<(Name, u16)>,
    /// Its expected state.
    pub state: ExpectedState,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredChange {
    /// Declare an RRset, or change what is said of one.
    Put {
        /// Its name.
        name: Name,
        /// Its type.
        kind: u16,
        /// Seconds; as it was if absent.
        ttl: Option<u32>,
        /// RDATA of each record; as they were if absent.
        records: Option<Vec<Vec<u8>>>,
    },
    /// Declare an RRset no longer, or none of a name.
    Remove {
        /// Its name.
        name: Name,
        /// Its type; absent = all.
        kind: Option<u16>,
    },
    /// Declare nothing of the zone any longer.
    Clear,
}

/// Why nothing was changed; for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredRefusal {
    /// There is no such zone, or nothing is declared there.
    Unknown(String),
    /// The rules of `[dynamic]` do not let whoever asks do so.
    Forbidden(String),
    /// A file has it.
    Owned(String),
    /// It is not as it was expected to be.
    Stale(String),
    /// It makes no zone, or is outside a bound.
    Unfit(String),
    /// There are too many.
    Full(String),
    /// It could not be kept or served.
    Failed(String),
}

/// The answer to an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredReply {
    /// All that is declared.
    Page(DeclaredPage),
    /// All that was changed.
    Done(DeclaredDone),
}

/// Declared records of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredPage {
    /// The zone.
    pub zone: String,
    /// The zone's revision: one more with each change; what `If-Match` is held against.
    pub revision: u64,
    /// RRsets by name and type.
    pub records: BTreeMap<String, BTreeMap<String, DeclaredView>>,
    /// The name after which there are more: the next page is asked for with `after`.
    pub next: Option<String>,
}

/// A declared RRset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredView {
    /// Its TTL, seconds.
    pub ttl_s: u32,
    /// The data of each record, as a master file has it, names absolute.
    pub values: Vec<String>,
    /// The identity that declared it.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
    /// The time at which it was declared as it is.
    pub declared_at: Utc,
    /// The revision of the zone in which it became what it is.
    pub revision: u64,
    /// Why it is not served, if it is not: the zone's file has something else there.
    #[serde(default)]
    pub conflict: Option<String>,
}

/// Changes that a batch has made, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredDone {
    /// The zone.
    pub zone: String,
    /// The zone's revision now.
    pub revision: u64,
    /// Set if it was only tried.
    pub dry_run: bool,
    /// For a person.
    pub result: String,
    /// RRsets that came.
    pub added: usize,
    /// RRsets that became others.
    pub changed: usize,
    /// RRsets that went.
    pub removed: usize,
    /// Each of them, the first thousand.
    pub changes: Vec<DeclaredLine>,
}

/// One RRset that was changed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredLine {
    /// Its name.
    pub name: String,
    /// Its type.
    pub r#type: String,
    /// Its state before; absent if it was not there.
    pub before: Option<String>,
    /// Its state now; absent if it is not there any more.
    pub after: Option<String>,
}

impl DeclaredView {
    fn of(kind: u16, set: &DeclaredSet, conflict: Option<String>) -> Self {
        Self {
            ttl_s: set.ttl,
            values: values(kind, &set.records),
            author: set.by.author.clone(),
            reason: set.by.reason.clone(),
            declared_at: Utc(set.by.at * 1000),
            revision: set.revision,
            conflict,
        }
    }
}

/// Data of records as a master file has it.
pub(super) fn values(kind: u16, records: &[Vec<u8>]) -> Vec<String> {
    let records = records.iter();
    records.map(|rdata| text::show_rdata(kind, rdata)).collect()
}

impl DeclaredPage {
    /// A page of a zone; `aside` says why an RRset is not served.
    pub(super) fn of(
        query: &DeclaredQuery,
        zone: Option<&DeclaredZone>,
        aside: impl Fn(&Name, u16) -> Option<String>,
    ) -> Self {
        let mut page = Self {
            zone: query.zone.to_string(),
            revision: zone.map_or(0, |zone| zone.revision),
            ..Self::default()
        };
        let names = zone.map(|zone| zone.names_after(query.after.as_ref()));
        let wanted = |name: &Name| query.name.as_ref().is_none_or(|own| own == name);
        let mut last = None;
        for (name, sets) in names.into_iter().flatten() {
            if !wanted(name) {
                continue;
            }
            if page.records.len() >= query.most {
                page.next = last;
                return page;
            }
            let views = sets.iter().map(|(kind, set)| {
                let view = DeclaredView::of(*kind, set, aside(name, *kind));
                (text::type_name(*kind), view)
            });
            page.records.insert(name.to_string(), views.collect());
            last = Some(name.to_string());
        }
        page
    }
}
