//! Which names in RDATA a client will ask for next, so that their addresses go beside the answer.
//!
//! | type | target | wanted beside A and AAAA | by |
//! |---|---|---|---|
//! | NS, MX | the name | | RFC 1035, sections 3.3.9 and 3.3.11 |
//! | SRV | Target | | RFC 2782 |
//! | NAPTR | Replacement, where the flag is `S` or `A` | SRV, for `S` | RFC 3403, section 4.1; RFC 3404, section 4.3 |
//! | SVCB, HTTPS | TargetName; in ServiceMode `.` is the owner | the same type | RFC 9460, sections 2.5 and 4.1 |
//!
//! The root is a target of nothing else: it says that there is no service (RFC 7505, RFC 2782). Whether a
//! zone has what is wanted, and whether it may be told, is not known here.
use std::ops::Range;

use super::query::take_name;
use super::rr::rtype;

/// Whether records of this type can have a target.
pub(super) fn may_have(kind: u16) -> bool {
    matches!(
        kind,
        rtype::NS | rtype::MX | rtype::SRV | rtype::NAPTR | rtype::SVCB | rtype::HTTPS
    )
}

/// Where in RDATA the target stands; `None` if there is none, or RDATA is malformed.
#[inline]
pub(super) fn place(kind: u16, rdata: &[u8]) -> Option<Range<usize>> {
    let start = match kind {
        rtype::NS => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        rtype::NAPTR => return replacement(rdata),
        rtype::SVCB | rtype::HTTPS => return target_name(rdata),
        _ => return None,
    };
    Some(start..rdata.len())
}

/// The type that is wanted of the target beside its addresses.
#[inline]
pub(super) fn also(kind: u16, rdata: &[u8]) -> Option<u16> {
    match kind {
        rtype::SVCB | rtype::HTTPS => (!is_own(kind, rdata)).then_some(kind),
        // Behind two numbers, a string of one octet.
        rtype::NAPTR => matches!(rdata.get(4..6)?, [1, b'S' | b's']).then_some(rtype::SRV),
        _ => None,
    }
}

/// Whether the target is the owner of the record.
pub(super) fn is_own(kind: u16, rdata: &[u8]) -> bool {
    matches!(kind, rtype::SVCB | rtype::HTTPS) && rdata.get(2) == Some(&0)
}

/// The TargetName of SVCB, behind the priority; a root in AliasMode (priority 0) is none.
fn target_name(rdata: &[u8]) -> Option<Range<usize>> {
    let (priority, mut rest) = rdata.split_first_chunk::<2>()?;
    let name = take_name(&mut rest).ok()?;
    let none = name.len() == 1 && *priority == [0, 0];
    (!none).then_some(2..2 + name.len())
}

/// The Replacement of NAPTR, behind two numbers and three strings, where it ends the rewriting.
fn replacement(rdata: &[u8]) -> Option<Range<usize>> {
    let mut rest = rdata.get(4..)?;
    let flags = take_string(&mut rest)?;
    if !matches!(flags, b"A" | b"a" | b"S" | b"s") {
        return None;
    }
    let _services = take_string(&mut rest)?;
    let _regexp = take_string(&mut rest)?;
    Some(rdata.len() - rest.len()..rdata.len())
}

/// Takes a string behind its length.
fn take_string<'r>(rest: &mut &'r [u8]) -> Option<&'r [u8]> {
    let (length, tail) = rest.split_first()?;
    let (string, tail) = tail.split_at_checked(usize::from(*length))?;
    *rest = tail;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target in RDATA, and what is wanted of it.
    fn told(kind: u16, rdata: &[u8]) -> Option<(&[u8], Option<u16>)> {
        let place = place(kind, rdata)?;
        Some((&rdata[place], also(kind, rdata)))
    }

    #[test]
    fn each_type_has_its_target_where_its_format_says() {
        let name = b"\x01a\x01b\x00".as_slice();
        let naptr = |flags: &[u8]| {
            let head = b"\x00\x01\x00\x02".as_slice();
            let flag = [&[u8::try_from(flags.len()).unwrap()], flags].concat();
            [head, &flag, b"\x03E2U", b"\x00", name].concat()
        };
        let svcb = |priority: u8, name: &[u8]| [&[0, priority][..], name, b"\x00\x03"].concat();
        let (srv, https, root) = (Some(rtype::SRV), Some(rtype::HTTPS), b"\x00".as_slice());
        for (kind, rdata, expected) in [
            (rtype::NS, name.to_vec(), Some((name, None))),
            (rtype::MX, [&[0, 9], name].concat(), Some((name, None))),
            (rtype::SRV, [&[0; 6], name].concat(), Some((name, None))),
            (rtype::NAPTR, naptr(b"A"), Some((name, None))),
            (rtype::NAPTR, naptr(b"a"), Some((name, None))),
            (rtype::NAPTR, naptr(b"S"), Some((name, srv))),
            (rtype::NAPTR, naptr(b"s"), Some((name, srv))),
            (rtype::NAPTR, naptr(b"U"), None),
            (rtype::NAPTR, naptr(b""), None),
            (rtype::NAPTR, naptr(b"SA"), None),
            (rtype::NAPTR, b"\x00\x01\x00\x02\x01S\x09".to_vec(), None),
            (rtype::HTTPS, svcb(1, name), Some((name, https))),
            (rtype::HTTPS, svcb(0, name), Some((name, https))),
            (rtype::HTTPS, svcb(1, root), Some((root, None))),
            (rtype::HTTPS, svcb(0, root), None),
            (rtype::SVCB, b"\x00".to_vec(), None),
            (rtype::TXT, name.to_vec(), None),
        ] {
            assert_eq!(told(kind, &rdata), expected, "{kind} {rdata:?}");
            assert!(expected.is_none() || may_have(kind));
        }
        assert!(is_own(rtype::SVCB, &svcb(1, root)) && !is_own(rtype::SVCB, &svcb(1, name)));
    }
}
