//! Rules by which a batch may be done, as far as they need no look at the zone as a whole.
//!
//! Who may declare what ([`Dynamic`]), whose an RRset is, bounds of TTLs, of sizes and of how many there are. What may stand
//! beside what, the zone itself says when all is laid over it (`lay`). What changes nothing is no change: it raises no
//! revision and asks nobody's leave.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::{DECLARED_SET_BYTES, DECLARED_SET_RECORDS, DECLARED_SHARED_BYTES};
use crate::dns::zone::{Edit, Zone};
use crate::dns::{Name, text};
use crate::plan::{AccessRole, Declarer, Dynamic};

use super::lay::holds;
use super::order::{DeclaredChange, DeclaredCondition, DeclaredLine, DeclaredRefusal, values};
use super::set::{Declaration, DeclaredPart, DeclaredSet, DeclaredZone, edit};

/// RRsets of one batch that are told.
const TOLD: usize = 1000;

/// Why an RRset that the config decides cannot be declared.
pub(super) const FIXED: &str =
    "the config decides it, by a service that has the name or by an alias";

/// RRsets as they are to be: TTL and RDATA, or nothing.
pub(super) type Wanted = BTreeMap<(Name, u16), Option<(u32, Vec<Vec<u8>>)>>;

/// The state that a batch is judged by.
pub(super) struct DeclaredGround<'g> {
    pub(super) dynamic: &'g Dynamic,
    pub(super) apex: &'g Name,
    /// The zone with all that is declared.
    pub(super) base: &'g Zone,
    /// Its declared part.
    pub(super) declared: &'g DeclaredZone,
    /// Declared RRsets that are not served, because the file has something else there.
    pub(super) aside: &'g BTreeMap<(Name, u16), String>,
    /// Records that are declared in all.
    pub(super) records: usize,
    /// The revision of what is changed now.
    pub(super) next: u64,
}

/// The outcome of a batch.
#[derive(Debug)]
pub(super) struct JudgedBatch {
    pub(super) edits: Vec<Edit>,
    pub(super) part: DeclaredPart,
    /// RRsets that come, change and go.
    pub(super) counts: [usize; 3],
    pub(super) lines: Vec<DeclaredLine>,
}

