//! One slip in a zone that was well.
use waypost::base::Draws;

use super::words::Dialect;
use super::zones::{Row, Zone};

/// Where the numbers of zones with a slip begin.
pub(crate) const SLIPS: u64 = 1_000_000;

/// Lines that are wrong, or odd, or only look so.
const LINES: &[&str] = &[
    "$TTL\n",
    "$TTL x\n",
    "$TTL 60 60\n",
    "$TTL 4294967296\n",
    "$TTL -1\n",
    "$ORIGIN\n",
    "$ORIGIN a..b.\n",
    "$ORIGIN a. b.\n",
    "$INCLUDE missing\n",
    "$INCLUDE\n",
    "$INCLUD x\n",
    "$FOO\n",
    "$FOO bar\n",
    "$ TTL 5\n",
    "s A\n",
    "s A 192.0.2\n",
    "s A 192.0.2.256\n",
    "s A 192.0.2.01\n",
    "s A 192.0.2.1.\n",
    "s A 192.0.2.1 x\n",
    "s A 0x7f000001\n",
    "s A 2001:db8::1\n",
    "s AAAA 192.0.2.1\n",
    "s AAAA 2001:db8:::1\n",
    "s AAAA 12345::\n",
    "s AAAA ::1%lo\n",
    "s AAAA 1:2:3:4:5:6:7\n",
    "s AAAA 1:2:3:4:5:6:7:8:9\n",
    "s 60 60 A 192.0.2.1\n",
    "s IN IN A 192.0.2.1\n",
    "s CH A 192.0.2.1\n",
    "s CLASS3 A 192.0.2.1\n",
    "s CLASS A 192.0.2.1\n",
    "s 1x A 192.0.2.1\n",
    "s 60 IN\n",
    "s\n",
    "s TYPE0 \\# 0\n",
    "s TYPE65536 \\# 0\n",
    "s ANY \\# 0\n",
    "s OPT \\# 0\n",
    "s TSIG \\# 0\n",
    "s AXFR \\# 0\n",
    "s TYPE65400 \\# 1\n",
    "s TYPE65400 \\# 1 0\n",
    "s TYPE65400 \\# 1 0g\n",
    "s TYPE65400 \\# 2 00\n",
    "s TYPE65400 \\#\n",
    "s TYPE65400 x\n",
    "s A \\# 3 c00002\n",
    "s A \\# 5 c000020100\n",
    "s MX \\# 2 000a\n",
    "s CNAME \\# 2 c000\n",
    "s TXT \\# 0\n",
    "s TXT \\# 1 05\n",
    "s TXT\n",
    "s TXT \"open\n",
    "s TXT open\"\n",
    "s TXT ( a\n",
    "s TXT a )\n",
    "s TXT \\25\n",
    "s TXT \\256\n",
    "s TXT \\2x6\n",
    "s TXT a\\\n",
    "a..b A 192.0.2.1\n",
    ".a A 192.0.2.1\n",
    ". A 192.0.2.1\n",
    "s. A 192.0.2.1\n",
    "a\\256b A 192.0.2.1\n",
    "a\\2 A 192.0.2.1\n",
    "s\u{fc} TXT x\n",
    "s MX a\n",
    "s MX 10\n",
    "s MX 65536 a\n",
    "s MX -1 a\n",
    "s MX 10 a b\n",
    "s MX 10 a..b\n",
    "s MX 0x10 a\n",
    "s MX +1 a\n",
    "s MX 010 a\n",
    "s SRV 1 2 3\n",
    "s SRV 1 2 65536 a\n",
    "s SRV 1 2 3 a b\n",
    "s NS\n",
    "s NS a b\n",
    "s PTR \"a b\"\n",
    "s CNAME a\ns A 192.0.2.1\n",
    "s CNAME a\ns CNAME b\n",
    "s CNAME a\ns CNAME a\n",
    "s DNAME a\nx.s A 192.0.2.1\n",
    "s DNAME a\ns DNAME b\n",
    "@ SOA a b 1 2 3 4 5\n",
    "@ SOA a b 1 2 3 4\n",
    "s SOA a b 1 2 3 4 5\n",
    "@ CNAME a\n",
    "@ DS 1 8 2 00\n",
    "s CAA 0 issue\n",
    "s CAA 256 issue \"a\"\n",
    "s CAA 0 \"\" \"a\"\n",
    "s CAA 0 is-sue \"a\"\n",
    "s TLSA 3 1 1 0\n",
    "s TLSA 3 1 1\n",
    "s TLSA 256 1 1 00\n",
    "s TLSA 3 1 1 xx\n",
    "s SSHFP 4 2 0\n",
    "s SSHFP 4 256 00\n",
    "s DS 1 8 2\n",
    "s DS 65536 8 2 00\n",
    "s DS 1 NOALG 2 00\n",
    "s DNSKEY 256 3 8 A\n",
    "s DNSKEY 256 3 8 !!!!\n",
    "s DNSKEY 65536 3 8 AAEC\n",
    "s NAPTR 1 2 u sip\n",
    "s NAPTR 1 2 \"u\" \"sip\" \"\" a b\n",
    "s LOC 91 N 0 E 0m\n",
    "s LOC 0 N 181 E 0m\n",
    "s LOC 0 60 N 0 E 0m\n",
    "s LOC 0 N 0 E\n",
    "s LOC 0 X 0 E 0m\n",
    "s EUI48 00-00-00-00-00\n",
    "s EUI48 000000000000\n",
    "s EUI64 00-00-00-00-00-00\n",
    "s HINFO a\n",
    "s HINFO a b c\n",
    "s RP a\n",
    "s AFSDB a b\n",
    "s SVCB 1\n",
    "s SVCB 1 . alpn\n",
    "s SVCB 1 . alpn=\n",
    "s SVCB 1 . alpn=\"\"\n",
    "s SVCB 1 . alpn=,h2\n",
    "s SVCB 1 . alpn=h2 alpn=h3\n",
    "s SVCB 1 . port=65536\n",
    "s SVCB 1 . port=\n",
    "s SVCB 1 . ipv4hint=::1\n",
    "s SVCB 1 . ipv6hint=1.2.3.4\n",
    "s SVCB 1 . mandatory=port\n",
    "s SVCB 1 . mandatory=mandatory\n",
    "s SVCB 1 . mandatory=port,port port=1\n",
    "s SVCB 1 . no-default-alpn\n",
    "s SVCB 1 . no-default-alpn=1\n",
    "s SVCB 1 . key65535=a\n",
    "s SVCB 1 . key65536=a\n",
    "s SVCB 1 . keyx=a\n",
    "s SVCB 1 . key01=a\n",
    "s SVCB 0 . alpn=h2\n",
    "s SVCB 65536 .\n",
    "s SVCB 1 . ech=!\n",
    "s NSEC a\n",
    "s NSEC a NOTYPE\n",
    "s CSYNC 1 3 NOTYPE\n",
    "s APL 1:192.0.2.0/33\n",
    "s APL 3:x/1\n",
    "s APL 1:192.0.2.0\n",
    "s APL 2:192.0.2.0/24\n",
    "s URI 1 2\n",
    "s URI 1 2 \"\"\n",
    "s CERT 1 1 8\n",
    "s CERT X 1 8 AAEC\n",
    "s OPENPGPKEY\n",
    "s OPENPGPKEY !\n",
    "s DHCID !\n",
    "s IPSECKEY 1 4 2 . AAEC\n",
    "s IPSECKEY 1 1 2 a AAEC\n",
    "s ZONEMD 1 1 1 00\n",
    "s ZONEMD 1 1 1\n",
    "s KEY 256 3 8\n",
    "s NID 1 0:0:0\n",
    "s L32 1 ::1\n",
    "s L64 1 0:0:0:0:0\n",
    "s NSEC3PARAM 1 0 0\n",
    "s NSEC3PARAM 1 0 0 xyz\n",
    "s SPF\n",
    "x)\n",
    "(\n",
    ")\n",
    "(s A 192.0.2.1)\n",
    "s A (192.0.2.1\n)\n",
    "s A 192.0.2.1 (\n)\n",
    "\"s\" A 192.0.2.1\n",
    "s \"A\" 192.0.2.1\n",
    "s A \"192.0.2.1\"\n",
    "s MX \"10\" a\n",
    "s MX 10 \"a\"\n",
    "s TXT a\"b\n",
    "s 2147483648 A 192.0.2.1\n",
    "s 4294967296 A 192.0.2.1\n",
];

