//! EDNS: the OPT record of a query read in place, and the one of the reply (RFC 6891).
//!
//! | option | of a query | in a reply |
//! |---|---|---|
//! | NSID (RFC 5001) | whether it is there | the server's identity |
//! | client subnet (RFC 7871) | read strictly ([`Subnet`]) | echoed, with a scope |
//! | COOKIE (RFC 7873) | its two halves ([`QueryCookie`]) | both halves |
//! | edns-tcp-keepalive (RFC 7828) | whether it is there | how long an idle connection stays |
//! | Padding (RFC 7830) | whether it is there | up to a multiple of a block (RFC 8467) |
//! | Extended DNS Error (RFC 8914) | passed over | code and text |
//!
//! Unknown options are passed over (RFC 6891, section 6.1.2), and so is the data of those that are
//! only looked for. Of several COOKIE options the first counts; several subnets contradict each
//! other and are malformed.
//!
//! In a reply that has not room for everything, options are left out in this order: the padding,
//! the text of the extended error, the extended error, the identity, the keepalive. Cookie and
//! subnet stay: a client that sent them is to hear of them.
//!
//! What is done with any of this is not known here: which cookie is right, which scope, what is
//! wrong, and which transport may say what.
use std::ops::Range;

use super::query::{Malformed, take, take_u16};
use crate::base::limits::UDP_REPLY_BYTES_PLAIN;

mod extended;
mod subnet;

pub use extended::ExtendedError;
pub use subnet::Subnet;

const OPTION_NSID: u16 = 3;
pub(super) const OPTION_SUBNET: u16 = 8;
pub(super) const OPTION_COOKIE: u16 = 10;
const OPTION_KEEPALIVE: u16 = 11;
const OPTION_PADDING: u16 = 12;
const OPTION_EXTENDED_ERROR: u16 = 15;
const FLAG_DNSSEC_OK: u16 = 0x8000;
/// Root owner, type, class, TTL and RDLENGTH.
const OPT_BYTES: usize = 11;
const OPTION_HEAD_BYTES: usize = 4;
/// What the client chose.
pub const CLIENT_COOKIE_BYTES: usize = 8;
/// What this server makes (RFC 9018, section 4).
pub const SERVER_COOKIE_BYTES: usize = 16;
/// Both together.
pub const COOKIE_BYTES: usize = CLIENT_COOKIE_BYTES + SERVER_COOKIE_BYTES;

/// What the OPT record of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP reply that the client takes, octets; at least 512.
    pub payload: u16,
    /// EDNS version; only 0 is known.
    pub version: u8,
    /// Whether the client understands DNSSEC records (RFC 3225).
    pub dnssec_ok: bool,
    /// Whether it asks who the server is.
    pub nsid: bool,
    /// Whether it would like to know how long a connection may be idle. Over UDP it means
    /// nothing (RFC 7828, section 3.2.1).
    pub keepalive: bool,
    /// Whether the query is padded, or asks for a padded reply (RFC 7830, section 4).
    pub padding: bool,
    /// The network it asks for.
    pub subnet: Option<Subnet>,
    /// Its cookie.
    pub cookie: Option<QueryCookie>,
}

/// The COOKIE option of a query (RFC 7873, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryCookie {
    /// What the client chose, to be echoed.
    pub client: [u8; CLIENT_COOKIE_BYTES],
    /// What the client took for a cookie of this server. One of another length than this server
    /// makes counts as none: it is wrong whatever it says.
    pub server: Option<[u8; SERVER_COOKIE_BYTES]>,
}

/// What the OPT record of a reply says.
#[derive(Clone, Copy, Debug)]
pub struct Opt<'a> {
    /// Largest UDP query that the server takes, octets.
    pub payload: u16,
    /// Echo of the query's DO bit (RFC 3225, section 3).
    pub dnssec_ok: bool,
    /// The subnet of the query.
    pub subnet: Option<&'a Subnet>,
    /// How many bits of it the answer depends on.
    pub scope: u8,
    /// What a query without options of its own is not told.
    pub more: Option<More<'a>>,
}