impl DeclaredGround<'_> {
    /// Tells whether the zone's file has an RRset.
    pub(super) fn is_filed(&self, name: &Name, kind: u16) -> bool {
        let is_ours = self.declared.get(name, kind).is_some()
            && !self.aside.contains_key(&(name.clone(), kind));
        !is_ours && holds(self.base, name, kind)
    }

    /// Holds what is expected against what is.
    pub(super) fn check(&self, expects: &DeclaredCondition) -> Result<(), DeclaredRefusal> {
        let own = match &expects.of {
            Some((name, kind)) => self.declared.get(name, *kind).map(|set| set.revision),
            None => Some(self.declared.revision),
        };
        expects.state.check(own).map_err(DeclaredRefusal::Stale)
    }

    /// RRsets as they are to be by the changes of a batch.
    pub(super) fn wanted(&self, changes: &[DeclaredChange]) -> Result<Wanted, DeclaredRefusal> {
        let mut wanted = Wanted::new();
        for change in changes {
            match change {
                DeclaredChange::Put {
                    name,
                    kind,
                    ttl,
                    records,
                } => {
                    let before = self.now(&wanted, name, *kind);
                    let ttl = ttl.or(before.as_ref().map(|own| own.0));
                    let records = records.clone().or(before.map(|own| own.1));
                    let Some((ttl, records)) = ttl.zip(records) else {
                        let kind = text::type_name(*kind);
                        let why =
                            format!("{name} {kind} is not declared: say `ttl_s` and `values`");
                        return Err(DeclaredRefusal::Unfit(why));
                    };
                    wanted.insert((name.clone(), *kind), Some((ttl, in_order(records))));
                }
                DeclaredChange::Remove { name, kind } => {
                    let coming = wanted.keys().filter(|own| own.0 == *name).map(|own| own.1);
                    let kinds: Vec<u16> = match kind {
                        Some(kind) => vec![*kind],
                        None => self.declared.kinds(name).chain(coming).collect(),
                    };
                    wanted.extend(kinds.into_iter().map(|kind| ((name.clone(), kind), None)));
                }
                DeclaredChange::Clear => {
                    wanted.values_mut().for_each(|set| *set = None);
                    let all = self.declared.iter();
                    wanted.extend(all.map(|(name, kind, _)| ((name.clone(), kind), None)));
                }
            }
        }
        Ok(wanted)
    }

    /// An RRset as it is after the changes so far.
    pub(super) fn now(
        &self,
        wanted: &Wanted,
        name: &Name,
        kind: u16,
    ) -> Option<(u32, Vec<Vec<u8>>)> {
        let declared = self.declared.get(name, kind);
        match wanted.get(&(name.clone(), kind)) {
            Some(set) => set.clone(),
            None => declared.map(|set| (set.ttl, set.records.clone())),
        }
    }

    /// The changes that make RRsets so, if whoever asks may have them so.
    pub(super) fn judge(
        &self,
        wanted: Wanted,
        by: &[Declarer],
        declaration: Declaration,
    ) -> Result<JudgedBatch, DeclaredRefusal> {
        let (revision, by_whom) = (self.next, Arc::new(declaration));
        let mut judged = JudgedBatch::of(self.apex, revision);
        for ((name, kind), set) in wanted {
            let before = self.declared.get(&name, kind);
            let is_same = match (before, &set) {
                (None, None) => true,
                (Some(before), Some((ttl, own))) => before.ttl == *ttl && before.records == *own,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if is_same {
                continue;
            }
            let shown = set.as_ref().map(|(ttl, records)| (*ttl, &**records));
            self.permit(Some(by), &name, kind, shown)?;
            let grave = || self.dynamic.node.map(|_| (0, Vec::new()));
            let set = set.or_else(grave).map(|(ttl, records)| DeclaredSet {
                ttl,
                records,
                by: Arc::clone(&by_whom),
                revision,
            });
            self.change(&mut judged, name, kind, set);
        }
        self.check_room(&judged)?;
        if self.dynamic.node.is_some() && judged.part.octets() > DECLARED_SHARED_BYTES {
            let why = format!(
                "the batch takes {} octets, and one that all nodes of a cluster share at most {DECLARED_SHARED_BYTES}: \
                 send it in several, each for some of the names",
                judged.part.octets()
            );
            return Err(DeclaredRefusal::Unfit(why));
        }
        Ok(judged)
    }

    /// Adds the change of an RRset to a batch.
    pub(super) fn change(
        &self,
        judged: &mut JudgedBatch,
        name: Name,
        kind: u16,
        set: Option<DeclaredSet>,
    ) {
        let before = self.declared.get(&name, kind);
        judged.note((&name, kind), before, set.as_ref());
        // The file's own data is not to be touched.
        if !self.aside.contains_key(&(name.clone(), kind)) {
            judged.edits.push(edit(&name, kind, set.as_ref()));
        }
        judged.part.sets.push((name, kind, set));
    }

    /// Refuses what makes more of what there is too many of.
    pub(super) fn check_room(&self, judged: &JudgedBatch) -> Result<(), DeclaredRefusal> {
        let count = |set: Option<&DeclaredSet>| set.map_or(0, |set| set.records.len());
        let mut records = self.records;
        for (name, kind, set) in &judged.part.sets {
            let before = self.declared.get(name, *kind);
            records = records + count(set.as_ref()) - count(before);
        }
        let most = self.dynamic.max_records;
        if records > most && records > self.records {
            let why = format!(
                "{records} records would be declared, and `[dynamic] max_records` is {most}"
            );
            return Err(DeclaredRefusal::Full(why));
        }
        Ok(())
    }

    /// Refuses what the rules, the file or the bounds do not allow; without anybody, to all whom there are rules for.
    pub(super) fn permit(
        &self,
        by: Option<&[Declarer]>,
        name: &Name,
        kind: u16,
        set: Option<(u32, &[Vec<u8>])>,
    ) -> Result<(), DeclaredRefusal> {
        let shown = || format!("{name} {}", text::type_name(kind));
        if !name.is_within(self.apex) {
            let why = format!("{name} does not lie in zone {}", self.apex);
            return Err(DeclaredRefusal::Unfit(why));
        }
        // What no rule is for any more can be removed nevertheless, by an admin.
        let is_admin = |by: &[Declarer]| by.contains(&Declarer::Role(AccessRole::Admin));
        let may_clean = set.is_none() && by.is_none_or(is_admin);
        let is_allowed = match by {
            Some(by) => self.dynamic.allows(by, self.apex, (name, kind)),
            None => self.dynamic.covers(self.apex, (name, kind)),
        };
        if !may_clean && !is_allowed {
            let why = format!(
                "{}: no rule of `[[dynamic.records]]` lets you declare it",
                shown()
            );
            return Err(DeclaredRefusal::Forbidden(why));
        }
        let Some((ttl, records)) = set else {
            return Ok(());
        };
        if self.dynamic.is_fixed(name, kind) {
            let why = format!("{}: {FIXED}", shown());
            return Err(DeclaredRefusal::Owned(why));
        }
        if self.is_filed(name, kind) {
            let why = format!(
                "{} stands in the zone's file, which owns it: change it there, or remove it there first",
                shown()
            );
            return Err(DeclaredRefusal::Owned(why));
        }
        let [least, most] = self.dynamic.ttl.map(|bound| bound.as_secs());
        let octets: usize = records.iter().map(Vec::len).sum();
        let fault = if !(least..=most).contains(&ttl) {
            format!("TTL {ttl} is not within {least} to {most} seconds (`[dynamic] ttl`)")
        } else if records.is_empty() {
            "an RRset has one record at least".to_owned()
        } else if records.len() > DECLARED_SET_RECORDS || octets > DECLARED_SET_BYTES {
            format!(
                "an RRset has at most {DECLARED_SET_RECORDS} records and {DECLARED_SET_BYTES} octets"
            )
        } else if let Some(bad) = records.iter().find(|own| !text::is_well_formed(kind, own)) {
            format!("`{}` is malformed", text::show_rdata(kind, bad))
        } else {
            return Ok(());
        };
        Err(DeclaredRefusal::Unfit(format!("{}: {fault}", shown())))
    }
}

