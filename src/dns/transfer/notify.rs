//! A change of a zone told, and the telling read (RFC 1996).
use super::content::Entry;
use crate::dns::Name;
use crate::dns::message::{self, Header, Malformed, Reader, opcode};
use crate::dns::rr::{class, rtype};

/// A notification: the zone, and the serial if the sender says it. The serial is a hint from
/// whoever sends; only the primary's own SOA counts (section 3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The zone.
    pub zone: Name,
    /// Its serial.
    pub serial: Option<u32>,
}

/// Tells that a zone has a new SOA.
#[must_use]
pub fn tell(id: u16, zone: &Name, soa: &Entry) -> Vec<u8> {
    let mut told = message::header(id, opcode::NOTIFY, None, [1, 1, 0, 0]).to_vec();
    message::set_authoritative(&mut told);
    told.extend_from_slice(zone.as_wire());
    told.extend_from_slice(&rtype::SOA.to_be_bytes());
    told.extend_from_slice(&class::IN.to_be_bytes());
    told.extend_from_slice(&[0xC0, 12]);
    told.extend_from_slice(&rtype::SOA.to_be_bytes());
    told.extend_from_slice(&class::IN.to_be_bytes());
    told.extend_from_slice(&soa.ttl.to_be_bytes());
    let length = u16::try_from(soa.rdata.len()).unwrap_or(u16::MAX);
    told.extend_from_slice(&length.to_be_bytes());
    told.extend_from_slice(&soa.rdata);
    told
}

/// Reads a notification.
///
/// # Errors
/// When it is none that can be read, or is of anything but an SOA of class IN.
pub fn read(request: &[u8]) -> Result<Notify, Malformed> {
    let header = Header::read(request)?;
    if header.counts[0] != 1 {
        return Err(Malformed);
    }
    let mut reader = Reader::new(request)?;
    let asked = reader.question()?;
    if (asked.qtype, asked.qclass) != (rtype::SOA, class::IN) {
        return Err(Malformed);
    }
    let mut serial = None;
    if header.counts[1] > 0 {
        let record = reader.record()?;
        let entry = Entry {
            owner: record.owner,
            rtype: record.rtype,
            ttl: record.ttl,
            rdata: record.rdata.into(),
        };
        serial = (entry.rtype == rtype::SOA && entry.owner == asked.name).then(|| entry.serial());
    }
    Ok(Notify {
        zone: asked.name,
        serial,
    })
}

/// Whether a packet acknowledges the notification of this id: any reply does, whatever its code;
/// a secondary that refuses will refuse the next time as well (section 3.8 has it stop too).
#[must_use]
pub fn acknowledges(reply: &[u8], id: u16) -> Option<u16> {
    let header = Header::read(reply).ok()?;
    let is_it = header.id == id && header.is_response() && header.opcode() == opcode::NOTIFY;
    is_it.then(|| header.rcode())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::transfer::content::tests::soa;

    #[test]
    fn what_is_told_is_read_and_acknowledged() {
        let zone = Name::parse("z.test").unwrap();
        let told = tell(7, &zone, &soa(9));
        let notify = Notify {
            zone,
            serial: Some(9),
        };
        assert_eq!(read(&told), Ok(notify));
        assert_eq!(acknowledges(&told, 7), None, "not a reply");
        let reply = message::reply(&told, 0).unwrap();
        assert_eq!(acknowledges(&reply, 7), Some(0));
        assert_eq!(acknowledges(&reply, 8), None);
        for end in 0..told.len() {
            assert_eq!(read(&told[..end]), Err(Malformed), "{end}");
        }
    }

    #[test]
    fn a_bare_notification_will_do() {
        let mut told = tell(7, &Name::parse("z.test").unwrap(), &soa(9));
        told.truncate(24);
        told[7] = 0;
        assert_eq!(read(&told).map(|notify| notify.serial), Ok(None));
        told[21] = 1;
        assert_eq!(read(&told), Err(Malformed), "of another type");
    }
}
