//! A secondary of a world: it has what it was given, asks for the serial when it is told, and takes what is newer.
use std::collections::{BTreeMap, BTreeSet};

use waypost::dns::Name;
use waypost::dns::transfer::{Content, Journal, Sending};

use super::data::is_ahead;

/// What one server has, and what it may have.
#[derive(Default)]
pub(super) struct Secondary {
    /// What it has, by zone.
    pub(super) has: BTreeMap<Name, Content>,
    /// What it is offered; nothing of a zone while a server is down.
    pub(super) offers: BTreeMap<Name, Journal>,
    /// The newest serial that was ever offered.
    offered: BTreeMap<Name, Content>,
    /// Zones that it has from a server that has ended since.
    old: BTreeSet<Name>,
}

impl Secondary {
    /// Takes note of an offer; an error if it leads back.
    pub(super) fn offer(&mut self, apex: &Name, journal: Option<Journal>) -> Result<(), String> {
        let Some(journal) = journal else {
            self.offers.remove(apex);
            return Ok(());
        };
        let present = journal.present();
        if let Some(before) = self.offered.get(apex)
            && !is_ahead(present.serial(), before.serial())
            && (present.serial() != before.serial() || !present.says_the_same(before))
        {
            return Err(format!(
                "{apex} is offered with serial {} after {}",
                present.serial(),
                before.serial()
            ));
        }
        self.offered.insert(apex.clone(), (**present).clone());
        self.offers.insert(apex.clone(), journal);
        Ok(())
    }

    /// The server has ended.
    pub(super) fn server_ended(&mut self) {
        self.offers.clear();
        self.old = self.has.keys().cloned().collect();
    }

    /// Looks at a zone of which queries see this serial; an error if what comes is not what is offered.
    pub(super) fn look(&mut self, apex: &Name, seen: Option<u32>) -> Result<(), String> {
        let (Some(seen), Some(journal)) = (seen, self.offers.get(apex)) else {
            return Ok(());
        };
        let own = self.has.get(apex);
        if own.is_some_and(|own| !is_ahead(seen, own.serial())) {
            return Ok(());
        }
        let taken = match journal.send(own.map(Content::serial)) {
            Sending::Soa(_) => return Ok(()),
            Sending::Whole(content) => (*content).clone(),
            Sending::Changes(content, diffs) => {
                let mut made = own.unwrap().clone();
                for diff in diffs {
                    match made.apply(&diff) {
                        Ok(next) => made = next,
                        // Another signature of the SOA may bear that serial: it takes the whole.
                        Err(_) if self.old.contains(apex) => made = (*content).clone(),
                        Err(unfit) => return Err(format!("{apex}: {unfit}")),
                    }
                }
                if made != *content {
                    return Err(format!("{apex}: changes make another zone than the whole"));
                }
                made
            }
        };
        self.old.remove(apex);
        self.has.insert(apex.clone(), taken);
        Ok(())
    }
}
