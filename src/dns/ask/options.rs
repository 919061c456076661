//! What a server tells in the EDNS options of a reply.
//!
//! Read with patience: an option that is not what its RFC says is shown by its octets, since whoever
//! asks wants to see just that.
use std::net::IpAddr;

use domain::base::iana::ExtendedErrorCode;
use serde::{Serialize, Serializer};

pub(super) const NSID: u16 = 3;
pub(super) const SUBNET: u16 = 8;
pub(super) const COOKIE: u16 = 10;
pub(super) const PADDING: u16 = 12;
const KEEPALIVE: u16 = 11;
const ERROR: u16 = 15;

/// Octets of a client cookie (RFC 7873, section 4).
const CLIENT_COOKIE_BYTES: usize = 8;

/// One option of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "option")]
pub enum Told {
    /// Who the server is (RFC 5001), as text where it is text.
    Identity {
        /// In words, or in hexadecimal digits.
        name: String,
    },
    /// For whom the answer is (RFC 7871).
    Subnet {
        /// The network that was asked for.
        address: IpAddr,
        /// Its prefix length.
        prefix: u8,
        /// How many bits of it the answer holds for.
        scope: u8,
    },
    /// Cookies (RFC 7873).
    Cookie {
        /// The client's.
        #[serde(serialize_with = "as_hexadecimal")]
        client: Vec<u8>,
        /// The server's; empty if it gave none.
        #[serde(serialize_with = "as_hexadecimal")]
        server: Vec<u8>,
    },
    /// How long an idle connection stays open (RFC 7828).
    Keepalive {
        /// Tenths of a second, milliseconds in JSON; absent if the server did not say.
        #[serde(rename = "idle_ms", serialize_with = "as_milliseconds")]
        tenths: Option<u16>,
    },
    /// Filling (RFC 7830).
    Padding {
        /// How much.
        #[serde(rename = "size_bytes")]
        octets: usize,
    },
    /// What is wrong, or odd, about the answer (RFC 8914).
    Error {
        /// Its number.
        code: u16,
        /// Its name, if it is registered.
        name: Option<String>,
        /// The server's own words.
        text: String,
    },
    /// Anything else, and what is not as its RFC says.
    Other {
        /// Number of the option.
        code: u16,
        /// Its data in hexadecimal digits.
        data: String,
    },
}

fn as_milliseconds<S: Serializer>(tenths: &Option<u16>, to: S) -> Result<S::Ok, S::Error> {
    let span = tenths.map(|tenths| u32::from(tenths) * 100);
    span.serialize(to)
}

/// All options of an OPT record; `None` if they do not fill it exactly.
pub(super) fn read(mut rdata: &[u8]) -> Option<Vec<Told>> {
    let mut told = Vec::new();
    while !rdata.is_empty() {
        let (code, rest) = word(rdata)?;
        let (length, rest) = word(rest)?;
        let (data, rest) = rest.split_at_checked(usize::from(length))?;
        told.push(read_one(code, data));
        rdata = rest;
    }
    Some(told)
}

fn read_one(code: u16, data: &[u8]) -> Told {
    let known = match code {
        NSID => Some(Told::Identity { name: name(data) }),
        SUBNET => subnet(data),
        COOKIE => cookie(data),
        KEEPALIVE => keepalive(data),
        PADDING => Some(Told::Padding { octets: data.len() }),
        ERROR => error(data),
        _ => None,
    };
    known.unwrap_or_else(|| Told::Other {
        code,
        data: hexadecimal(data),
    })
}

fn subnet(data: &[u8]) -> Option<Told> {
    let (family, rest) = word(data)?;
    let (&[prefix, scope], address) = rest.split_first_chunk()?;
    let mut octets = [0; 16];
    octets.get_mut(..address.len())?.copy_from_slice(address);
    let address = match family {
        1 if address.len() <= 4 => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
        2 => IpAddr::from(octets),
        _ => return None,
    };
    Some(Told::Subnet {
        address,
        prefix,
        scope,
    })
}

