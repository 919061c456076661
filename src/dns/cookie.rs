//! Server cookies (RFC 7873), made and checked as all servers of RFC 9018 do.
//!
//! ```text
//! client cookie (8) | version 1 | 3 reserved octets | timestamp (4) | SipHash-2-4 (8)
//!                                                                     over all in front
//!                                                                     and the client's address
//! ```
//!
//! A client that shows a cookie of this server has received a packet at its address not long ago, so the
//! address is not forged. Nothing is kept per client. A cookie counts for an hour, and is made anew once it is
//! half an hour old (RFC 9018, section 4.3); a young one is given back as it is. Of several secrets
//! the first makes cookies and all of them check, so that several servers of one address can
//! change theirs without an hour in which they refuse each other's (section 5).
//!
//! Where the secrets come from, what time it is, and what a wrong cookie is answered with is not
//! known here.
use std::fmt;
use std::net::IpAddr;

use super::edns::{CLIENT_COOKIE_BYTES, COOKIE_BYTES, QueryCookie, SERVER_COOKIE_BYTES};
use crate::base::limits::COOKIE_SECRETS;
use crate::base::sip_hash;

const VERSION: u8 = 1;
/// Octets in front of the hash, the client's part among them.
const HEAD_BYTES: usize = COOKIE_BYTES - 8;
/// How old a cookie may be, seconds.
const VALID: i32 = 3600;
/// How far a cookie may be of the future, because clocks differ, seconds.
const AHEAD: i32 = 300;
/// How old a cookie may be to be given back as it is, seconds.
const YOUNG: i32 = 1800;

/// A secret that cookies are made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

/// Never shown.
impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

/// What makes and checks cookies at one time.
#[derive(Clone, Copy, Debug)]
pub struct Jar {
    secrets: [Option<Secret>; COOKIE_SECRETS],
    /// Seconds since 1970, modulo 2^32.
    now: u32,
}

/// What a query proves of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It has no cookie, or cookies are not spoken here.
    None,
    /// It knows of cookies, and has none of this server, or none that counts.
    Client,
    /// Its address is its own: it shows a cookie that was sent there.
    Server,
}

impl Jar {
    /// Makes with the first secret, checks with all; those past [`COOKIE_SECRETS`] do not count.
    /// `seconds` is wall time since 1970.
    #[must_use]
    pub fn new(secrets: &[Secret], seconds: u64) -> Self {
        let mut own = [None; COOKIE_SECRETS];
        for (place, secret) in own.iter_mut().zip(secrets) {
            *place = Some(*secret);
        }
        // The timestamp is compared by serial arithmetic (RFC 1982), so what is cut off does not matter.
        let [.., a, b, c, d] = seconds.to_be_bytes();
        Self {
            secrets: own,
            now: u32::from_be_bytes([a, b, c, d]),
        }
    }

    /// What the cookie proves of a client at this address, and the cookie of the reply; none if
    /// there are no secrets.
    #[must_use]
    pub fn judge(
        &self,
        cookie: &QueryCookie,
        address: IpAddr,
    ) -> (Proof, Option<[u8; COOKIE_BYTES]>) {
        let shown = cookie.server.map(|server| joined(cookie.client, server));
        let age = shown.and_then(|shown| Some((shown, self.age(&shown, address)?)));
        match age {
            Some((shown, age)) if age <= YOUNG && self.is_first(&shown, address) => {
                (Proof::Server, Some(shown))
            }
            Some(_) => (Proof::Server, self.make(cookie.client, address)),
            None => (Proof::Client, self.make(cookie.client, address)),
        }
    }

    /// A cookie of now.
    fn make(
        &self,
        client: [u8; CLIENT_COOKIE_BYTES],
        address: IpAddr,
    ) -> Option<[u8; COOKIE_BYTES]> {
        let secret = self.secrets[0].as_ref()?;
        let mut cookie = [0; COOKIE_BYTES];
        cookie[..CLIENT_COOKIE_BYTES].copy_from_slice(&client);
        cookie[CLIENT_COOKIE_BYTES] = VERSION;
        cookie[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&self.now.to_be_bytes());
        let hash = hash(secret, &cookie, address);
        cookie[HEAD_BYTES..].copy_from_slice(&hash);
        Some(cookie)
    }

