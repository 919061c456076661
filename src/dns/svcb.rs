//! Hints in RDATA of SVCB and HTTPS (RFC 9460): where the addresses of a service go that are not written there.
//!
//! Parameters stand in the order of their keys (section 2.2), so `ipv4hint` (4) and `ipv6hint` (6) each have one place
//! among what is written. Only records of ServiceMode whose target is their own owner get any: in AliasMode there are no
//! parameters, and of another target nobody here knows the addresses. Which addresses they are is not known here.
use std::net::IpAddr;

use super::query::take_name;
use crate::base::Family;

/// `ipv4hint` and `ipv6hint` (RFC 9460, section 7.3).
pub(super) const HINT_KEYS: [u16; 2] = [4, 6];

/// The places of hints in RDATA, IPv4 first; `None` where none do: in AliasMode, for another target, for what
/// is malformed.
pub(super) fn hint_places(rdata: &[u8]) -> Option<[usize; 2]> {
    let (priority, rest) = rdata.split_first_chunk::<2>()?;
    let is_own = rest.first() == Some(&0);
    if *priority == [0, 0] || !is_own {
        return None;
    }
    Some(HINT_KEYS.map(|key| {
        let behind = parameters(rdata).find(|(own, _)| *own >= key);
        behind.map_or(rdata.len(), |(_, at)| at)
    }))
}

/// Tells whether RDATA has a hint already.
#[must_use]
pub fn has_hints(rdata: &[u8]) -> bool {
    parameters(rdata).any(|(key, _)| HINT_KEYS.contains(&key))
}

/// Tells whether hints can be put into RDATA.
#[must_use]
pub fn takes_hints(rdata: &[u8]) -> bool {
    hint_places(rdata).is_some()
}

/// RDATA with these addresses as hints, by family; as it is where none go.
#[must_use]
pub fn with_hints(rdata: &[u8], hints: [&[IpAddr]; 2]) -> Vec<u8> {
    let Some([v4, v6]) = hint_places(rdata) else {
        return rdata.to_vec();
    };
    let parameter = |family: Family| {
        let own = hints[family.index()];
        let mut octets = Vec::new();
        let Some(head) = hint_head(family, own.len()) else {
            return octets;
        };
        octets.extend_from_slice(&head);
        own.iter().for_each(|one| match one {
            IpAddr::V4(one) => octets.extend_from_slice(&one.octets()),
            IpAddr::V6(one) => octets.extend_from_slice(&one.octets()),
        });
        octets
    };
    let (v4_hint, v6_hint) = (parameter(Family::V4), parameter(Family::V6));
    [
        &rdata[..v4],
        &v4_hint,
        &rdata[v4..v6],
        &v6_hint,
        &rdata[v6..],
    ]
    .concat()
}

/// Key and length of the parameter of so many addresses; `None` of none, or of too many.
pub(super) fn hint_head(family: Family, count: usize) -> Option<[u8; 4]> {
    let each = match family {
        Family::V4 => 4,
        Family::V6 => 16,
    };
    let length = u16::try_from(count * each)
        .ok()
        .filter(|length| *length > 0)?;
    let ([k0, k1], [l0, l1]) = (
        HINT_KEYS[family.index()].to_be_bytes(),
        length.to_be_bytes(),
    );
    Some([k0, k1, l0, l1])
}

/// The key of each parameter, and where it begins.
fn parameters(rdata: &[u8]) -> impl Iterator<Item = (u16, usize)> {
    let mut rest = rdata.get(2..).unwrap_or_default();
    if take_name(&mut rest).is_err() {
        rest = &[];
    }
    std::iter::from_fn(move || {
        let at = rdata.len() - rest.len();
        let (&[k0, k1, l0, l1], tail) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        rest = tail.get(length..)?;
        Some((u16::from_be_bytes([k0, k1]), at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_stand_in_the_order_of_keys() {
        let v4: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let v6: [IpAddr; 1] = ["2001:db8::1".parse().unwrap()];
        // alpn (1), ech (5), a key of its own (7).
        let written = b"\0\x01\0\0\x01\0\x03\x02h2\0\x05\0\x01e\0\x07\0\0";
        let hinted = with_hints(written, [&v4, &v6]);
        let expected = [
            &b"\0\x01\0\0\x01\0\x03\x02h2"[..],
            b"\0\x04\0\x08\xC0\0\x02\x01\xC0\0\x02\x02",
            b"\0\x05\0\x01e",
            b"\0\x06\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
            b"\0\x07\0\0",
        ];
        assert_eq!(hinted, expected.concat());
        assert!(has_hints(&hinted) && !has_hints(written));
        assert_eq!(with_hints(written, [&[], &[]]), written);
    }

    #[test]
    fn aliases_and_other_targets_get_none() {
        let v4: [IpAddr; 1] = ["192.0.2.1".parse().unwrap()];
        for written in [&b"\0\0\0"[..], b"\0\x01\x01a\0", b"\0\x01", b""] {
            assert_eq!(with_hints(written, [&v4, &[]]), written);
            assert!(!takes_hints(written));
        }
        assert!(takes_hints(b"\0\x01\0"));
        assert_eq!(
            with_hints(b"\0\x01\0", [&v4, &[]]),
            b"\0\x01\0\0\x04\0\x04\xC0\0\x02\x01"
        );
    }
}
