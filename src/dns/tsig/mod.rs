//! Messages signed with a key that two servers share (TSIG, RFC 8945).
//!
//! ```text
//! server: check(keys, request) --Unsigned--> answered by address alone
//!             |        '--- Err(Fault) -----> NOTAUTH, Fault::sign(reply)
//!             '--- Signed(Signer, length) --> Signer::sign(each message of the reply)
//! client: Signer::request(key) --sign(request)--> Verifier --verify(each message of the reply)
//! ```
//!
//! Works on the octets of whole messages, so that nothing is signed but what is sent. Every
//! message of a stream is signed; of a peer's stream, up to 99 in a row may be bare (section
//! 5.3.1), the last one never. A MAC that is cut short is refused (BADTRUNC): what it would
//! save is not worth a second rule. SHA-1 and MD5 are not offered.
//!
//! It does not read the clock: times are seconds since 1970, given by the caller. It knows
//! nothing of what a key may do.
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use domain::utils::base64;

use super::Name;
use super::message::{Header, Malformed, Reader};
use super::rr::{class, rcode};

/// Type of the record.
const TSIG: u16 = 250;
/// Seconds by which two clocks may differ (section 10).
pub const FUDGE: u16 = 300;

mod verifier;

pub use verifier::{Doubt, Verifier};

/// How a MAC is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `hmac-sha256`.
    Sha256,
    /// `hmac-sha384`.
    Sha384,
    /// `hmac-sha512`.
    Sha512,
}

/// A shared key under its name; its secret is never shown.
#[derive(Clone)]
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    mac: Arc<hmac::Key>,
}

/// What a request turned out to be.
#[derive(Debug)]
pub enum Checked {
    /// It bears no signature.
    Unsigned,
    /// It is signed well; the reply is to be signed likewise.
    Signed(Signer),
}

/// Why a request is not accepted; replies to it say NOTAUTH (FORMERR for [`Fault::Malformed`]).
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read, or its TSIG stands where none may.
    Malformed,
    /// The key or its algorithm is not known (BADKEY).
    Key(Box<Named>),
    /// The MAC is not right (BADSIG).
    Signature(Box<Named>),
    /// The MAC is right but cut short (BADTRUNC).
    Truncated(Box<Signer>),
    /// It was made at another time (BADTIME).
    Time(Box<Signer>),
}

/// What an error reply repeats of a request.
#[derive(Debug)]
pub struct Named {
    name: Name,
    algorithm: Name,
    time: u64,
    fudge: u16,
    id: u16,
}

/// Signs the messages of one request or one reply, each of them after the one before.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Key,
    /// The last MAC: of the request, then of each message.
    before: Vec<u8>,
    /// How much of the record the next MAC covers.
    covers: Covers,
    /// The time that the request bore.
    asked_at: u64,
}

/// How much of the record a MAC covers (sections 4.3.3 and 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Covers {
    /// All variables: the first message.
    Variables,
    /// Its time alone: the following ones.
    Timers,
}

/// A TSIG record and where it starts in its message.
struct Found<'m> {
    name: Name,
    algorithm: Name,
    time: u64,
    fudge: u16,
    mac: &'m [u8],
    id: u16,
    error: u16,
    other: &'m [u8],
    start: usize,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The word of configs and of the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "hmac-sha256",
            Self::Sha384 => "hmac-sha384",
            Self::Sha512 => "hmac-sha512",
        }
    }

    /// Its name on the wire, in lower case.
    fn wire(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"\x0bhmac-sha256\0",
            Self::Sha384 => b"\x0bhmac-sha384\0",
            Self::Sha512 => b"\x0bhmac-sha512\0",
        }
    }

    fn name(self) -> Name {
        Name::parse(self.word()).expect("the words are names")
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn mac_bytes(self) -> usize {
        self.hmac().digest_algorithm().output_len()
    }
}

