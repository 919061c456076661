//! Serials: 32 bits that only go up, and come around (RFC 1982).
//!
//! Two serials exactly half the circle apart have no order; here neither is newer, so nothing is
//! taken for a step ahead that might be one back.

/// Whether `serial` comes after `other`.
#[must_use]
pub fn is_newer(serial: u32, other: u32) -> bool {
    let ahead = serial.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

/// The serial of a version after `last`, where the source of the zone says `given`: that, if it
/// is ahead, otherwise the next one.
#[must_use]
pub fn next(last: u32, given: u32) -> u32 {
    match is_newer(given, last) {
        true => given,
        false => last.wrapping_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_come_around() {
        for (serial, other, newer) in [
            (1, 0, true),
            (0, 1, false),
            (5, 5, false),
            (0, u32::MAX, true),
            (u32::MAX, 0, false),
            (1 << 31, 0, false),
            (0, 1 << 31, false),
            ((1 << 31) - 1, 0, true),
        ] {
            assert_eq!(is_newer(serial, other), newer, "{serial} {other}");
        }
    }

    #[test]
    fn the_next_one_is_always_newer() {
        for last in [0, 7, u32::MAX, 1 << 31] {
            for given in [0, 7, 8, 2_026_112_601, u32::MAX] {
                assert!(is_newer(next(last, given), last), "{last} {given}");
            }
        }
        assert_eq!(next(7, 2_026_112_601), 2_026_112_601);
        assert_eq!(next(2_026_112_601, 7), 2_026_112_602);
    }
}
