//! Records that have come from a primary, taken over by a builder as they are.
//!
//! A transfer keeps what it receives in the builder's own form, so nothing is copied but what cannot stay where it is: records
//! of a name that has come before, which have to be linked to those.
use super::build::{Builder, Refused, is_of_hashed, is_of_signing};
use super::records::{Raw, RawRecords, RecordRuns};
use super::tree::NONE;

impl Builder {
    /// Takes the records over that have come from a primary, before any other is added; then each run has to be
    /// enlisted.
    pub(crate) fn adopt(&mut self, mut records: RawRecords) -> RecordRuns {
        records.seal();
        self.records = records;
        self.records.runs()
    }

    /// Puts a run at its owner, once `judge` has seen each of its records and said what TTL it has.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub(crate) fn enlist(
        &mut self,
        run: u32,
        owner: &[u8],
        mut judge: impl FnMut(Raw, &[u8]) -> u32,
    ) -> Result<(), Refused> {
        if !self.has_room() {
            return Err(Refused::TooLarge);
        }
        let (mut at, mut has_hashed) = (Some(self.records.row(run)), false);
        while let Some(row) = at {
            let raw = row.raw;
            let ttl = judge(raw, self.records.data(&row));
            self.signed_elsewhere |= is_of_signing(raw.rtype);
            has_hashed |= is_of_hashed(row.kind());
            at = self.records.after(&row);
            if ttl != raw.ttl {
                self.records.set_ttl(&row, ttl);
            }
        }
        if !has_hashed {
            let node = self.node_in(owner)?;
            let sets = &mut self.tree.nodes[node as usize].sets;
            if *sets == NONE {
                *sets = run;
                return Ok(());
            }
        }
        let ids: Vec<u32> = self.records.run(run).collect();
        ids.into_iter()
            .try_for_each(|id| self.enlist_again(id, owner))
    }

    /// Enlists one record of a run that cannot stay as it is: its name has come before, or it is of an NSEC3 chain.
    fn enlist_again(&mut self, id: u32, owner: &[u8]) -> Result<(), Refused> {
        let row = self.records.row(id);
        if is_of_hashed(row.kind()) {
            let hash = self.hash_in(owner)?;
            self.hashed.push((hash, id));
            return Ok(());
        }
        let rdata = self.records.data(&row).to_vec();
        self.records.give_back(&row);
        let node = self.node_in(owner)?;
        let sets = &mut self.tree.nodes[node as usize].sets;
        *sets = self.records.push((false, *sets), row.raw, &rdata).0;
        Ok(())
    }
}