/// The octets that a secret in base64 stands for; `None` if it is none, or empty.
#[must_use]
pub fn secret(base64: &str) -> Option<Vec<u8>> {
    let octets: Vec<u8> = base64::decode(base64.trim()).ok()?;
    (!octets.is_empty()).then_some(octets)
}

impl Key {
    /// A key of this secret.
    #[must_use]
    pub fn new(name: Name, algorithm: Algorithm, secret: &[u8]) -> Self {
        Self {
            name,
            algorithm,
            mac: Arc::new(hmac::Key::new(algorithm.hmac(), secret)),
        }
    }

    /// What both sides call it.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Octets that a signature adds to a message.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        let names = self.name.as_wire().len() + self.algorithm.name().as_wire().len();
        names + 10 + 16 + self.algorithm.mac_bytes()
    }

    fn is(&self, found: &Found<'_>) -> bool {
        self.name == found.name && self.algorithm.name() == found.algorithm
    }

    fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.mac);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    /// Whether the MAC is right, as far as it goes; takes as long for any MAC.
    fn confirms(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        let whole = self.sign(parts);
        let expected = whole.get(..mac.len());
        expected.is_some_and(|expected| {
            aws_lc_rs::constant_time::verify_slices_are_equal(expected, mac).is_ok()
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}, secret)", self.name, self.algorithm.word())
    }
}

/// Whether a message seems to be signed: it may then go the slow way. Never false for one that is.
#[must_use]
pub fn is_signed(message: &[u8]) -> bool {
    !matches!(find(message), Ok(None))
}

/// The key that a signature says it was made with.
#[derive(Clone, Copy)]
pub struct ClaimedKey<'f> {
    name: &'f Name,
    algorithm: &'f Name,
}

impl ClaimedKey<'_> {
    /// Tells that it is this key.
    #[must_use]
    pub fn is(&self, name: &Name, algorithm: Algorithm) -> bool {
        self.name == name
            && self
                .algorithm
                .as_wire()
                .eq_ignore_ascii_case(algorithm.wire())
    }
}

/// The key that a request says it is signed with, as `known` has it; `None` if it is not signed. No MAC is checked.
///
/// # Errors
/// When it cannot be read, or its key is not known.
pub fn recognize<T>(
    request: &[u8],
    known: impl FnOnce(&ClaimedKey<'_>) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(found) = find(request).map_err(|Malformed| Fault::Malformed)? else {
        return Ok(None);
    };
    let identity = ClaimedKey {
        name: &found.name,
        algorithm: &found.algorithm,
    };
    match known(&identity) {
        Some(key) => Ok(Some(key)),
        None => Err(Fault::Key(Box::new(found.named()))),
    }
}

/// Checks a request received at `now`, seconds since 1970, against the keys.
///
/// # Errors
/// When it is signed, and not as it should be.
pub fn check<'k>(
    keys: impl IntoIterator<Item = &'k Key>,
    request: &[u8],
    now: u64,
) -> Result<Checked, Fault> {
    let Some(found) = find(request).map_err(|Malformed| Fault::Malformed)? else {
        return Ok(Checked::Unsigned);
    };
    let Some(key) = keys.into_iter().find(|key| key.is(&found)) else {
        return Err(Fault::Key(Box::new(found.named())));
    };
    let whole = key.algorithm.mac_bytes();
    if found.mac.len() > whole || found.mac.len() < (whole / 2).max(10) {
        return Err(Fault::Malformed);
    }
    let message = found.message(request);
    if !key.confirms(&[&message, &found.variables()], found.mac) {
        return Err(Fault::Signature(Box::new(found.named())));
    }
    let signer = Signer {
        key: key.clone(),
        before: found.mac.to_vec(),
        covers: Covers::Variables,
        asked_at: found.time,
    };
    if found.mac.len() < whole {
        return Err(Fault::Truncated(Box::new(signer)));
    }
    if found.is_of(now) {
        Ok(Checked::Signed(signer))
    } else {
        Err(Fault::Time(Box::new(signer)))
    }
}

