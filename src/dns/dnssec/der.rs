//! The few elements of DER (X.690) that key files are made of.
//!
//! Read strictly: what is not in its shortest form is no key of ours, and every length is
//! checked against what is left, so foreign bytes cost no more than their own size.

/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// NULL.
pub(super) const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub(super) const OBJECT: u8 = 0x06;
/// SEQUENCE, constructed.
pub(super) const SEQUENCE: u8 = 0x30;
/// The explicit tag `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xA1;

/// Elements that stand one behind another, taken from the front.
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The content of the next element if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        (found == tag).then(|| {
            self.0 = rest;
            content
        })
    }

    /// The elements inside the next one.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Elements)
    }

    /// The next element as a number that is not negative, big endian without leading zeros.
    pub(super) fn number(&mut self) -> Option<&'a [u8]> {
        match self.take(INTEGER)? {
            [0, rest @ ..] => Some(rest),
            content @ [1..=127, ..] => Some(content),
            _ => None,
        }
    }
}

fn length(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = octets.split_first()?;
    match first {
        0..=127 => Some((usize::from(first), rest)),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (length > 127).then_some((usize::from(length), rest))
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u16::from_be_bytes(*length);
            (length > 255).then_some((usize::from(length), rest))
        }
        _ => None,
    }
}

/// An element that holds `parts` one behind another; at most 65,535 octets, as all keys have.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let mut made = vec![tag];
    match length {
        0..=127 => made.push(low),
        128..=255 => made.extend([0x81, low]),
        _ => made.extend([0x82, high, low]),
    }
    made.extend(content);
    made
}

/// An INTEGER of a number that is big endian and not negative.
pub(super) fn number(octets: &[u8]) -> Vec<u8> {
    let octets = without_zeros(octets);
    match octets.first() {
        Some(1..=127) => element(INTEGER, &[octets]),
        _ => element(INTEGER, &[&[0], octets]),
    }
}

/// A big-endian number without the zeros before it.
pub(super) fn without_zeros(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| *octet != 0);
    &octets[start.unwrap_or(octets.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_they_are_written() {
        for size in [0, 1, 127, 128, 255, 256, 5000] {
            let content = vec![7; size];
            let made = element(OCTET_STRING, &[&content]);
            let mut read = Elements(&made);
            assert_eq!(read.take(INTEGER), None);
            assert_eq!(read.take(OCTET_STRING), Some(&content[..]));
            assert!(read.0.is_empty());
            assert_eq!(Elements(&made[..made.len() - 1]).take(OCTET_STRING), None);
        }
    }

    #[test]
    fn numbers_keep_their_sign_out_of_sight() {
        for octets in [&b""[..], b"\x01", b"\x7F\x00", b"\x80", b"\xFF\xFF"] {
            let made = number(octets);
            assert_eq!(Elements(&made).number(), Some(octets));
        }
        assert_eq!(number(&[0, 0, 5]), [INTEGER, 1, 5]);
        assert_eq!(Elements(&[INTEGER, 1, 0x80]).number(), None);
    }

    #[test]
    fn lengths_are_in_their_shortest_form() {
        assert_eq!(Elements(&[4, 0x81, 1, 7]).take(OCTET_STRING), None);
        assert_eq!(Elements(&[4, 0x80]).take(OCTET_STRING), None);
        assert_eq!(Elements(&[4, 0x84, 0, 0, 0, 0]).take(OCTET_STRING), None);
    }
}