/// Characters that mean something.
const SIGNS: &[u8] = b"\"\\();.@$ \n\t=,a0-/:*";

/// A zone with one slip in it.
pub(crate) fn slipped(number: u64) -> Zone {
    let mut zone = Zone::in_dialect(number, Dialect::Common);
    let mut draws = Draws::from_seed(!number);
    let mut below = |bound: usize| usize::try_from(draws.below(bound as u64)).unwrap();
    if below(2) == 0 {
        let row = Row {
            text: LINES[below(LINES.len())].to_owned(),
        };
        // The origin is the zone again: with another one, the line might be outside.
        let home = Row {
            text: format!("$ORIGIN {}.\n", zone.apex()),
        };
        let at = below(zone.rows.len() + 1);
        zone.rows.splice(at..at, [home, row]);
        return zone;
    }
    let at = below(zone.rows.len() + 1);
    let text = match at {
        0 => &mut zone.head,
        at => &mut zone.rows[at - 1].text,
    };
    let mut bytes = std::mem::take(text).into_bytes();
    if bytes.is_empty() {
        bytes.push(b'\n');
    }
    let (place, sign) = (below(bytes.len()), SIGNS[below(SIGNS.len())]);
    match below(5) {
        0 => bytes[place] = sign,
        1 => bytes.insert(place, sign),
        2 => drop(bytes.remove(place)),
        3 => bytes.swap(place, place.saturating_sub(1)),
        _ => {
            // A word is lost.
            let end = bytes[place..]
                .iter()
                .position(|byte| byte.is_ascii_whitespace());
            bytes.drain(place..end.map_or(bytes.len(), |end| place + end));
        }
    }
    *text = String::from_utf8_lossy(&bytes).into_owned();
    zone
}
