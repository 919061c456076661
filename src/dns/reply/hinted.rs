//! Records of SVCB and HTTPS with hints that are chosen for one reply: RDATA as it is written, and addresses put in where
//! their parameters belong ([`crate::dns::svcb`]).
use std::net::IpAddr;

use super::{Full, Head, Owner, Reply, Section};
use crate::base::Family;
use crate::dns::rr::{RrSet, class};
use crate::dns::rrset::HEAD_BYTES;
use crate::dns::svcb;

impl Reply<'_, '_> {
    /// Writes an RRset into the answer with these addresses as hints, by family, and gives the place of its first record.
    ///
    /// # Errors
    /// [`Full`], with nothing of it written.
    pub fn hinted_rrset<I: Iterator<Item = IpAddr> + Clone>(
        &mut self,
        owner: Owner<'_>,
        rrset: RrSet<'_>,
        hints: &[I; 2],
    ) -> Result<usize, Full> {
        let head = Head {
            owner,
            rtype: rrset.rtype,
            class: class::IN,
            ttl: rrset.ttl,
        };
        let first = self.at;
        self.whole(|reply| {
            for rdata in reply.rotated(rrset.count, rrset.records()) {
                reply.record(Section::Answer, head, |reply| {
                    reply.put_hinted(rdata, hints)
                })?;
            }
            Ok(first)
        })
    }

    fn put_hinted<I: Iterator<Item = IpAddr> + Clone>(
        &mut self,
        rdata: &[u8],
        [v4, v6]: &[I; 2],
    ) -> Result<(), Full> {
        let Some([v4_at, v6_at]) = svcb::hint_places(rdata) else {
            return self.put(rdata);
        };
        self.put(&rdata[..v4_at])?;
        self.put_hint(Family::V4, v4.clone())?;
        self.put(&rdata[v4_at..v6_at])?;
        self.put_hint(Family::V6, v6.clone())?;
        self.put(&rdata[v6_at..])
    }

    fn put_hint(
        &mut self,
        family: Family,
        addresses: impl Iterator<Item = IpAddr> + Clone,
    ) -> Result<(), Full> {
        let Some(head) = svcb::hint_head(family, addresses.clone().count()) else {
            return Ok(());
        };
        self.put(&head)?;
        for address in addresses {
            match address {
                IpAddr::V4(address) => self.put(&address.octets())?,
                IpAddr::V6(address) => self.put(&address.octets())?,
            }
        }
        Ok(())
    }

    /// RDATA of each record from `record` on, which starts with a pointer, to what was written last.
    pub fn written_from(&self, record: usize) -> impl Iterator<Item = &[u8]> + Clone {
        let mut record = record;
        std::iter::from_fn(move || {
            let rdata = self.rdata(record);
            if record + HEAD_BYTES > self.at || rdata.end > self.at {
                return None;
            }
            record = rdata.end;
            self.buffer.get(rdata)
        })
    }
}
