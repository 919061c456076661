//! Numbers of the protocol, and an RRset by reference.
pub use super::rrset::{DetachedSet, RrSet, Target};

/// Record types (IANA "DNS Parameters"), as numbers; any other number is as good.
pub mod rtype {
    /// IPv4 address.
    pub const A: u16 = 1;
    /// Name server.
    pub const NS: u16 = 2;
    /// Alias.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// Pointer.
    pub const PTR: u16 = 12;
    /// Host information; what ANY gets (RFC 8482).
    pub const HINFO: u16 = 13;
    /// Mail exchanger.
    pub const MX: u16 = 15;
    /// Text.
    pub const TXT: u16 = 16;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// Service location.
    pub const SRV: u16 = 33;
    /// Rule by which a name is rewritten (RFC 3403).
    pub const NAPTR: u16 = 35;
    /// Alias of a subtree (RFC 6672).
    pub const DNAME: u16 = 39;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// Delegation signer (RFC 4034, section 5).
    pub const DS: u16 = 43;
    /// Signature (RFC 4034, section 3).
    pub const RRSIG: u16 = 46;
    /// Which name comes next, and which types are here (RFC 4034, section 4).
    pub const NSEC: u16 = 47;
    /// Public key (RFC 4034, section 2).
    pub const DNSKEY: u16 = 48;
    /// As NSEC, by hashes of names (RFC 5155, section 3).
    pub const NSEC3: u16 = 50;
    /// How names are hashed (RFC 5155, section 4).
    pub const NSEC3PARAM: u16 = 51;
    /// DS that the parent is asked to have (RFC 7344).
    pub const CDS: u16 = 59;
    /// DNSKEY that the parent is asked to have a DS for (RFC 7344).
    pub const CDNSKEY: u16 = 60;
    /// Where a service is, and how it is spoken to (RFC 9460).
    pub const SVCB: u16 = 64;
    /// The same, of HTTP.
    pub const HTTPS: u16 = 65;
    /// Incremental transfer.
    pub const IXFR: u16 = 251;
    /// Full transfer.
    pub const AXFR: u16 = 252;
    /// Any type.
    pub const ANY: u16 = 255;
}

/// Classes.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// Chaos; `version.bind` and `id.server`.
    pub const CH: u16 = 3;
    /// Any class.
    pub const ANY: u16 = 255;
}

/// Response codes, extended ones included (RFC 6895, section 2.3).
pub mod rcode {
    /// No error.
    pub const NOERROR: u16 = 0;
    /// Malformed query.
    pub const FORMERR: u16 = 1;
    /// Server failure.
    pub const SERVFAIL: u16 = 2;
    /// The name does not exist.
    pub const NXDOMAIN: u16 = 3;
    /// Not implemented.
    pub const NOTIMP: u16 = 4;
    /// Not for you, or not ours.
    pub const REFUSED: u16 = 5;
    /// Not authoritative for it, or not authorised by its signature (RFC 8945, section 5.2).
    pub const NOTAUTH: u16 = 9;
    /// A DNAME substitution is too long (RFC 6672, section 2.2); a name is in use (RFC 2136).
    pub const YXDOMAIN: u16 = 6;
    /// An RRset exists that should not (RFC 2136).
    pub const YXRRSET: u16 = 7;
    /// An RRset does not exist that should (RFC 2136).
    pub const NXRRSET: u16 = 8;
    /// A name outside of the zone (RFC 2136).
    pub const NOTZONE: u16 = 10;
    /// EDNS version not supported.
    pub const BADVERS: u16 = 16;
    /// The client has to show a cookie of this server (RFC 7873, section 8).
    pub const BADCOOKIE: u16 = 23;
}
