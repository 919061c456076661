//! Changes that other nodes of a cluster have made, as this node judges them: who may was asked there, and here whether anybody may.
//!
//! Of each RRset the version holds that outranks the others. Of a CNAME and another type at one name, declared on two nodes that did not know
//! of each other, the later holds, and the other is as if it had been removed: so all nodes come to the same, in whatever order they hear of them.
use std::sync::Arc;

use crate::zones::{Ticket, ZoneEngine};

use super::CourseEnd;
use super::judge::{DeclaredGround, JudgedBatch};
use super::order::DeclaredRefusal;
use super::set::{Declared, DeclaredPart, DeclaredSet};

impl ZoneEngine {
    /// All that is declared.
    #[must_use]
    pub fn declared(&self) -> &Declared {
        &self.declared.kept
    }

    /// Begins a change of another node.
    pub(super) fn begin_agreed(&mut self, ticket: Ticket, told: &DeclaredPart) {
        match self.on_ground(&told.zone, |ground| ground.agree(told)) {
            Ok(judged) => self.begin_declared(judged, CourseEnd::Order(ticket), None),
            Err(refusal) => self.refuse_declared(ticket, refusal),
        }
    }
}

impl DeclaredGround<'_> {
    /// The part of another node's change that holds over what is known here.
    fn agree(&self, told: &DeclaredPart) -> Result<JudgedBatch, DeclaredRefusal> {
        // Of the whole zone no revision stands for two states.
        let is_later = told.revision > self.declared.revision;
        let revision = if is_later { told.revision } else { self.next };
        let mut judged = JudgedBatch::of(self.apex, revision);
        for (name, kind, set) in &told.sets {
            let Some(set) = set else { continue };
            if !self.declared.yields(name, *kind, set) {
                continue;
            }
            if set.is_grave() {
                self.change(&mut judged, name.clone(), *kind, Some(set.clone()));
                continue;
            }
            let of = |kind: u16, own: &DeclaredSet| (own.revision, kind);
            let mut rivals = self.declared.rivals(name, *kind);
            if rivals.any(|(other, own)| of(other, own) > of(*kind, set)) {
                self.change(&mut judged, name.clone(), *kind, Some(grave(set)));
                continue;
            }
            self.permit(None, name, *kind, Some((set.ttl, &set.records)))?;
            let is_told = |other: u16| {
                let mut sets = told.sets.iter();
                sets.any(|(own, kind, _)| own == name && *kind == other)
            };
            let rivals = self.declared.rivals(name, *kind);
            for (other, own) in rivals.filter(|(other, _)| !is_told(*other)) {
                self.change(&mut judged, name.clone(), other, Some(grave(own)));
            }
            self.change(&mut judged, name.clone(), *kind, Some(set.clone()));
        }
        self.check_room(&judged)?;
        Ok(judged)
    }
}

/// An RRset that another one has taken the place of.
fn grave(set: &DeclaredSet) -> DeclaredSet {
    DeclaredSet {
        ttl: 0,
        records: Vec::new(),
        by: Arc::clone(&set.by),
        revision: set.revision,
    }
}