/// What the OPT record of a reply says to clients that ask for it, or when something is wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct More<'a> {
    /// The server's identity, if it was asked for and there is one.
    pub nsid: Option<&'a [u8]>,
    /// The client's half of the cookie and ours.
    pub cookie: Option<[u8; COOKIE_BYTES]>,
    /// How long the connection may be idle, in units of 100 ms; only over TCP and TLS.
    pub keepalive: Option<u16>,
    /// What went wrong, or is remarkable about the answer.
    pub extended_error: Option<ExtendedError>,
    /// The whole reply is to be a multiple of so many octets, as far as it may grow.
    pub padding: Option<u16>,
}

impl Edns {
    /// Reads the fixed part: CLASS holds the payload size, TTL version and flags.
    pub(super) fn from_head(class: u16, ttl: [u8; 4]) -> Self {
        let plain = u16::try_from(UDP_REPLY_BYTES_PLAIN).unwrap_or(u16::MAX);
        Self {
            payload: class.max(plain),
            version: ttl[1],
            dnssec_ok: u16::from_be_bytes([ttl[2], ttl[3]]) & FLAG_DNSSEC_OK != 0,
            nsid: false,
            keepalive: false,
            padding: false,
            subnet: None,
            cookie: None,
        }
    }

    /// Whether the reply may have to say more than the query's subnet.
    #[inline]
    #[must_use]
    pub fn asks_for_more(&self) -> bool {
        self.nsid | self.keepalive | self.padding | self.cookie.is_some()
    }

    /// Reads the options. After an error none of them counts.
    #[inline]
    pub(super) fn read_options(&mut self, rdata: &[u8]) -> Result<(), Malformed> {
        let read = self.take_options(rdata);
        if read.is_err() {
            *self = Self {
                nsid: false,
                keepalive: false,
                padding: false,
                subnet: None,
                cookie: None,
                ..*self
            };
        }
        read
    }

    #[inline]
    fn take_options(&mut self, rdata: &[u8]) -> Result<(), Malformed> {
        let mut rest = rdata;
        while !rest.is_empty() {
            let code = take_u16(&mut rest)?;
            let length = take_u16(&mut rest)?;
            let data = take(&mut rest, usize::from(length))?;
            match code {
                OPTION_NSID => self.nsid = true,
                OPTION_SUBNET if self.subnet.is_some() => return Err(Malformed),
                OPTION_SUBNET => self.subnet = Some(Subnet::read(data)?),
                OPTION_COOKIE if self.cookie.is_some() => {}
                OPTION_COOKIE => self.cookie = Some(QueryCookie::read(data)?),
                OPTION_KEEPALIVE => self.keepalive = true,
                OPTION_PADDING => self.padding = true,
                _ => {}
            }
        }
        Ok(())
    }
}

impl QueryCookie {
    /// Reads the option's data: 8 octets of the client, then none or 8 to 32 of a server; another
    /// length is malformed (RFC 7873, section 5.2.2).
    fn read(data: &[u8]) -> Result<Self, Malformed> {
        let (client, server) = data.split_first_chunk().ok_or(Malformed)?;
        match server.len() {
            0 | 8..=32 => Ok(Self {
                client: *client,
                server: server.try_into().ok(),
            }),
            _ => Err(Malformed),
        }
    }
}