impl Signer {
    /// Begins a request with this key.
    #[must_use]
    pub fn request(key: &Key) -> Self {
        Self {
            key: key.clone(),
            before: Vec::new(),
            covers: Covers::Variables,
            asked_at: 0,
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Signs the next message, sent at `now`, seconds since 1970.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) {
        self.sign_as(message, now, (0, &[]));
    }

    fn sign_as(&mut self, message: &mut Vec<u8>, time: u64, (error, other): (u16, &[u8])) {
        let length = u16::try_from(self.before.len()).unwrap_or_default();
        let before = match length {
            0 => Vec::new(),
            length => [&length.to_be_bytes(), &self.before[..]].concat(),
        };
        let mut found = Found {
            name: self.key.name.clone(),
            algorithm: self.key.algorithm.name(),
            time,
            fudge: FUDGE,
            mac: &[],
            id: Header::read(message).map_or(0, |header| header.id),
            error,
            other,
            start: message.len(),
        };
        let covered = found.covered(self.covers);
        let mac = self.key.sign(&[&before, message, &covered]);
        found.mac = &mac;
        found.put(message);
        self.before = mac;
        self.covers = Covers::Timers;
    }

    /// The request has been signed: what checks its reply.
    #[must_use]
    pub fn into_verifier(self) -> Verifier {
        Verifier::new(self.key, self.before)
    }
}

impl Fault {
    /// The response code of the reply.
    #[must_use]
    pub fn rcode(&self) -> u16 {
        match self {
            Self::Malformed => rcode::FORMERR,
            Self::Key(_) | Self::Signature(_) | Self::Truncated(_) | Self::Time(_) => {
                rcode::NOTAUTH
            }
        }
    }

    /// The word of RFC 8945, section 3.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Malformed => "FORMERR",
            Self::Key(_) => "BADKEY",
            Self::Signature(_) => "BADSIG",
            Self::Truncated(_) => "BADTRUNC",
            Self::Time(_) => "BADTIME",
        }
    }

    /// Adds the record that an error reply bears; without a MAC where there is no key to trust
    /// (section 5.2).
    pub fn sign(self, reply: &mut Vec<u8>, now: u64) {
        match self {
            Self::Malformed => {}
            Self::Key(named) => named.put(reply, 17),
            Self::Signature(named) => named.put(reply, 16),
            Self::Truncated(mut signer) => signer.sign_as(reply, now, (22, &[])),
            Self::Time(mut signer) => {
                let asked_at = signer.asked_at;
                signer.sign_as(reply, asked_at, (18, &now.to_be_bytes()[2..]));
            }
        }
    }
}

impl Named {
    fn put(self, reply: &mut Vec<u8>, error: u16) {
        let found = Found {
            name: self.name,
            algorithm: self.algorithm,
            time: self.time,
            fudge: self.fudge,
            mac: &[],
            id: self.id,
            error,
            other: &[],
            start: 0,
        };
        found.put(reply);
    }
}

/// The TSIG of a message, if it has one; it is the last record, and the only one (section 5.1).
fn find(message: &[u8]) -> Result<Option<Found<'_>>, Malformed> {
    let counts = Header::read(message)?.counts;
    if counts[3] == 0 {
        return Ok(None);
    }
    let mut reader = Reader::new(message)?;
    for _ in 0..counts[0] {
        reader.question()?;
    }
    let records: u32 = counts[1..].iter().map(|count| u32::from(*count)).sum();
    for _ in 1..records {
        if reader.raw()?.rtype == TSIG {
            return Err(Malformed);
        }
    }
    let start = reader.position();
    let last = reader.raw()?;
    if last.rtype != TSIG {
        return Ok(None);
    }
    if last.class != class::ANY || last.ttl != 0 {
        return Err(Malformed);
    }
    Found::read(last.owner, last.rdata, start).map(Some)
}

