//! Decides whether what was read again may be taken into force, and says why not.
//!
//! What weakens the config in force, or drops more of it than is allowed, is refused unless somebody says that it is meant
//! (`waypost reload --force`): a file may be half written, and a careless edit looks the same. So is a text that
//! looks like a part of one. What was refused last is kept for the status until something is taken.
//!
//! It knows sizes and judgements, and neither files nor cores.
use std::collections::BTreeMap;

use super::findings::REFUSED;
use super::judge::Judgement;
use super::prepared::Prepared;
use crate::base::Moment;
use crate::dns::Name;
use crate::engine::status::RefusedConfig;
use crate::io::control::Force;
use crate::plan::{Plan, ZoneSize};
use crate::zones::Filed;

/// Lines of a refusal that a status shows: what is wrong, and where or what to do.
const REFUSAL_LINES: usize = 2;
/// Characters of each of them.
const REFUSAL_CHARACTERS: usize = 400;
/// Advice about a refusal that is none of an error.
const HELP: &str = "say `waypost reload --force` if that is meant; else mend the file, and it is read again by itself";

/// The next step of a config that was read again.
pub(super) enum Weighed {
    /// It says what the one in force says.
    Unchanged,
    /// It is to be taken into force.
    New(Box<Prepared>),
}

/// Sizes of the files in force, and the last refusal.
pub(super) struct Scales {
    /// Apex, names and digest of the file of each zone.
    pub(super) sizes: Vec<ZoneSize>,
    /// Sizes that zones will have once their files are served.
    weighed: BTreeMap<Name, ZoneSize>,
    /// The config, or the zone's file, that was refused last, until one is taken.
    refused: Option<LastRefusal>,
}

/// A config, or the file of one zone, that was not taken.
struct LastRefusal {
    at: Moment,
    reason: String,
    /// The zone; absent for a config.
    zone: Option<Name>,
}

impl Scales {
    pub(super) fn new(sizes: Vec<ZoneSize>) -> Self {
        Self {
            sizes,
            weighed: BTreeMap::new(),
            refused: None,
        }
    }

    /// Weighs a config against the plan in force.
    ///
    /// # Errors
    /// The refusal, for a person: what is lost, what to do, then the whole list.
    pub(super) fn config(
        &self,
        in_force: &Plan,
        prepared: Box<Prepared>,
        judgement: &Judgement,
        force: Force,
    ) -> Result<Weighed, String> {
        let same_zones = self.sizes == prepared.sizes;
        if same_zones && prepared.plan.digest == in_force.digest {
            return Ok(Weighed::Unchanged);
        }
        if force == Force::No {
            let Judgement {
                cut,
                weakened,
                changes,
                is_declared,
                is_discovered: _,
            } = judgement;
            let mut complaints: Vec<String> = cut.iter().cloned().collect();
            if !weakened.is_empty() {
                complaints.push(format!("it would weaken {}", weakened.summary()));
            }
            complaints.extend(in_force.geo_loss_to(&prepared.plan));
            complaints.extend(match is_declared {
                true => self.shrinkage(in_force, in_force, &self.of_files(&prepared.sizes)),
                false => self.shrinkage(in_force, &prepared.plan, &prepared.sizes),
            });
            let details = changes.clone().unwrap_or_else(|| weakened.to_string());
            refuse_for(&complaints, details.trim())?;
        }
        Ok(Weighed::New(prepared))
    }

    /// Sizes of zones as far as their files decide them: steered names come and go with services.
    fn of_files(&self, sizes: &[ZoneSize]) -> Vec<ZoneSize> {
        let same = |next: &ZoneSize| {
            let mut all = self.sizes.iter();
            all.find(|own| own.id == next.id && own.digest == next.digest)
        };
        let sizes = sizes.iter();
        sizes
            .map(|next| same(next).unwrap_or(next).clone())
            .collect()
    }