impl Opt<'_> {
    /// A record without options and flags.
    #[inline]
    #[must_use]
    pub fn bare(payload: u16) -> Self {
        Self {
            payload,
            dnssec_ok: false,
            subnet: None,
            scope: 0,
            more: None,
        }
    }

    /// Octets of the record without padding.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> usize {
        let option = |subnet: &Subnet| OPTION_HEAD_BYTES + subnet.data_bytes();
        OPT_BYTES + self.subnet.map_or(0, option) + self.more.as_ref().map_or(0, More::bytes)
    }

    /// Leaves out what makes the record longer than `room`, as far as it may be left out.
    #[inline]
    pub fn fit(&mut self, room: usize) {
        if self.more.is_some() && self.bytes() > room {
            self.shorten(room);
        }
    }

    #[cold]
    fn shorten(&mut self, room: usize) {
        let steps: [fn(&mut More<'_>); 4] = [
            |more| more.extended_error = more.extended_error.map(ExtendedError::without_text),
            |more| more.extended_error = None,
            |more| more.nsid = None,
            |more| more.keepalive = None,
        ];
        for step in steps {
            match &mut self.more {
                Some(more) => step(more),
                None => return,
            }
            if self.bytes() <= room {
                return;
            }
        }
    }

    /// Octets of the record with the padding that a message wants in which `before` octets stand
    /// in front of it, and which may grow to `most`.
    #[inline]
    pub(super) fn padded_bytes(&self, before: usize, most: usize) -> usize {
        let bytes = self.bytes();
        match self.more.as_ref().and_then(|more| more.padding) {
            Some(block) => padded(bytes, before..most, block),
            None => bytes,
        }
    }

    /// Writes the record with the upper eight bits of `rcode` in its TTL. `out` has
    /// [`Opt::bytes`] octets; if it has more, they are padding.
    #[inline]
    pub(super) fn write(&self, rcode: u16, out: &mut [u8]) {
        let length = small(out.len() - OPT_BYTES);
        let Some((head, rest)) = out.split_first_chunk_mut::<OPT_BYTES>() else {
            return;
        };
        let [t0, t1] = super::rr::rtype::OPT.to_be_bytes();
        let [p0, p1] = self.payload.to_be_bytes();
        let [extended, _] = (rcode << 4).to_be_bytes();
        let dnssec_ok = if self.dnssec_ok { FLAG_DNSSEC_OK } else { 0 };
        let [f0, f1] = dnssec_ok.to_be_bytes();
        let [l0, l1] = length;
        *head = [0, t0, t1, p0, p1, extended, 0, f0, f1, l0, l1];
        match &self.more {
            None => self.write_subnet(rest),
            Some(more) => self.write_all(more, rest),
        }
    }

    /// Writes the options of a record that has no others.
    #[inline]
    fn write_subnet(&self, out: &mut [u8]) {
        let Some(subnet) = self.subnet else { return };
        if let Some((head, mut rest)) = out.split_first_chunk_mut() {
            *head = subnet.option_head(self.scope);
            put(&mut rest, subnet.address_octets());
        }
    }

    fn write_all(&self, more: &More<'_>, out: &mut [u8]) {
        let mut rest = out;
        if let Some(identity) = more.nsid {
            put_option(&mut rest, OPTION_NSID, &[identity]);
        }
        if let Some(subnet) = self.subnet {
            put(&mut rest, &subnet.option_head(self.scope));
            put(&mut rest, subnet.address_octets());
        }
        if let Some(cookie) = &more.cookie {
            put_option(&mut rest, OPTION_COOKIE, &[cookie]);
        }
        if let Some(timeout) = more.keepalive {
            put_option(&mut rest, OPTION_KEEPALIVE, &[&timeout.to_be_bytes()]);
        }
        if let Some(error) = more.extended_error {
            let data = [&error.code.to_be_bytes()[..], error.text.as_bytes()];
            put_option(&mut rest, OPTION_EXTENDED_ERROR, &data);
        }
        if let Some(length) = rest.len().checked_sub(OPTION_HEAD_BYTES) {
            put(&mut rest, &OPTION_PADDING.to_be_bytes());
            put(&mut rest, &small(length));
            rest.fill(0);
        }
    }
}

impl More<'_> {
    /// Octets of these options.
    fn bytes(&self) -> usize {
        let option = |data: usize| OPTION_HEAD_BYTES + data;
        let nsid = self.nsid.map_or(0, |id| option(id.len()));
        let cookie = self.cookie.map_or(0, |cookie| option(cookie.len()));
        let keepalive = self.keepalive.map_or(0, |_| option(2));
        let error = self
            .extended_error
            .map_or(0, |error| option(2 + error.text.len()));
        nsid + cookie + keepalive + error
    }
}

/// Octets of a record of `bytes` octets with padding up to a multiple of `block` for the whole message, if
/// that leaves room for an option: `room` is from where the record begins to where it must end.
fn padded(bytes: usize, room: Range<usize>, block: u16) -> usize {
    let least = room.start + bytes + OPTION_HEAD_BYTES;
    if least > room.end {
        return bytes;
    }
    let whole = least.next_multiple_of(usize::from(block).max(1));
    whole.min(room.end) - room.start
}

