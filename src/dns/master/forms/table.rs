//! All types that have a form of their own, by number.
use super::addresses::{A6, PREFIXES, V4, V6};
use super::blobs::{
    ATM, BASE64, BASE64_OR_DASH, EUI48, EUI64, HEX, LOCATOR, MAYBE_BASE64, NEXT_HASH, NSAP, SALT,
};
use super::gateways::{HIP, IPSEC, KEY, RELAY};
use super::location::LOCATION;
use super::numbers::{
    ALGORITHM, CERTIFICATE, DIGEST, FLAGS, HASH, PROTOCOL, SCHEME, SECONDS, TIME, U8, U16, U32,
};
use super::strings::{DIGITS, MAYBE_STRING, NAME, STRING, STRINGS, TAG, TARGET};
use super::svcb::PARAMETERS;
use super::types::{NXT, SERVICE_MAP, TYPE, TYPES};
use super::{Field, Form};

/// In ascending order.
pub(super) static FORMS: &[Form] = &[
    of(1, &[V4], "A is one IPv4 address: `A 192.0.2.1`"),
    of(2, &[NAME], "NS is one name: `NS ns1.example.org.`"),
    of(
        3,
        &[NAME],
        "MD is one name: `MD mail.example.org.`; MX has taken its place",
    ),
    of(
        4,
        &[NAME],
        "MF is one name: `MF mail.example.org.`; MX has taken its place",
    ),
    of(5, &[NAME], "CNAME is one name: `CNAME www.example.org.`"),
    of(
        6,
        &[NAME, NAME, U32, SECONDS, SECONDS, SECONDS, SECONDS],
        "SOA is primary, mailbox, serial, refresh, retry, expire and minimum; in parentheses if on several lines",
    ),
    of(7, &[NAME], "MB is one name: `MB mail.example.org.`"),
    of(8, &[NAME], "MG is one name: `MG someone.example.org.`"),
    of(9, &[NAME], "MR is one name: `MR someone.example.org.`"),
    of(
        11,
        &[SERVICE_MAP],
        "WKS is address, protocol and services: `WKS 192.0.2.1 tcp smtp 80`",
    ),
    of(12, &[NAME], "PTR is one name: `PTR www.example.org.`"),
    of(
        13,
        &[STRING, STRING],
        "HINFO is two strings, machine and system: `HINFO PC \"some system\"`",
    ),
    of(
        14,
        &[NAME, NAME],
        "MINFO is two names, of who is responsible and who gets errors: `MINFO admin.example.org. errors.example.org.`",
    ),
    of(
        15,
        &[U16, NAME],
        "MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    of(
        16,
        &[STRINGS],
        "TXT is one or more strings of at most 255 octets, in quotes if they hold blanks",
    ),
    of(
        17,
        &[NAME, NAME],
        "RP is a mailbox as a name, and a name that has a TXT: `RP admin.example.org. .`",
    ),
    of(
        18,
        &[U16, NAME],
        "AFSDB is a subtype and a name: `AFSDB 1 afs.example.org.`",
    ),
    of(
        19,
        &[DIGITS],
        "X25 is one number of digits: `X25 311061700956`",
    ),
    of(
        20,
        &[STRING, MAYBE_STRING],
        "ISDN is a number, and maybe a subaddress: `ISDN 150862028003217 004`",
    ),
    of(
        21,
        &[U16, NAME],
        "RT is a preference and a name: `RT 10 relay.example.org.`",
    ),
    of(
        22,
        &[NSAP],
        "NSAP is hexadecimal behind `0x`: `NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00`",
    ),
    of(
        23,
        &[NAME],
        "NSAP-PTR is one name: `NSAP-PTR www.example.org.`",
    ),
    of(
        24,
        &[TYPE, ALGORITHM, U8, U32, TIME, TIME, U16, NAME, BASE64],
        "SIG is covered type, algorithm, labels, original TTL, expiration, inception, key tag, signer, and base64",
    ),
    of(
        25,
        &[KEY],
        "KEY is flags, protocol, algorithm, and base64: `KEY 256 3 8 AwEAAa==`",
    ),
    of(
        26,
        &[U16, NAME, NAME],
        "PX is a preference and two names: `PX 10 example.org. PRMD-x.ADMD-y.C-z.`",
    ),
    of(
        27,
        &[STRING, STRING, STRING],
        "GPOS is longitude, latitude and altitude: `GPOS -32.6882 116.8652 10.0`",
    ),
    of(28, &[V6], "AAAA is one IPv6 address: `AAAA 2001:db8::1`"),
    of(
        29,
        &[LOCATION],
        "LOC is latitude, longitude, altitude, and maybe sizes: `LOC 52 22 23.000 N 4 53 32.000 E -2.00m`",
    ),
    of(
        30,
        &[NAME, NXT],
        "NXT is the next name, and types below 128: `NXT b.example.org. A MX`",
    ),
    of(31, &[HEX], "EID is hexadecimal: `EID 12AB34`"),
    of(32, &[HEX], "NIMLOC is hexadecimal: `NIMLOC 12AB34`"),
    of(
        33,
        &[U16, U16, U16, NAME],
        "SRV is priority, weight, port and a name: `SRV 0 5 443 www.example.org.`",
    ),
    of(
        34,
        &[ATM],
        "ATMA is `+` and digits, or hexadecimal: `ATMA +61200000000`",
    ),
    of(
        35,
        &[U16, U16, STRING, STRING, STRING, NAME],
        "NAPTR is order, preference, flags, service, expression and a name: `NAPTR 10 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.org!\" .`",
    ),
    of(
        36,
        &[U16, NAME],
        "KX is a preference and a name: `KX 10 keys.example.org.`",
    ),
    of(
        37,
        &[CERTIFICATE, U16, ALGORITHM, BASE64],
        "CERT is type, key tag, algorithm, and base64: `CERT PKIX 0 0 MII=`",
    ),
    of(
        38,
        &[A6],
        "A6 is the length of a prefix, an address behind it, and the name that has the prefix: `A6 64 ::1 prefix.example.org.`",
    ),
    of(39, &[NAME], "DNAME is one name: `DNAME example.net.`"),
    of(
        40,
        &[U8, U8, U8, MAYBE_BASE64],
        "SINK is meaning, coding, subcoding, and base64: `SINK 1 0 0 AQID`",
    ),
    of(
        42,
        &[PREFIXES],
        "APL is prefixes with their family, 1 or 2, and `!` before those to leave out: `APL 1:192.0.2.0/24 !2:2001:db8::/32`",
    ),
    of(
        43,
        &[U16, ALGORITHM, DIGEST, HEX],
        "DS is key tag, algorithm, digest type and the digest in hex",
    ),
    of(
        44,
        &[U8, U8, HEX],
        "SSHFP is algorithm, fingerprint type and the fingerprint in hex: `SSHFP 4 2 49fd46...`",
    ),
    of(
        45,
        &[IPSEC, MAYBE_BASE64],
        "IPSECKEY is precedence, gateway type (0 none, 1 IPv4, 2 IPv6, 3 name), algorithm, gateway, and base64: `IPSECKEY 10 1 2 192.0.2.1 AQNR...`",
    ),
    of(
        46,
        &[TYPE, ALGORITHM, U8, U32, TIME, TIME, U16, NAME, BASE64],
        "RRSIG is covered type, algorithm, labels, original TTL, expiration, inception, key tag, signer, and base64",
    ),
    of(
        47,
        &[NAME, TYPES],
        "NSEC is the next name, and types: `NSEC b.example.org. A RRSIG NSEC`",
    ),
    of(
        48,
        &[FLAGS, PROTOCOL, ALGORITHM, BASE64],
        "DNSKEY is flags, protocol, algorithm, and base64: `DNSKEY 257 3 13 mdss...`",
    ),
    of(49, &[BASE64], "DHCID is base64: `DHCID AAIBY2...`"),
    of(
        50,
        &[HASH, U8, U16, SALT, NEXT_HASH, TYPES],
        "NSEC3 is hash algorithm, flags, iterations, salt in hex or `-`, the next hash, and types",
    ),
    of(
        51,
        &[HASH, U8, U16, SALT],
        "NSEC3PARAM is hash algorithm, flags, iterations, and salt in hex or `-`: `NSEC3PARAM 1 0 0 -`",
    ),
    of(
        52,
        &[U8, U8, U8, HEX],
        "TLSA is usage, selector, matching type, and data in hex: `TLSA 3 1 1 0d6fc...`",
    ),
    of(
        53,
        &[U8, U8, U8, HEX],
        "SMIMEA is usage, selector, matching type, and data in hex: `SMIMEA 3 1 1 0d6fc...`",
    ),
    of(
        55,
        &[HIP],
        "HIP is algorithm, tag in hex, key in base64 without blanks, and names of servers: `HIP 2 200100107b1a... AwEAAb... rvs.example.org.`",
    ),
    of(
        56,
        &[STRINGS],
        "NINFO is one or more strings of at most 255 octets, in quotes if they hold blanks",
    ),
    of(
        57,
        &[U16, U8, ALGORITHM, BASE64],
        "RKEY is flags (0), protocol, algorithm, and base64: `RKEY 0 1 8 AwEAAa==`",
    ),
    of(
        58,
        &[NAME, NAME],
        "TALINK is two names, the previous and the next: `TALINK a.example.org. c.example.org.`",
    ),
    of(
        59,
        &[U16, ALGORITHM, DIGEST, HEX],
        "CDS is key tag, algorithm, digest type and the digest in hex; `CDS 0 0 0 00` asks for the DS to be deleted",
    ),
    of(
        60,
        &[FLAGS, PROTOCOL, ALGORITHM, BASE64],
        "CDNSKEY is flags, protocol, algorithm, and base64; `CDNSKEY 0 3 0 AA==` asks for the DS to be deleted",
    ),
    of(
        61,
        &[BASE64],
        "OPENPGPKEY is base64: `OPENPGPKEY mQINBF...`",
    ),
    of(
        62,
        &[U32, U16, TYPES],
        "CSYNC is serial, flags, and types: `CSYNC 2026010101 3 A NS AAAA`",
    ),
    of(
        63,
        &[U32, U8, U8, HEX],
        "ZONEMD is serial, scheme, hash algorithm, and the digest in hex: `ZONEMD 2026010101 1 1 c68090d9...`",
    ),
    of(
        64,
        &[U16, NAME, PARAMETERS],
        "SVCB is priority, name and parameters: `SVCB 1 . alpn=h2`",
    ),
    of(
        65,
        &[U16, NAME, PARAMETERS],
        "HTTPS is priority, name and parameters: `HTTPS 1 . alpn=h2`",
    ),
    of(
        66,
        &[TYPE, SCHEME, U16, NAME],
        "DSYNC is type, scheme, port and a name: `DSYNC CDS NOTIFY 5300 scanner.example.org.`",
    ),
    of(67, &[BASE64], "HHIT is base64"),
    of(68, &[BASE64], "BRID is base64"),
    of(
        99,
        &[STRINGS],
        "SPF is one or more strings of at most 255 octets, in quotes if they hold blanks",
    ),
    of(
        104,
        &[U16, LOCATOR],
        "NID is a preference and four groups of four hex digits: `NID 10 0014:4fff:ff20:ee64`",
    ),
    of(
        105,
        &[U16, V4],
        "L32 is a preference and an IPv4 address: `L32 10 10.1.2.0`",
    ),
    of(
        106,
        &[U16, LOCATOR],
        "L64 is a preference and four groups of four hex digits: `L64 10 2001:0db8:1140:1000`",
    ),
    of(
        107,
        &[U16, NAME],
        "LP is a preference and a name: `LP 10 l64.example.org.`",
    ),
    of(
        108,
        &[EUI48],
        "EUI48 is six octets: `EUI48 00-00-5e-00-53-2a`",
    ),
    of(
        109,
        &[EUI64],
        "EUI64 is eight octets: `EUI64 00-00-5e-ef-10-00-00-2a`",
    ),
    of(
        256,
        &[U16, U16, TARGET],
        "URI is priority, weight and a target in quotes: `URI 10 1 \"https://www.example.org/\"`",
    ),
    of(
        257,
        &[U8, TAG, TARGET],
        "CAA is flags, tag and a value in quotes: `CAA 0 issue \"ca.example.net\"`",
    ),
    of(
        258,
        &[STRINGS],
        "AVC is one or more strings of at most 255 octets, in quotes if they hold blanks",
    ),
    of(
        259,
        &[U32, U32, U8, STRING, BASE64_OR_DASH],
        "DOA is enterprise, type, location, media type, and data in base64 or `-`: `DOA 0 1 2 \"text/plain\" aGk=`",
    ),
    of(
        260,
        &[RELAY],
        "AMTRELAY is precedence, whether discovery is optional (0 or 1), relay type (0 none, 1 IPv4, 2 IPv6, 3 name), and the relay: `AMTRELAY 10 0 1 192.0.2.1`",
    ),
    of(
        261,
        &[STRINGS],
        "RESINFO is one or more strings of at most 255 octets: `RESINFO qnamemin exterr=15-17`",
    ),
    of(
        262,
        &[STRINGS],
        "WALLET is one or more strings of at most 255 octets: `WALLET \"name\" \"address\"`",
    ),
    of(
        32_768,
        &[U16, ALGORITHM, DIGEST, HEX],
        "TA is key tag, algorithm, digest type and the digest in hex",
    ),
    of(
        32_769,
        &[U16, ALGORITHM, DIGEST, HEX],
        "DLV is key tag, algorithm, digest type and the digest in hex",
    ),
];

const fn of(kind: u16, fields: &'static [Field], help: &'static str) -> Form {
    Form { kind, fields, help }
}