impl JudgedBatch {
    /// One that changes nothing yet.
    pub(super) fn of(zone: &Name, revision: u64) -> Self {
        Self {
            edits: Vec::new(),
            part: DeclaredPart {
                zone: zone.clone(),
                revision,
                serial: None,
                sets: Vec::new(),
            },
            counts: [0; 3],
            lines: Vec::new(),
        }
    }

    fn note(
        &mut self,
        (name, kind): (&Name, u16),
        before: Option<&DeclaredSet>,
        after: Option<&DeclaredSet>,
    ) {
        let after = after.filter(|set| !set.is_grave());
        let which = match (before, after) {
            (None, _) => 0,
            (Some(_), Some(_)) => 1,
            (Some(_), None) => 2,
        };
        if before.is_none() && after.is_none() {
            return;
        }
        self.counts[which] += 1;
        if self.lines.len() >= TOLD {
            return;
        }
        let told =
            |set: &DeclaredSet| format!("{} {}", set.ttl, values(kind, &set.records).join(" | "));
        self.lines.push(DeclaredLine {
            name: name.to_string(),
            r#type: text::type_name(kind),
            before: before.map(told),
            after: after.map(told),
        });
    }
}

/// Records in the order in which they are compared, each once.
pub(super) fn in_order(mut records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    records.sort_unstable();
    records.dedup();
    records
}