    /// How many seconds ago the cookie was made here for this address, if it was and still counts.
    fn age(&self, cookie: &[u8; COOKIE_BYTES], address: IpAddr) -> Option<i32> {
        if cookie[CLIENT_COOKIE_BYTES] != VERSION {
            return None;
        }
        let [.., a, b, c, d] = *cookie.first_chunk::<HEAD_BYTES>()?;
        let made = u32::from_be_bytes([a, b, c, d]);
        let age = self.now.wrapping_sub(made).cast_signed();
        let counts = (-AHEAD..=VALID).contains(&age);
        let secrets = self.secrets.iter().flatten();
        let mut hashes = secrets.map(|secret| hash(secret, cookie, address));
        let right = |own: [u8; 8]| is_same(&own, &cookie[HEAD_BYTES..]);
        (counts && hashes.any(right)).then_some(age)
    }

    /// Whether it is of the secret that makes cookies now.
    fn is_first(&self, cookie: &[u8; COOKIE_BYTES], address: IpAddr) -> bool {
        if self.secrets[1].is_none() {
            return true; // It was checked with the only one there is.
        }
        let first = self.secrets[0].as_ref();
        first.is_some_and(|own| hash(own, cookie, address) == cookie[HEAD_BYTES..])
    }
}

fn joined(
    client: [u8; CLIENT_COOKIE_BYTES],
    server: [u8; SERVER_COOKIE_BYTES],
) -> [u8; COOKIE_BYTES] {
    let mut whole = [0; COOKIE_BYTES];
    whole[..CLIENT_COOKIE_BYTES].copy_from_slice(&client);
    whole[CLIENT_COOKIE_BYTES..].copy_from_slice(&server);
    whole
}

/// Compares in a time that does not tell how much is right.
fn is_same(own: &[u8; 8], shown: &[u8]) -> bool {
    let differences = own.iter().zip(shown).map(|(own, shown)| own ^ shown);
    shown.len() == own.len() && differences.fold(0, |all, one| all | one) == 0
}

