//! A reply without what tells who asked: for samples of answers, which leave the server.
//!
//! The subnet of the client (RFC 7871) is cut to the length to which clients are told apart at all, and a cookie (RFC 7873) is
//! made of zeros: it would tell the same client again, and whoever knew it could pass for that one. Lengths stay as
//! they are.
use std::ops::Range;

use super::edns::{OPTION_COOKIE, OPTION_SUBNET};
use super::freshness::Records;
use super::rr::rtype;
use crate::base::limits::{COHORT_PREFIX_V4, COHORT_PREFIX_V6};

/// Octets of an option before its data: code and length.
const OPTION_HEAD: usize = 4;
/// Octets of a subnet before its address: family and both lengths.
const SUBNET_HEAD: usize = 4;

/// Takes out what tells who asked; `None`, and maybe half of it done, if the message cannot be read.
#[must_use]
pub fn hide_client(reply: &mut [u8]) -> Option<()> {
    let mut options = options(reply)?;
    while !options.is_empty() {
        let rest = &mut reply[options.clone()];
        let (head, rest) = rest.split_first_chunk_mut::<OPTION_HEAD>()?;
        let [c0, c1, l0, l1] = *head;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        hide(u16::from_be_bytes([c0, c1]), rest.get_mut(..length)?);
        options.start += OPTION_HEAD + length;
    }
    Some(())
}

fn hide(code: u16, data: &mut [u8]) {
    match code {
        OPTION_COOKIE => data.fill(0),
        OPTION_SUBNET => {
            let prefix = match data.get(..2) {
                Some([0, 1]) => COHORT_PREFIX_V4,
                Some([0, 2]) => COHORT_PREFIX_V6,
                _ => 0,
            };
            let kept = SUBNET_HEAD + usize::from(prefix / 8);
            data.iter_mut().skip(kept).for_each(|octet| *octet = 0);
        }
        _ => {}
    }
}

/// The place of the options of the OPT record; empty if there is none.
fn options(reply: &[u8]) -> Option<Range<usize>> {
    let mut records = Records::of(reply)?;
    let mut found = 0..0;
    for _ in 0..records.number() {
        let record = records.next()?;
        if record.rtype == rtype::OPT {
            let end = reply.len() - records.octets_left();
            found = end - record.rdata.len()..end;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(options: &[u8]) -> Vec<u8> {
        let mut whole = vec![0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 1];
        whole.extend(b"\x03www\x00\x00\x01\x00\x01");
        whole.extend(b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x0A\x00\x04\xC0\x00\x02\x01");
        whole.extend(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00");
        whole.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        whole.extend(options);
        whole
    }

    #[test]
    fn subnets_are_cut_and_cookies_are_gone() {
        let cases: [(&[u8], &[u8]); 4] = [
            (
                &[0, 8, 0, 8, 0, 1, 32, 24, 198, 51, 100, 77],
                &[0, 8, 0, 8, 0, 1, 32, 24, 198, 51, 100, 0],
            ),
            (
                &[0, 8, 0, 12, 0, 2, 64, 48, 0x20, 1, 0xD, 0xB8, 1, 2, 3, 4],
                &[0, 8, 0, 12, 0, 2, 64, 48, 0x20, 1, 0xD, 0xB8, 1, 2, 0, 0],
            ),
            (
                &[0, 3, 0, 1, 65, 0, 10, 0, 2, 1, 2],
                &[0, 3, 0, 1, 65, 0, 10, 0, 2, 0, 0],
            ),
            (&[], &[]),
        ];
        for (before, after) in cases {
            let mut message = reply(before);
            hide_client(&mut message).unwrap();
            assert_eq!(message, reply(after));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_told() {
        let whole = reply(&[0, 8, 0, 8, 0, 1, 32, 24, 198, 51, 100, 77]);
        for end in 0..whole.len() {
            assert_eq!(hide_client(&mut whole[..end].to_vec()), None, "{end}");
        }
        let mut long = reply(&[0, 10, 0, 9, 1]);
        assert_eq!(hide_client(&mut long), None, "an option that is too long");
    }
}