    /// Weighs the file of a zone, by the plan in force.
    ///
    /// # Errors
    /// The refusal, for a person.
    pub(super) fn zone(
        &mut self,
        in_force: &Plan,
        apex: &Name,
        filed: Filed,
    ) -> Result<Filed, String> {
        let size = ZoneSize {
            id: apex.clone(),
            ..ZoneSize::of(&filed.zone, filed.digest)
        };
        let mut sizes = self.sizes.clone();
        let Some(own) = sizes.iter_mut().find(|own| own.id == *apex) else {
            return Err(format!("there is no zone `{apex}`"));
        };
        *own = size.clone();
        refuse_for(&self.shrinkage(in_force, in_force, &sizes), "")?;
        self.weighed.insert(apex.clone(), size);
        Ok(filed)
    }

    /// Takes note that a zone is served as its file has it.
    pub(super) fn filed(&mut self, apex: &Name) {
        let size = self.weighed.remove(apex);
        let own = self.sizes.iter_mut().find(|own| own.id == *apex);
        if let Some((own, size)) = own.zip(size) {
            *own = size;
        }
        // A config that was refused is so still.
        let _ = self
            .refused
            .take_if(|last| last.zone.as_ref() == Some(apex));
    }

    /// Forgets what was weighed of a zone, as it is not served.
    pub(super) fn not_filed(&mut self, apex: &Name) {
        let _ = self.weighed.remove(apex);
    }

    /// Takes note that a config is in force, or says what the one in force does.
    pub(super) fn taken(&mut self) {
        self.refused = None;
    }

    /// Takes note of a refusal.
    pub(super) fn refused(&mut self, at: Moment, zone: Option<Name>, text: &str) {
        self.refused = Some(LastRefusal {
            at,
            reason: opening(text),
            zone,
        });
    }

    /// The last refusal, for the status.
    pub(super) fn last_refusal(&self, now: Moment) -> Option<RefusedConfig> {
        self.refused.as_ref().map(|last| RefusedConfig {
            age_ms: now.since(last.at).0,
            reason: last.reason.clone(),
        })
    }

    /// Complaints about what is dropped beyond what the guards allow: of lists, and of the names and signatures of each zone.
    fn shrinkage(&self, in_force: &Plan, next: &Plan, sizes: &[ZoneSize]) -> Vec<String> {
        let allowed = in_force.guard.max_shrink_watched;
        let lists = in_force.shrinks_to(next, [&self.sizes, sizes]);
        let lists = lists.iter().map(ToString::to_string);
        let pairs = self.sizes.iter().filter_map(|own| {
            let next = sizes.iter().find(|next| next.id == own.id)?;
            Some((own, next))
        });
        let zones = pairs.filter_map(|(own, next)| {
            let (apex, before) = (&own.id, own.names);
            if own.signed && next.digest != 0 && !next.signed {
                return Some(format!("zone {apex} would lose its signatures"));
            }
            let gone = own.loses_to(next, allowed)?;
            Some(format!(
                "zone {apex} would lose {gone} of {before} names without a higher serial; \
                 guard.max_shrink_watched allows {allowed}"
            ))
        });
        lists.chain(zones).collect()
    }
}

/// Refuses if there is any complaint.
fn refuse_for(complaints: &[String], details: &str) -> Result<(), String> {
    match complaints.is_empty() {
        true => Ok(()),
        false => {
            let text = format!("{REFUSED}{}\n{HELP}\n\n{details}", complaints.join("; "));
            Err(text.trim_end().to_owned())
        }
    }
}

/// The first lines of a refusal, as far as a status or the audit log shows it.
pub(super) fn opening(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.take(REFUSAL_LINES);
    let lines: Vec<String> = lines
        .map(|line| line.chars().take(REFUSAL_CHARACTERS).collect())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_shown_by_its_first_lines() {
        let text = "error: one\n\n  --> config.toml:3:1\n3 | x\nerror: two\n";
        assert_eq!(opening(text), "error: one\n  --> config.toml:3:1");
        let long = opening(&format!("{}\nwhat to do\n", "x".repeat(1000)));
        assert_eq!(long.len(), REFUSAL_CHARACTERS + "\nwhat to do".len());
    }

    #[test]
    fn a_refusal_says_what_to_do_before_it_lists() {
        assert_eq!(refuse_for(&[], "a table"), Ok(()));
        let text = refuse_for(&["one".to_owned(), "two".to_owned()], "a table").unwrap_err();
        assert_eq!(text, format!("refused: one; two\n{HELP}\n\na table"));
    }
}
