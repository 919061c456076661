//! How long a reply may be kept by a cache that knows nothing of DNS (RFC 8484, section 5.1).
//!
//! The smallest TTL of the answer section counts; a denial is kept as long as its SOA record lets
//! one be (RFC 2308, section 5). A reply that is neither, such as a refusal, is not to be kept at all.
//! It is read from the octets of the reply, so that whoever carries it need not know how it was made.
use super::query::HEADER_BYTES;
use super::rr::{rcode, rtype};

/// Seconds for which a reply may be kept; `None` if it may not, or cannot be read.
#[must_use]
pub fn freshness(reply: &[u8]) -> Option<u32> {
    let mut records = Records::of(reply)?;
    let answers = records.counts[1];
    let (mut least, mut denial) = (None, None);
    for index in 0..u32::from(answers) + u32::from(records.counts[2]) {
        let record = records.next()?;
        if index < u32::from(answers) {
            least = Some(least.map_or(record.ttl, |least: u32| least.min(record.ttl)));
        } else if record.rtype == rtype::SOA {
            let minimum = record
                .rdata
                .last_chunk()
                .map(|octets| u32::from_be_bytes(*octets));
            denial = minimum.map(|minimum| minimum.min(record.ttl));
        }
    }
    match u16::from(reply[3] & 0x0F) {
        rcode::NOERROR | rcode::NXDOMAIN => least.into_iter().chain(denial).min(),
        _ => None,
    }
}

/// Reads the records of a message one after another.
pub(super) struct Records<'r> {
    rest: &'r [u8],
    counts: [u16; 4],
}

/// A record, as far as it is looked at here.
pub(super) struct Record<'r> {
    pub(super) rtype: u16,
    ttl: u32,
    pub(super) rdata: &'r [u8],
}

impl<'r> Records<'r> {
    /// Those after the questions.
    pub(super) fn of(message: &'r [u8]) -> Option<Self> {
        let (header, rest) = message.split_first_chunk::<HEADER_BYTES>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let mut records = Self {
            rest,
            counts: [word(4), word(6), word(8), word(10)],
        };
        for _ in 0..records.counts[0] {
            records.skip_name()?;
            records.take(4)?;
        }
        Some(records)
    }

    /// The number of records in all sections.
    pub(super) fn number(&self) -> u32 {
        self.counts[1..].iter().copied().map(u32::from).sum()
    }

    /// Octets behind what was read.
    pub(super) fn octets_left(&self) -> usize {
        self.rest.len()
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Option<Record<'r>> {
        self.skip_name()?;
        let head = self.take(10)?;
        let length = u16::from_be_bytes([head[8], head[9]]);
        Some(Record {
            rtype: u16::from_be_bytes([head[0], head[1]]),
            ttl: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            rdata: self.take(usize::from(length))?,
        })
    }

    /// A pointer ends a name here: what it points to is not followed.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.take(1)?[0] {
                0 => return Some(()),
                length @ 1..=63 => self.take(usize::from(length))?,
                192..=255 => return self.take(1).map(|_| ()),
                64..=191 => return None,
            };
        }
    }

    fn take(&mut self, length: usize) -> Option<&'r [u8]> {
        self.rest.split_off(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with these records: section (0 answer, 1 authority), type, TTL, RDATA.
    fn reply(code: u8, records: &[(usize, u16, u32, &[u8])]) -> Vec<u8> {
        let mut counts = [0, 0];
        let mut body = b"\x03www\x00\x00\x01\x00\x01".to_vec();
        for (section, rtype, ttl, rdata) in records {
            counts[*section] += 1;
            body.extend([0xC0, 12]);
            body.extend(rtype.to_be_bytes());
            body.extend([0, 1]);
            body.extend(ttl.to_be_bytes());
            body.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
            body.extend(*rdata);
        }
        let mut whole = vec![0, 0, 0x84, code, 0, 1, 0, counts[0], 0, counts[1], 0, 0];
        whole.extend(body);
        whole
    }

    #[test]
    fn the_least_ttl_of_the_answer_counts() {
        let records: [(usize, u16, u32, &[u8]); 3] = [
            (0, 5, 300, &[0]),
            (0, 1, 20, &[192, 0, 2, 1]),
            (1, 2, 5, &[0]),
        ];
        assert_eq!(freshness(&reply(0, &records)), Some(20));
        assert_eq!(freshness(&reply(5, &records)), None, "refused");
        assert_eq!(freshness(&reply(0, &[])), None);
    }

    #[test]
    fn a_denial_is_kept_as_its_soa_says() {
        let soa = |minimum: u32| [&[0; 18][..], &minimum.to_be_bytes()].concat();
        for (ttl, minimum, kept) in [(3600, 60, 60), (30, 60, 30)] {
            let reply = reply(3, &[(1, 6, ttl, &soa(minimum))]);
            assert_eq!(freshness(&reply), Some(kept));
        }
    }

    #[test]
    fn what_ends_too_early_has_none() {
        let whole = reply(0, &[(0, 1, 20, &[192, 0, 2, 1])]);
        for end in 0..whole.len() {
            assert_eq!(freshness(&whole[..end]), None, "{end}");
        }
        let mut bent = whole;
        bent[12] = 0x40;
        assert_eq!(freshness(&bent), None, "a label of an unknown kind");
    }
}
