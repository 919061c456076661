//! Records into the messages of a transfer (RFC 5936, section 2.2).
//!
//! Messages are filled up to [`TRANSFER_MESSAGE_BYTES`], so that compression pointers reach all of
//! each and no peer needs a large buffer; a record that is larger has a message of its own. The
//! question stands in the first only. Owners are cut to a pointer at the apex in the question,
//! and names in data are not compressed: most of what compression can save comes from that one
//! rule, and nobody has to look for names.
use super::content::Entry;
use super::journal::Sending;
use crate::base::limits::TRANSFER_MESSAGE_BYTES;
use crate::dns::message::{self, opcode};
use crate::dns::query::HEADER_BYTES;
use crate::dns::rr::class;
use crate::dns::{Name, octets};

/// The apex in the question, as a compression pointer.
const TO_APEX: [u8; 2] = [0xC0, 12];

/// The messages of one transfer, made as they are asked for.
#[derive(Debug)]
pub struct Messages {
    id: u16,
    apex: Name,
    /// Type and class of the question.
    asked: [u8; 4],
    sending: Sending,
    next: usize,
}

impl Messages {
    /// The reply to a request of this id, for this zone and type.
    #[must_use]
    pub fn new(id: u16, apex: &Name, qtype: u16, sending: Sending) -> Self {
        let [t0, t1] = qtype.to_be_bytes();
        let [c0, c1] = class::IN.to_be_bytes();
        Self {
            id,
            apex: apex.clone(),
            asked: [t0, t1, c0, c1],
            sending,
            next: 0,
        }
    }

    fn put(&self, entry: &Entry, message: &mut Vec<u8>) {
        let owner = entry.owner.as_wire();
        match octets::ending(owner, self.apex.as_wire()) {
            Some(apex) => {
                message.extend_from_slice(&owner[..apex]);
                message.extend_from_slice(&TO_APEX);
            }
            None => message.extend_from_slice(owner),
        }
        message.extend_from_slice(&entry.rtype.to_be_bytes());
        message.extend_from_slice(&class::IN.to_be_bytes());
        message.extend_from_slice(&entry.ttl.to_be_bytes());
        let length = u16::try_from(entry.rdata.len()).unwrap_or(u16::MAX);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&entry.rdata);
    }
}

impl Iterator for Messages {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.sending.record(self.next)?;
        let mut message = vec![0; HEADER_BYTES];
        message.extend_from_slice(self.apex.as_wire());
        message.extend_from_slice(&self.asked);
        let mut count: u16 = 0;
        while let Some(entry) = self.sending.record(self.next) {
            let before = message.len();
            self.put(entry, &mut message);
            if message.len() > TRANSFER_MESSAGE_BYTES && count > 0 {
                message.truncate(before);
                break;
            }
            count += 1;
            self.next += 1;
        }
        let head = message::header(self.id, opcode::QUERY, Some(0), [1, count, 0, 0]);
        message[..HEADER_BYTES].copy_from_slice(&head);
        message::set_authoritative(&mut message);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::{Header, Reader};
    use crate::dns::rr::rtype;
    use crate::dns::transfer::content::tests::{content, soa};
    use crate::dns::transfer::{Content, Journal};

    fn records(message: &[u8]) -> Vec<(String, Vec<u8>)> {
        let header = Header::read(message).unwrap();
        assert!(header.is_response() && header.is_authoritative());
        assert_eq!((header.id, header.counts[0]), (7, 1));
        let mut reader = Reader::new(message).unwrap();
        assert_eq!(reader.question().unwrap().qtype, rtype::AXFR);
        let records = (0..header.counts[1]).map(|_| {
            let record = reader.record().unwrap();
            (record.owner.to_string(), record.rdata)
        });
        let records = records.collect();
        assert_eq!(reader.position(), message.len());
        records
    }

    fn messages(content: Content) -> Vec<Vec<u8>> {
        let sending = Journal::new(content).send(None);
        let apex = Name::parse("z.test").unwrap();
        Messages::new(7, &apex, rtype::AXFR, sending).collect()
    }

    #[test]
    fn a_small_zone_is_one_message() {
        let messages = messages(content(3, &["x"]));
        let found = records(&messages[0]);
        let own = ("z.test".to_owned(), soa(3).rdata.into_vec());
        assert_eq!(messages.len(), 1);
        assert_eq!(
            found,
            [own.clone(), ("a.z.test".to_owned(), b"\x01x".to_vec()), own]
        );
    }

    #[test]
    fn a_large_zone_is_many_and_nothing_is_lost() {
        let texts: Vec<String> = (0..3000).map(|number| format!("{number:0>100}")).collect();
        let whole = content(3, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let messages = messages(whole);
        assert!(messages.len() > 20, "{}", messages.len());
        assert!(
            messages
                .iter()
                .all(|one| one.len() <= TRANSFER_MESSAGE_BYTES)
        );
        let found: Vec<_> = messages.iter().flat_map(|one| records(one)).collect();
        assert_eq!(found.len(), 3002);
        assert!(
            texts
                .iter()
                .zip(&found[1..])
                .all(|(text, (_, rdata))| rdata[1..] == *text.as_bytes())
        );
    }

    #[test]
    fn a_record_of_any_length_has_a_message() {
        let mut large = crate::dns::transfer::content::tests::text("a.z.test", "x");
        large.rdata = vec![0; 65_000].into();
        let found = messages(Content::of(soa(1), vec![large]));
        let lengths: Vec<usize> = found.iter().map(|one| records(one).len()).collect();
        assert_eq!(lengths, [1, 1, 1]);
    }
}