fn cookie(data: &[u8]) -> Option<Told> {
    let (client, server) = data.split_at_checked(CLIENT_COOKIE_BYTES)?;
    Some(Told::Cookie {
        client: client.to_vec(),
        server: server.to_vec(),
    })
}

fn keepalive(data: &[u8]) -> Option<Told> {
    let tenths = match data {
        [] => None,
        &[high, low] => Some(u16::from_be_bytes([high, low])),
        _ => return None,
    };
    Some(Told::Keepalive { tenths })
}

fn error(data: &[u8]) -> Option<Told> {
    let (code, text) = word(data)?;
    let name = ExtendedErrorCode::from_int(code).to_mnemonic();
    Some(Told::Error {
        code,
        name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        text: line(&String::from_utf8_lossy(text)),
    })
}

/// An identity is any octets; most servers have text there.
fn name(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => hexadecimal(data),
    }
}

/// A stranger's words as a terminal may show them.
fn line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
    text.trim_end_matches('\0').chars().map(shown).collect()
}

fn as_hexadecimal<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hexadecimal(data))
}

/// Octets as a person compares them.
#[must_use]
pub fn hexadecimal(data: &[u8]) -> String {
    data.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn word(data: &[u8]) -> Option<(u16, &[u8])> {
    let (word, rest) = data.split_first_chunk()?;
    Some((u16::from_be_bytes(*word), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(code: u16, data: &str) -> Told {
        let data = data.to_owned();
        Told::Other { code, data }
    }

    #[test]
    fn options_are_read_and_odd_ones_shown_as_they_are() {
        let error = |name: Option<&str>, code, text: &str| Told::Error {
            code,
            name: name.map(str::to_owned),
            text: text.to_owned(),
        };
        let cookie = |client: &[u8], server: &[u8]| Told::Cookie {
            client: client.to_vec(),
            server: server.to_vec(),
        };
        let identity = |name: &str| Told::Identity {
            name: name.to_owned(),
        };
        let subnet = |address: &str, prefix, scope| Told::Subnet {
            address: address.parse().unwrap(),
            prefix,
            scope,
        };
        for (code, data, expected) in [
            (3, &b"ns1"[..], identity("ns1")),
            (3, b"\x01\xFF", identity("01ff")),
            (
                8,
                b"\0\x01\x18\x10\xC6\x33\x64",
                subnet("198.51.100.0", 24, 16),
            ),
            (
                8,
                b"\0\x02\x20\x20\x20\x01\x0d\xb8",
                subnet("2001:db8::", 32, 32),
            ),
            (8, b"\0\x01\0\0", subnet("0.0.0.0", 0, 0)),
            (
                8,
                b"\0\x01\x28\0\x01\x02\x03\x04\x05",
                other(8, "000128000102030405"),
            ),
            (8, b"\0\x03\0\0", other(8, "00030000")),
            (10, b"12345678", cookie(b"12345678", b"")),
            (10, b"12345678\0\x01", cookie(b"12345678", b"\0\x01")),
            (10, b"1234567", other(10, "31323334353637")),
            (11, b"", Told::Keepalive { tenths: None }),
            (11, b"\0\x64", Told::Keepalive { tenths: Some(100) }),
            (12, b"\0\0", Told::Padding { octets: 2 }),
            (15, b"\0\x03old", error(Some("Stale Answer"), 3, "old")),
            (
                15,
                b"\xFF\x00a\x1B[2J\0",
                error(None, 0xFF00, "a\u{FFFD}[2J"),
            ),
            (15, b"\0", other(15, "00")),
            (4711, b"\xAB", other(4711, "ab")),
        ] {
            assert_eq!(read_one(code, data), expected);
        }
    }

    #[test]
    fn options_fill_their_record() {
        assert_eq!(
            read(b"\0\x0C\0\0\0\x03\0\x01a").map(|all| all.len()),
            Some(2)
        );
        for bad in [&b"\0"[..], b"\0\x0C\0", b"\0\x0C\0\x01", b"\0\x0C\0\0\0"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
