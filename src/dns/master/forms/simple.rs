//! Octets judged as RDATA of the types that large zones are made of, without being shown.
//!
//! A transfer of a million records asks this a million times. What is judged here is judged as by the type's form in
//! [`super::table`], which a test holds against it; of any other type nothing is said here.
use crate::dns::query::take_name;
use crate::dns::rr::rtype;

/// Judges octets as RDATA of a type; `None` for types that are judged by their form.
pub(super) fn is_well_formed(kind: u16, rdata: &[u8]) -> Option<bool> {
    let mut rest = rdata;
    let fits = match kind {
        rtype::A => take(&mut rest, 4).map(drop),
        rtype::AAAA => take(&mut rest, 16).map(drop),
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => name(&mut rest),
        rtype::MX => take(&mut rest, 2).and_then(|_| name(&mut rest)),
        rtype::SRV => take(&mut rest, 6).and_then(|_| name(&mut rest)),
        rtype::TXT => strings(&mut rest),
        rtype::DS | rtype::DNSKEY => take(&mut rest, 4).and_then(|_| some(&mut rest)),
        rtype::RRSIG => signature(&mut rest),
        rtype::NSEC => name(&mut rest).and_then(|()| types(&mut rest)),
        rtype::NSEC3 => hashed(&mut rest),
        _ => return None,
    };
    Some(fits.is_some() && rest.is_empty())
}

fn take<'r>(rest: &mut &'r [u8], octets: usize) -> Option<&'r [u8]> {
    rest.split_off(..octets)
}

fn name(rest: &mut &[u8]) -> Option<()> {
    take_name(rest).ok().map(drop)
}

fn string(rest: &mut &[u8]) -> Option<usize> {
    let length = usize::from(*rest.split_off_first()?);
    take(rest, length).map(<[u8]>::len)
}

fn strings(rest: &mut &[u8]) -> Option<()> {
    string(rest)?;
    while !rest.is_empty() {
        string(rest)?;
    }
    Some(())
}

/// All that is left, which must be something.
fn some(rest: &mut &[u8]) -> Option<()> {
    (!std::mem::take(rest).is_empty()).then_some(())
}

/// Numbers, the signer, and the signature (RFC 4034, section 3.1).
fn signature(rest: &mut &[u8]) -> Option<()> {
    take(rest, 18)?;
    name(rest)?;
    some(rest)
}

/// Numbers, the salt, the next hash, and the types (RFC 5155, section 3.2).
fn hashed(rest: &mut &[u8]) -> Option<()> {
    take(rest, 4)?;
    string(rest)?;
    let hash = string(rest)?;
    (hash > 0).then_some(())?;
    types(rest)
}

/// Windows of types in ascending order (RFC 4034, section 4.1.2).
fn types(rest: &mut &[u8]) -> Option<()> {
    let mut least = 0;
    while !rest.is_empty() {
        let (window, length) = (*rest.split_off_first()?, *rest.split_off_first()?);
        if u16::from(window) < least || !(1..=32).contains(&length) {
            return None;
        }
        least = u16::from(window) + 1;
        take(rest, usize::from(length))?;
    }
    Some(())
}
