//! Messages that need a worker, because the table alone cannot answer them: transfers, notifications, updates, and
//! whatever is signed.
//!
//! That can be seen from a few octets, and nearly no query is one: so each is looked at here before
//! it is answered, and nothing is allocated for it.
use crate::dns::message::opcode;
use crate::dns::query::HEADER_BYTES;
use crate::dns::rr::rtype;
use crate::dns::tsig;

/// Tells a message that needs a worker from one that the table answers.
pub(super) fn needs_worker(request: &[u8]) -> bool {
    let Some(head) = request.first_chunk::<HEADER_BYTES>() else {
        return false;
    };
    // QR and opcode.
    match head[2] >> 3 {
        opcode::QUERY => {}
        opcode::NOTIFY | opcode::UPDATE => return true,
        _ => return false,
    }
    let Some((qtype, rest)) = behind_name(&request[HEADER_BYTES..]) else {
        return false;
    };
    let is_plain = head[6..11] == [0; 5] && (head[11] == 0 || head[11] == 1 && is_opt(rest));
    match qtype {
        rtype::AXFR | rtype::IXFR => true,
        _ => !is_plain && tsig::is_signed(request),
    }
}

/// The octets of a message in which the name of its question stands; none if there is no question.
pub(super) fn asked_name(request: &[u8]) -> (u16, u16) {
    let behind = request.get(HEADER_BYTES..).and_then(behind_name);
    let end = behind.map_or(0, |(_, rest)| request.len() - rest.len() - 4);
    match u16::try_from(end) {
        Ok(end) if end > 0 => (u16::try_from(HEADER_BYTES).unwrap_or(0), end),
        Ok(_) | Err(_) => (0, 0),
    }
}

/// The type of the question, and what stands behind its class.
fn behind_name(mut rest: &[u8]) -> Option<(u16, &[u8])> {
    while let (&length @ 1..=63, _) = rest.split_first()? {
        rest = rest.get(1 + usize::from(length)..)?;
    }
    let [0, t0, t1, _, _, rest @ ..] = rest else {
        return None;
    };
    Some((u16::from_be_bytes([*t0, *t1]), rest))
}

fn is_opt(rest: &[u8]) -> bool {
    rest.starts_with(&[0, 0, 41])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;
    use crate::dns::message::header;
    use crate::dns::tsig::{Algorithm, Key, Signer};

    fn request(opcode: u8, qtype: u16, more: &[u8]) -> Vec<u8> {
        let additional = u16::from(!more.is_empty());
        let head = header(7, opcode, None, [1, 0, 0, additional]);
        let [t0, t1] = qtype.to_be_bytes();
        [&head[..], b"\x07example\x03org\x00", &[t0, t1, 0, 1], more].concat()
    }

    #[test]
    fn plain_queries_need_no_worker() {
        let opt = [0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0];
        assert!(!needs_worker(&request(opcode::QUERY, 1, &[])));
        assert!(!needs_worker(&request(opcode::QUERY, 1, &opt)));
        assert!(!needs_worker(&request(2, 1, &[])));
        let mut reply = request(opcode::NOTIFY, 6, &[]);
        reply[2] |= 0x80;
        assert!(!needs_worker(&reply));
    }

    #[test]
    fn transfers_notices_updates_and_signed_queries_need_one() {
        assert!(needs_worker(&request(opcode::QUERY, 252, &[])));
        assert!(needs_worker(&request(opcode::QUERY, 251, &[])));
        assert!(needs_worker(&request(opcode::NOTIFY, 6, &[])));
        assert!(needs_worker(&request(opcode::UPDATE, 6, &[])));
        let key = Key::new(Name::parse("k").unwrap(), Algorithm::Sha256, b"x");
        for more in [&[][..], &[0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0]] {
            let mut signed = request(opcode::QUERY, 1, more);
            Signer::request(&key).sign(&mut signed, 1);
            assert!(needs_worker(&signed));
        }
    }

    #[test]
    fn the_name_of_the_question_is_found() {
        let (start, end) = asked_name(&request(opcode::UPDATE, 6, &[1]));
        let whole = request(opcode::UPDATE, 6, &[1]);
        let name = &whole[usize::from(start)..usize::from(end)];
        assert_eq!(name, b"\x07example\x03org\0");
        assert_eq!(asked_name(&whole[..14]), (0, 0));
        assert_eq!(asked_name(&[]), (0, 0));
    }

    #[test]
    fn scraps_are_looked_at_no_further() {
        let whole = request(opcode::QUERY, 252, &[1]);
        for end in 0..whole.len() {
            let _ = needs_worker(&whole[..end]);
        }
        assert!(!needs_worker(&[0; 12]));
        assert!(!needs_worker(&[0xFF; 600]));
    }
}