/// The hash of a cookie's head and an address, as it stands in the cookie.
fn hash(secret: &Secret, cookie: &[u8; COOKIE_BYTES], address: IpAddr) -> [u8; 8] {
    let mut input = [0; HEAD_BYTES + 16];
    input[..HEAD_BYTES].copy_from_slice(&cookie[..HEAD_BYTES]);
    let length = match address {
        IpAddr::V4(address) => {
            input[HEAD_BYTES..HEAD_BYTES + 4].copy_from_slice(&address.octets());
            HEAD_BYTES + 4
        }
        IpAddr::V6(address) => {
            input[HEAD_BYTES..].copy_from_slice(&address.octets());
            HEAD_BYTES + 16
        }
    };
    sip_hash(&secret.0, &input[..length]).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Secret = Secret(octets(0xe5e9_73e5_a6b2_a43f_48e7_dc84_9e37_bfcf));
    const OLD: Secret = Secret(octets(0xdd3b_df93_44b6_78b1_85a6_f5cb_60fc_a715));
    const NEW: Secret = Secret(octets(0x4455_36bc_d251_3298_075a_5d37_9663_c962));

    const fn octets(number: u128) -> [u8; 16] {
        number.to_be_bytes()
    }

    fn cookie(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect()
    }

    fn shown(hex: &str) -> QueryCookie {
        let octets = cookie(hex);
        let (client, server) = octets.split_first_chunk().unwrap();
        QueryCookie {
            client: *client,
            server: server.try_into().ok(),
        }
    }

    /// What a client at `address` proves and gets at a time when cookies are made with `secrets`.
    fn judge(secrets: &[Secret], now: u64, address: &str, hex: &str) -> (Proof, Vec<u8>) {
        let jar = Jar::new(secrets, now);
        let (proof, reply) = jar.judge(&shown(hex), address.parse().unwrap());
        (proof, reply.unwrap().to_vec())
    }

    /// RFC 9018, appendix A.
    #[test]
    fn cookies_are_those_of_the_examples() {
        let (first, learnt) = (
            "2464c4abcf10c957",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
        );
        let one = judge(&[FIRST], 0x5cf7_9f11, "198.51.100.100", first);
        assert_eq!(one, (Proof::Client, cookie(learnt)));
        let renewed = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
        let two = judge(&[FIRST], 0x5cf7_a871, "198.51.100.100", learnt);
        assert_eq!(two, (Proof::Server, cookie(renewed)));
        let reserved = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        let renewed = "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e";
        let three = judge(&[FIRST], 0x5cf7_a9ac, "203.0.113.203", reserved);
        assert_eq!(three.1, cookie(renewed));
        let old = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let new = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
        let address = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let four = judge(&[NEW, OLD], 0x5cf7_c609, address, old);
        assert_eq!(four, (Proof::Server, cookie(new)));
    }

    #[test]
    fn a_cookie_counts_for_an_hour_and_is_given_back_for_half_of_it() {
        const MADE: u64 = 0x5cf7_9f11;
        let learnt = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        for (now, proof, same) in [
            (MADE, Proof::Server, true),
            (MADE + 1800, Proof::Server, true),
            (MADE + 1801, Proof::Server, false),
            (MADE + 3600, Proof::Server, false),
            (MADE + 3601, Proof::Client, false),
            (MADE - 300, Proof::Server, true),
            (MADE - 301, Proof::Client, false),
            (MADE + (1 << 32), Proof::Server, true),
        ] {
            let (found, reply) = judge(&[FIRST], now, "198.51.100.100", learnt);
            let late = i128::from(now) - i128::from(MADE);
            assert_eq!(found, proof, "{late} s later");
            assert_eq!(reply == cookie(learnt), same, "{late} s later");
        }
    }

    #[test]
    fn a_cookie_is_worth_nothing_elsewhere_or_changed() {
        const NOW: u64 = 0x5cf7_9f11;
        let learnt = cookie("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        let jar = Jar::new(&[FIRST, OLD], NOW);
        let prove = |octets: &[u8], address: &str| {
            let (client, server) = octets.split_first_chunk().unwrap();
            let cookie = QueryCookie {
                client: *client,
                server: server.try_into().ok(),
            };
            jar.judge(&cookie, address.parse().unwrap()).0
        };
        assert_eq!(prove(&learnt, "198.51.100.100"), Proof::Server);
        for address in ["198.51.100.101", "::ffff:198.51.100.100", "::"] {
            assert_eq!(prove(&learnt, address), Proof::Client, "{address}");
        }
        for bit in 0..8 * learnt.len() {
            let mut changed = learnt.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(prove(&changed, "198.51.100.100"), Proof::Client, "{bit}");
        }
        let strange = Jar::new(&[NEW], NOW);
        let address = "198.51.100.100".parse().unwrap();
        let whole = shown("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        assert_eq!(strange.judge(&whole, address).0, Proof::Client);
    }

    #[test]
    fn a_cookie_of_an_older_secret_is_replaced_at_once() {
        const NOW: u64 = 0x5cf7_c579;
        let address = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let old = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let (proof, reply) = judge(&[NEW, OLD], NOW, address, old);
        assert_eq!(proof, Proof::Server);
        assert_ne!(reply, cookie(old));
        let (proof, reply) = judge(&[OLD, NEW], NOW, address, old);
        assert_eq!((proof, reply), (Proof::Server, cookie(old)));
    }

    #[test]
    fn secrets_are_not_shown_and_none_makes_no_cookie() {
        assert!(!format!("{:?}", Jar::new(&[FIRST], 0)).contains("229"));
        let jar = Jar::new(&[], 0);
        let cookie = shown("2464c4abcf10c957");
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(jar.judge(&cookie, address), (Proof::Client, None));
    }
}