/// Writes an option whose data comes in parts.
fn put_option(rest: &mut &mut [u8], code: u16, data: &[&[u8]]) {
    let length = data.iter().map(|part| part.len()).sum();
    put(rest, &code.to_be_bytes());
    put(rest, &small(length));
    for part in data {
        put(rest, part);
    }
}

/// Writes to the front of a place that is known to be large enough.
fn put(rest: &mut &mut [u8], octets: &[u8]) {
    if let Some(room) = rest.split_off_mut(..octets.len()) {
        room.copy_from_slice(octets);
    }
}

fn small(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(rdata: &[u8]) -> Result<Edns, Malformed> {
        let mut edns = Edns::from_head(1232, [0, 0, 0x80, 0]);
        edns.read_options(rdata).map(|()| edns)
    }

    #[test]
    fn a_small_payload_counts_as_512() {
        assert_eq!(Edns::from_head(0, [0; 4]).payload, 512);
        assert_eq!(Edns::from_head(511, [0; 4]).payload, 512);
        assert_eq!(Edns::from_head(4096, [0; 4]).payload, 4096);
        assert!(Edns::from_head(0, [0, 0, 0x80, 0]).dnssec_ok);
        assert!(!Edns::from_head(0, [0, 0, 0x7F, 0xFF]).dnssec_ok);
        assert_eq!(Edns::from_head(0, [9, 3, 0, 0]).version, 3);
    }

    #[test]
    fn unknown_options_are_passed_over_and_lying_lengths_are_not() {
        let good = options(&[0xFF, 0xFE, 0, 2, 1, 2, 0, 3, 0, 0]).unwrap();
        assert!(good.nsid);
        assert_eq!(good.subnet, None);
        for bad in [&[0][..], &[0, 3, 0], &[0, 3, 0, 1], &[0, 10, 0xFF, 0xFF, 1]] {
            assert_eq!(options(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn two_subnets_are_one_too_many() {
        let option = [0, 8, 0, 4, 0, 1, 0, 0];
        assert!(options(&option).unwrap().subnet.is_some());
        assert_eq!(options(&[option, option].concat()), Err(Malformed));
    }

    #[test]
    fn cookies_are_read_in_every_length_that_there_is() {
        let cookie = |data: usize| {
            let mut rdata = vec![0, 10, 0, u8::try_from(data).unwrap()];
            rdata.extend((0..data).map(|octet| u8::try_from(octet).unwrap()));
            options(&rdata).map(|edns| edns.cookie.unwrap())
        };
        for length in 0..=60 {
            let good = matches!(length, 8 | 16..=40);
            assert_eq!(cookie(length).is_ok(), good, "{length} octets");
        }
        assert_eq!(cookie(8).unwrap().client, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(cookie(8).unwrap().server, None);
        let server = cookie(24).unwrap().server.unwrap();
        assert_eq!(server[..], (8..24).collect::<Vec<u8>>());
        for foreign in [16, 23, 25, 40] {
            assert_eq!(cookie(foreign).unwrap().server, None);
        }
    }

    #[test]
    fn the_first_of_several_cookies_counts() {
        let both = [0, 10, 0, 8, 1, 1, 1, 1, 1, 1, 1, 1, 0, 10, 0, 1, 9];
        assert_eq!(options(&both).unwrap().cookie.unwrap().client, [1; 8]);
    }

    #[test]
    fn keepalive_and_padding_are_seen_whatever_they_hold() {
        let plain = options(&[]).unwrap();
        assert!(!plain.keepalive && !plain.padding);
        let empty = options(&[0, 11, 0, 0, 0, 12, 0, 0]).unwrap();
        assert!(empty.keepalive && empty.padding);
        let full = options(&[0, 11, 0, 2, 0, 1, 0, 12, 0, 3, 0, 0, 0]).unwrap();
        assert!(full.keepalive && full.padding);
    }

    fn opt<'a>(subnet: Option<&'a Subnet>) -> Opt<'a> {
        Opt {
            payload: 1232,
            dnssec_ok: true,
            subnet,
            scope: 16,
            more: Some(More {
                nsid: Some(b"fra1"),
                cookie: Some([7; 24]),
                keepalive: Some(300),
                extended_error: Some(ExtendedError {
                    code: 14,
                    text: "later",
                }),
                padding: None,
            }),
        }
    }

    fn written(opt: &Opt<'_>, rcode: u16, bytes: usize) -> Vec<u8> {
        let mut out = vec![0xAA; bytes];
        opt.write(rcode, &mut out);
        out
    }

    #[test]
    fn the_reply_says_everything_it_was_told() {
        let subnet = Subnet::read(&[0, 1, 20, 0, 192, 0, 0x10]).unwrap();
        let opt = opt(Some(&subnet));
        let expected = [
            &[0, 0, 41, 0x04, 0xD0, 1, 0, 0x80, 0, 0, 64][..],
            &[0, 3, 0, 4, b'f', b'r', b'a', b'1'],
            &[0, 8, 0, 7, 0, 1, 20, 16, 192, 0, 0x10],
            &[0, 10, 0, 24],
            &[7; 24],
            &[0, 11, 0, 2, 1, 44],
            &[0, 15, 0, 7, 0, 14, b'l', b'a', b't', b'e', b'r'],
        ];
        assert_eq!(written(&opt, 16, opt.bytes()), expected.concat());
        let padded = written(&opt, 16, opt.bytes() + 6);
        assert_eq!(padded[..2], [0, 0], "the head");
        assert_eq!(padded[9..11], [0, 70], "the length counts the padding");
        assert!(padded.ends_with(&[b'r', 0, 12, 0, 2, 0, 0]));
    }

    #[test]
    fn a_record_with_the_subnet_alone_is_the_same_in_short() {
        for data in [&[0, 1, 20, 0, 192, 0, 0x10][..], &[0, 0, 0, 0]] {
            let subnet = Subnet::read(data).unwrap();
            let more = Some(More::default());
            let long = Opt {
                more,
                ..opt(Some(&subnet))
            };
            let short = Opt { more: None, ..long };
            let bytes = short.bytes();
            assert_eq!(written(&short, 9, bytes), written(&long, 9, long.bytes()));
        }
        let bare = Opt {
            more: None,
            ..opt(None)
        };
        let head = [0, 0, 41, 0x04, 0xD0, 0, 0, 0x80, 0, 0, 0];
        assert_eq!(written(&bare, 0, bare.bytes()), head);
    }

    #[test]
    fn options_are_left_out_in_their_order_and_no_earlier_than_needed() {
        let whole = opt(None);
        let (mut last, mut orders) = (usize::MAX, Vec::new());
        for room in (0..=whole.bytes()).rev() {
            let mut fitted = whole;
            fitted.fit(room);
            if fitted.bytes() != last {
                last = fitted.bytes();
                orders.push((room, last));
                let more = fitted.more.unwrap();
                let text = more.extended_error.map(|error| error.text.len());
                let what = (text, more.nsid.is_some(), more.keepalive.is_some());
                let expected = match orders.len() {
                    1 => (Some(5), true, true),
                    2 => (Some(0), true, true),
                    3 => (None, true, true),
                    4 => (None, false, true),
                    _ => (None, false, false),
                };
                assert_eq!(what, expected, "room for {room}");
                assert!(more.cookie.is_some());
            }
        }
        let sizes = [64, 59, 53, 45, 39];
        let left_at = [64, 63, 58, 52, 44];
        let expected: Vec<_> = left_at.into_iter().zip(sizes).collect();
        assert_eq!(orders, expected);
    }

    #[test]
    fn padding_fills_the_block_or_what_is_left() {
        let mut opt = opt(None);
        assert_eq!(opt.padded_bytes(100, 65_535), 64, "none was asked for");
        opt.more.as_mut().unwrap().padding = Some(468);
        for (before, most, expected) in [
            (100, 65_535, 368),
            (400, 65_535, 68),
            (401, 65_535, 2 * 468 - 401),
            (100, 400, 300),
            (100, 168, 68),
            (100, 167, 64),
            (100, 100, 64),
        ] {
            let bytes = opt.padded_bytes(before, most);
            assert_eq!(bytes, expected, "{before} of {most}");
            assert_eq!(written(&opt, 0, bytes).len(), bytes);
        }
        opt.more.as_mut().unwrap().padding = Some(0);
        assert_eq!(opt.padded_bytes(100, 65_535), 68, "no block at all");
    }
}