impl<'m> Found<'m> {
    fn read(name: Name, rdata: &'m [u8], start: usize) -> Result<Self, Malformed> {
        let mut labels = rdata;
        let mut length = 1;
        while *labels.first().ok_or(Malformed)? != 0 {
            let label = 1 + usize::from(labels[0]);
            labels = labels.get(label..).ok_or(Malformed)?;
            length += label;
        }
        let algorithm = Name::from_wire(&rdata[..length]).ok_or(Malformed)?;
        let (head, rest) = rdata[length..].split_first_chunk::<10>().ok_or(Malformed)?;
        let [t0, t1, t2, t3, t4, t5, f0, f1, m0, m1] = *head;
        let length = usize::from(u16::from_be_bytes([m0, m1]));
        let (mac, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        let (tail, other) = rest.split_first_chunk::<6>().ok_or(Malformed)?;
        let [i0, i1, e0, e1, o0, o1] = *tail;
        if other.len() != usize::from(u16::from_be_bytes([o0, o1])) {
            return Err(Malformed);
        }
        Ok(Self {
            name,
            algorithm,
            time: u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]),
            fudge: u16::from_be_bytes([f0, f1]),
            mac,
            id: u16::from_be_bytes([i0, i1]),
            error: u16::from_be_bytes([e0, e1]),
            other,
            start,
        })
    }

    fn named(&self) -> Named {
        Named {
            name: self.name.clone(),
            algorithm: self.algorithm.clone(),
            time: self.time,
            fudge: self.fudge,
            id: self.id,
        }
    }

    /// Whether it was made no further from `now` than it allows.
    fn is_of(&self, now: u64) -> bool {
        self.time.abs_diff(now) <= u64::from(self.fudge)
    }

    /// The message as it was before it was signed (section 4.3.2).
    fn message(&self, message: &[u8]) -> Vec<u8> {
        let mut own = message[..self.start].to_vec();
        own[..2].copy_from_slice(&self.id.to_be_bytes());
        let count = u16::from_be_bytes([own[10], own[11]]).saturating_sub(1);
        own[10..12].copy_from_slice(&count.to_be_bytes());
        own
    }

    fn covered(&self, covers: Covers) -> Vec<u8> {
        match covers {
            Covers::Variables => self.variables(),
            Covers::Timers => self.timers(),
        }
    }

    /// Section 4.3.3.
    fn variables(&self) -> Vec<u8> {
        let other = u16::try_from(self.other.len()).unwrap_or_default();
        [
            &self.name.as_wire().to_ascii_lowercase()[..],
            &class::ANY.to_be_bytes(),
            &[0; 4],
            &self.algorithm.as_wire().to_ascii_lowercase(),
            &self.timers(),
            &self.error.to_be_bytes(),
            &other.to_be_bytes(),
            self.other,
        ]
        .concat()
    }

    fn timers(&self) -> Vec<u8> {
        let time = &self.time.to_be_bytes()[2..];
        [time, &self.fudge.to_be_bytes()].concat()
    }

    /// Appends the record to a message, and counts it.
    fn put(&self, message: &mut Vec<u8>) {
        let small = |length: usize| u16::try_from(length).unwrap_or_default().to_be_bytes();
        let rdata = [
            self.algorithm.as_wire(),
            &self.timers(),
            &small(self.mac.len()),
            self.mac,
            &self.id.to_be_bytes(),
            &self.error.to_be_bytes(),
            &small(self.other.len()),
            self.other,
        ]
        .concat();
        message.extend_from_slice(self.name.as_wire());
        message.extend_from_slice(&TSIG.to_be_bytes());
        message.extend_from_slice(&class::ANY.to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&small(rdata.len()));
        message.extend_from_slice(&rdata);
        if let Some([high, low]) = message.get(10..12) {
            let count = u16::from_be_bytes([*high, *low]).saturating_add(1);
            message[10..12].copy_from_slice(&count.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
