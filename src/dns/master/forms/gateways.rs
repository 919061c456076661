//! Fields whose kind another field says: the gateways of IPSECKEY and AMTRELAY, and the parts of
//! HIP and KEY that may be absent.
use std::fmt::Write;

use domain::utils::base64;

use super::addresses::{read_gateway, show_gateway};
use super::blobs::{BASE64, push_base64, push_hex, show_base64};
use super::numbers::{ALGORITHM, FLAGS, PROTOCOL, take, take_some};
use super::strings::NAME;
use super::{Field, Unfit};

/// `precedence type algorithm gateway` (RFC 4025, section 3.1). The type 0 is written `.`, which
/// NSD does not insist on.
pub(super) const IPSEC: Field = Field {
    read: |words, rdata| {
        rdata.push(words.number()?);
        let kind: u8 = words.number()?;
        if kind > 3 {
            return Err(Unfit::Not("a gateway type from 0 to 3"));
        }
        rdata.push(kind);
        rdata.push(words.number()?);
        read_gateway(kind, words, rdata)
    },
    show: |rest, text| {
        let [precedence, kind, algorithm] = take(rest)?;
        write!(text, "{precedence} {kind} {algorithm} ").ok()?;
        match kind {
            0..=3 => show_gateway(kind, rest, text),
            _ => None,
        }
    },
    is_name: false,
};

/// `precedence discovery type relay` (RFC 8777, section 4.3.2); BIND's alone.
pub(super) const RELAY: Field = Field {
    read: |words, rdata| {
        rdata.push(words.number()?);
        let discovery = match words.number()? {
            0_u8 => 0,
            1 => 0x80,
            _ => return Err(Unfit::Not("0 or 1: whether discovery is optional")),
        };
        let kind: u8 = words.number()?;
        if kind > 3 {
            return Err(Unfit::Not("a relay type from 0 to 3"));
        }
        rdata.push(discovery | kind);
        read_gateway(kind, words, rdata)
    },
    show: |rest, text| {
        let [precedence, kind] = take(rest)?;
        let (discovery, kind) = (kind >> 7, kind & 0x7F);
        write!(text, "{precedence} {discovery} {kind} ").ok()?;
        match kind {
            0..=3 => show_gateway(kind, rest, text),
            // No form is known (RFC 8777, section 4.2.4), and all octets belong to it.
            _ => {
                *rest = &[];
                Some(())
            }
        }
    },
    is_name: false,
};

/// `algorithm hit key servers…`; the key is one word, so that the servers can be told from it
/// (RFC 8005, section 6).
pub(super) const HIP: Field = Field {
    read: |words, rdata| {
        let algorithm: u8 = words.number()?;
        let (mut hit, mut key) = (Vec::new(), Vec::new());
        push_hex(words.next()?, &mut hit)?;
        let length = u8::try_from(hit.len());
        let length = length.map_err(|_| Unfit::Not("a tag of at most 255 octets"))?;
        push_base64(words.next()?, &mut key)?;
        let key_length = u16::try_from(key.len());
        let key_length = key_length.map_err(|_| Unfit::Not("a key of at most 65535 octets"))?;
        rdata.extend([length, algorithm]);
        rdata.extend(key_length.to_be_bytes());
        rdata.extend(hit);
        rdata.extend(key);
        while !words.is_at_end() {
            (NAME.read)(words, rdata)?;
        }
        Ok(())
    },
    show: |rest, text| {
        let [length, algorithm, k0, k1] = take(rest)?;
        let hit = take_some(rest, usize::from(length)).filter(|hit| !hit.is_empty())?;
        let key = take_some(rest, usize::from(u16::from_be_bytes([k0, k1])))?;
        if key.is_empty() {
            return None;
        }
        let hit: String = hit.iter().map(|octet| format!("{octet:02X}")).collect();
        let key = base64::encode_string(key);
        write!(text, "{algorithm} {hit} {key}").ok()?;
        while !rest.is_empty() {
            text.push(' ');
            (NAME.show)(rest, text)?;
        }
        Some(())
    },
    is_name: false,
};

/// `flags protocol algorithm key` (RFC 2535, section 3.1), the key absent where the flags say that
/// there is none; BIND alone reads that.
pub(super) const KEY: Field = Field {
    read: |words, rdata| {
        let start = rdata.len();
        for field in [FLAGS, PROTOCOL, ALGORITHM] {
            (field.read)(words, rdata)?;
        }
        match rdata.get(start) {
            Some(flags) if has_no_key(*flags) && words.is_at_end() => Ok(()),
            _ => (BASE64.read)(words, rdata),
        }
    },
    show: |rest, text| {
        let [f0, f1, protocol, algorithm] = take(rest)?;
        let flags = u16::from_be_bytes([f0, f1]);
        write!(text, "{flags} {protocol} {algorithm}").ok()?;
        if rest.is_empty() {
            return has_no_key(f0).then_some(());
        }
        text.push(' ');
        show_base64(rest, text)
    },
    is_name: false,
};

/// Both bits of the type are set.
fn has_no_key(flags: u8) -> bool {
    flags & 0xC0 == 0xC0
}
