//! Fields of every type at random, each as it may be written.
use super::words::{Dialect, Words};

/// Who reads the presentation form of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// BIND, Knot and NSD, in the versions of Debian 12.
    All,
    /// BIND and NSD.
    BindNsd,
    /// BIND.
    Bind,
}

/// A type, who reads it, and fields for it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) readers: Readers,
    pub(crate) fields: fn(&mut Words) -> Vec<String>,
}

const fn kind(name: &'static str, readers: Readers, fields: fn(&mut Words) -> Vec<String>) -> Kind {
    Kind {
        name,
        readers,
        fields,
    }
}

/// Every type that may stand beside others at a name.
pub(crate) const KINDS: &[Kind] = &[
    kind("A", Readers::All, |words| vec![words.address4()]),
    kind("AAAA", Readers::All, |words| vec![words.address6()]),
    kind("PTR", Readers::All, one_name),
    kind("MB", Readers::BindNsd, one_name),
    kind("MG", Readers::BindNsd, one_name),
    kind("MR", Readers::BindNsd, one_name),
    kind("NSAP-PTR", Readers::Bind, one_name),
    kind("MX", Readers::All, number_and_name),
    kind("AFSDB", Readers::All, number_and_name),
    kind("RT", Readers::All, number_and_name),
    kind("KX", Readers::All, number_and_name),
    kind("LP", Readers::All, number_and_name),
    kind("MINFO", Readers::All, two_names),
    kind("RP", Readers::All, two_names),
    kind("TALINK", Readers::Bind, two_names),
    kind("PX", Readers::BindNsd, |words| {
        vec![words.number(16), words.name(), words.name()]
    }),
    kind("SRV", Readers::All, |words| {
        let numbers = [(); 3].map(|()| words.number(16));
        [&numbers[..], &[words.name()]].concat()
    }),
    kind("NAPTR", Readers::All, naptr),
    kind("TXT", Readers::All, strings),
    kind("SPF", Readers::All, strings),
    kind("NINFO", Readers::Bind, strings),
    kind("AVC", Readers::BindNsd, strings),
    kind("HINFO", Readers::All, |words| {
        vec![words.dotless(), words.dotless()]
    }),
    kind("X25", Readers::BindNsd, |words| {
        vec![words.one(&["311061700956", "\"0011\"", "1234"]).to_owned()]
    }),
    kind("ISDN", Readers::BindNsd, |words| {
        let mut fields = vec![words.one(&["150862028003217", "\"9 9\"", "1"]).to_owned()];
        if words.percent(50) {
            fields.push(words.one(&["004", "\"1 2\""]).to_owned());
        }
        fields
    }),
    kind("GPOS", Readers::Bind, |words| {
        vec![
            words.one(&["-32.6882", "\"0.0\"", "90"]).to_owned(),
            words.one(&["116.8652", "\"-180.0\"", "0"]).to_owned(),
            words.one(&["10.0", "-5", "\"8850.25\""]).to_owned(),
        ]
    }),
    kind("LOC", Readers::All, loc),
    kind("CERT", Readers::All, |words| {
        let kind = words.one(&[
            "PKIX", "SPKI", "PGP", "IPKIX", "ACPKIX", "URI", "OID", "1", "250", "65280",
        ]);
        let algorithm = algorithm(words);
        let length = 1 + words.below(60);
        [
            vec![kind.to_owned(), words.number(16), algorithm],
            words.base64(length),
        ]
        .concat()
    }),
    kind("URI", Readers::All, |words| {
        vec![
            words.number(16),
            words.number(16),
            words
                .one(&[
                    "\"https://www.example.org/\"",
                    "\"a;b\\\"c\"",
                    "\"sip:x@y (z)\"",
                ])
                .to_owned(),
        ]
    }),
    kind("CAA", Readers::All, |words| {
        let value = words.one(&[
            "\"ca.example.net\"",
            "\";\"",
            "\"ca.example; a=b\"",
            "unquoted",
            "\"a\\\"b\\032c\"",
            "\"\"",
        ]);
        let tag = match words.dialect {
            Dialect::Bind => words.one(&["issue", "iodef", "ISSUE", "IssueWild"]),
            Dialect::Common | Dialect::Nsd => words.one(&["issue", "issuewild", "iodef", "x1"]),
        };
        vec![words.number(8), tag.to_owned(), value.to_owned()]
    }),
    kind("TLSA", Readers::All, association),
    kind("SMIMEA", Readers::All, association),
    kind("SSHFP", Readers::All, |words| {
        let (kind, length) = [("1", 20), ("2", 32)][words.below(2)];
        [
            vec![
                words.one(&["1", "2", "3", "4", "6"]).to_owned(),
                kind.to_owned(),
            ],
            words.hex(length),
        ]
        .concat()
    }),
    kind("CDS", Readers::All, signer),
    kind("DLV", Readers::BindNsd, signer),
    kind("TA", Readers::Bind, signer),
    kind("CDNSKEY", Readers::All, key),
    kind("DNSKEY", Readers::All, key),
    kind("KEY", Readers::All, |words| {
        let flags = words.one(&["0", "256", "512", "16384"]).to_owned();
        let length = 1 + words.below(60);
        [
            vec![flags, words.one(&["3", "255"]).to_owned(), algorithm(words)],
            words.base64(length),
        ]
        .concat()
    }),
    kind("NSEC3PARAM", Readers::All, |words| {
        vec![
            "1".to_owned(),
            "0".to_owned(),
            words.below(100).to_string(),
            salt(words),
        ]
    }),
    kind("CSYNC", Readers::All, |words| {
        [
            vec![
                words.number(32),
                words.one(&["0", "1", "2", "3"]).to_owned(),
            ],
            bitmap(words),
        ]
        .concat()
    }),
    kind("APL", Readers::All, |words| {
        let mut fields = Vec::new();
        for _ in 0..words.below(4) {
            fields.push(
                words
                    .one(&[
                        "1:192.0.2.0/24",
                        "!1:10.0.0.0/8",
                        "2:2001:db8::/32",
                        "!2:::/0",
                        "1:0.0.0.0/0",
                        "1:192.0.2.1/32",
                        "2:FF00::/8",
                    ])
                    .to_owned(),
            );
        }
        fields
    }),
    kind("NID", Readers::All, locator64),
    kind("L64", Readers::All, locator64),
    kind("L32", Readers::All, |words| {
        vec![words.number(16), words.address4()]
    }),
    kind("EUI48", Readers::All, |words| vec![hardware(words, 6)]),
    kind("EUI64", Readers::All, |words| vec![hardware(words, 8)]),
    kind("HIP", Readers::Bind, |words| {
        let hit: String = words
            .octets(16)
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        let length = 3 + 3 * words.below(20);
        let key = words.base64(length).concat();
        let mut fields = vec![words.one(&["1", "2"]).to_owned(), hit, key];
        for _ in 0..words.below(3) {
            fields.push(words.name());
        }
        fields
    }),
    kind("IPSECKEY", Readers::All, |words| {
        let (gateway, text) = match words.below(4) {
            0 => ("0", ".".to_owned()),
            1 => ("1", words.address4()),
            2 => ("2", words.address6()),
            // NSD does not take an `@` here.
            _ => ("3", words.name().replace('@', "at")),
        };
        let head = vec![
            words.number(8),
            gateway.to_owned(),
            words.one(&["1", "2"]).to_owned(),
            text,
        ];
        let length = 1 + words.below(40);
        [head, words.base64(length)].concat()
    }),
    kind("AMTRELAY", Readers::Bind, |words| {
        let (kind, text) = match words.below(4) {
            0 => ("0", ".".to_owned()),
            1 => ("1", words.address4()),
            2 => ("2", words.address6()),
            _ => ("3", words.name()),
        };
        vec![
            words.number(8),
            words.one(&["0", "1"]).to_owned(),
            kind.to_owned(),
            text,
        ]
    }),
    kind("OPENPGPKEY", Readers::All, |words| {
        let length = 1 + words.below(90);
        words.base64(length)
    }),
    kind("DHCID", Readers::All, |words| {
        let length = 3 + words.below(40);
        words.base64(length)
    }),
    kind("SVCB", Readers::All, service),
    kind("HTTPS", Readers::All, service),
    kind("WKS", Readers::BindNsd, |words| {
        let mut fields = vec![
            words.address4(),
            words.one(&["6", "17", "tcp", "udp"]).to_owned(),
        ];
        for _ in 0..1 + words.below(4) {
            fields.push(words.one(&["25", "80", "53", "domain", "1023"]).to_owned());
        }
        fields
    }),
    kind("NSAP", Readers::BindNsd, |words| {
        vec![
            words
                .one(&[
                    "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
                    "0x47000580005a0000000001e133ffffff00016100",
                    "0X4700",
                ])
                .to_owned(),
        ]
    }),
    kind("A6", Readers::Bind, |words| match words.below(3) {
        0 => vec!["0".to_owned(), words.address6()],
        1 => vec!["64".to_owned(), "::1:2".to_owned(), words.name()],
        _ => vec!["128".to_owned(), words.name()],
    }),
    kind("ATMA", Readers::Bind, |words| {
        let address = words.one(&["39246F000000000000000000000000", "+61200000000", "+1.2.3"]);
        vec![address.to_owned()]
    }),
    kind("DOA", Readers::Bind, |words| {
        let head = vec![
            words.number(32),
            words.number(32),
            words.number(8),
            words.string(20),
        ];
        let length = 1 + words.below(20);
        [head, words.base64(length)].concat()
    }),
    kind("EID", Readers::Bind, |words| {
        let length = 1 + words.below(20);
        words.hex(length)
    }),
    kind("NIMLOC", Readers::Bind, |words| {
        let length = 1 + words.below(20);
        words.hex(length)
    }),
    kind("SINK", Readers::Bind, |words| {
        let head = vec![words.number(8), words.number(8), words.number(8)];
        let length = 1 + words.below(20);
        [head, words.base64(length)].concat()
    }),
    kind("SIG", Readers::Bind, dated_signature),
    kind("NXT", Readers::Bind, |words| {
        let types = ["A", "NS", "SOA", "MX", "TXT", "KEY"];
        let chosen = types.iter().filter(|_| words.draws.chance(500));
        let chosen: Vec<String> = chosen.map(|name| (*name).to_owned()).collect();
        [vec![words.name()], chosen].concat()
    }),
    kind("RRSIG", Readers::Bind, signature),
    kind("NSEC", Readers::Bind, |words| {
        let mut types = bitmap(words);
        types.push("NSEC".to_owned());
        [vec![words.name()], types].concat()
    }),
    kind("ZONEMD", Readers::All, |words| {
        let (hash, length) = [("1", 48), ("2", 64)][words.below(2)];
        [
            vec![
                words.number(32),
                words.one(&["1", "240"]).to_owned(),
                hash.to_owned(),
            ],
            words.hex(length),
        ]
        .concat()
    }),
    kind("TYPE65400", Readers::All, |words| {
        let length = words.below(40);
        unknown(words, length)
    }),
    kind("TYPE65534", Readers::All, |words| {
        let length = words.below(3);
        unknown(words, length)
    }),
    kind("TYPE1", Readers::All, |words| unknown(words, 4)),
    kind("AAAA", Readers::All, |words| unknown(words, 16)),
];

/// NSEC3, whose owner is a hash.
pub(crate) const HASHED: Kind = kind("NSEC3", Readers::Bind, |words| {
    let next = words.one(&[
        "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM",
        "2vptu5timamqttgl4luu9kg21e0aor3s",
    ]);
    let head = vec![
        "1".to_owned(),
        words.number(1),
        words.below(100).to_string(),
    ];
    [head, vec![salt(words), next.to_owned()], bitmap(words)].concat()
});

/// Types that stand alone at a name, or change what may stand below it.
pub(crate) const SINGLE: &[Kind] = &[
    kind("CNAME", Readers::All, one_name),
    kind("DNAME", Readers::All, one_name),
    kind("NS", Readers::All, |words| {
        // Never the root, never a name that another delegation has.
        vec![format!("{}.example.net.", words.label())]
    }),
];

impl Kind {
    /// Whether a zone of this dialect may have it.
    pub(crate) fn fits(&self, dialect: Dialect) -> bool {
        match (dialect, self.readers) {
            // NSD 4.6 keeps the first string only, and a name up to its first NUL only.
            (Dialect::Nsd, _) if ["SPF", "IPSECKEY"].contains(&self.name) => false,
            (Dialect::Bind, _) | (_, Readers::All) => true,
            (Dialect::Nsd, readers) => readers == Readers::BindNsd,
            (Dialect::Common, _) => false,
        }
    }
}

fn one_name(words: &mut Words) -> Vec<String> {
    vec![words.name()]
}

fn two_names(words: &mut Words) -> Vec<String> {
    vec![words.name(), words.name()]
}

fn number_and_name(words: &mut Words) -> Vec<String> {
    vec![words.number(16), words.name()]
}

fn strings(words: &mut Words) -> Vec<String> {
    let count = 1 + words.below(4);
    (0..count).map(|_| words.string(255)).collect()
}

fn unknown(words: &mut Words, length: usize) -> Vec<String> {
    let hex = match length {
        0 => Vec::new(),
        _ => words.hex(length),
    };
    [vec!["\\#".to_owned(), length.to_string()], hex].concat()
}

fn naptr(words: &mut Words) -> Vec<String> {
    let (regexp, target) = match words.below(2) {
        0 => ("\"\"", words.name()),
        _ => (
            words.one(&[
                "\"!^.*$!sip:info@example.org!\"",
                "\"!^(\\\\+41)(.*)$!sip:\\\\2@x!i\"",
            ]),
            ".".to_owned(),
        ),
    };
    vec![
        words.number(16),
        words.number(16),
        words.one(&["\"\"", "\"u\"", "s", "\"A\""]).to_owned(),
        words.one(&["\"\"", "\"E2U+sip\"", "sip+D2T"]).to_owned(),
        regexp.to_owned(),
        target,
    ]
}

fn loc(words: &mut Words) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for (most, sides) in [(89, ["N", "S"]), (179, ["E", "W"])] {
        fields.push(words.below(most).to_string());
        if words.percent(80) {
            fields.push(words.below(60).to_string());
            if words.percent(80) {
                fields.push(match words.below(3) {
                    0 => words.below(60).to_string(),
                    1 => format!("{}.{}", words.below(60), words.below(10)),
                    _ => format!("{}.{:03}", words.below(60), words.below(1000)),
                });
            }
        }
        fields.push(words.one(&sides).to_owned());
    }
    fields.push(
        words
            .one(&[
                "-2.00m",
                "0m",
                "10m",
                "42849672.95m",
                "-100000.00m",
                "12.5m",
            ])
            .to_owned(),
    );
    for size in [
        ["1m", "0m", "20000000.00m"],
        ["10000m", "90000000m", "5.05m"],
        ["10m", "2m", "0.5m"],
    ] {
        if words.percent(30) {
            break;
        }
        fields.push(words.one(&size).to_owned());
    }
    fields
}

fn algorithm(words: &mut Words) -> String {
    words
        .one(&["8", "13", "15", "RSASHA256", "ECDSAP256SHA256", "253", "5"])
        .to_owned()
}

fn association(words: &mut Words) -> Vec<String> {
    let (matching, length) = [("0", 1 + words.below(60)), ("1", 32), ("2", 64)][words.below(3)];
    let head = vec![
        words.one(&["0", "1", "2", "3", "255"]).to_owned(),
        words.one(&["0", "1", "255"]).to_owned(),
        matching.to_owned(),
    ];
    [head, words.hex(length)].concat()
}

/// DS and its relatives.
pub(crate) fn signer(words: &mut Words) -> Vec<String> {
    let (digest, length) = [("1", 20), ("2", 32), ("4", 48)][words.below(3)];
    [
        vec![words.number(16), algorithm(words), digest.to_owned()],
        words.hex(length),
    ]
    .concat()
}

fn key(words: &mut Words) -> Vec<String> {
    let flags = words.one(&["256", "257", "0", "385"]).to_owned();
    let (algorithm, length) = [
        ("8", 70),
        ("13", 64),
        ("15", 32),
        ("ED25519", 32),
        ("RSASHA256", 68),
    ][words.below(5)];
    [
        vec![flags, "3".to_owned(), algorithm.to_owned()],
        words.base64(length),
    ]
    .concat()
}

fn salt(words: &mut Words) -> String {
    match words.below(3) {
        0 => "-".to_owned(),
        _ => {
            let length = 1 + words.below(12);
            words
                .octets(length)
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect()
        }
    }
}

/// RRSIG, its times in both forms.
fn signature(words: &mut Words) -> Vec<String> {
    let times = [(); 2].map(|()| match words.below(2) {
        0 => date(words),
        _ => words.number(31),
    });
    signed(words, times)
}

/// SIG, whose times are dates for all who read it.
fn dated_signature(words: &mut Words) -> Vec<String> {
    let times = [(); 2].map(|()| date(words));
    signed(words, times)
}

fn date(words: &mut Words) -> String {
    let (year, month, day) = (
        2000 + words.below(38),
        1 + words.below(9),
        1 + words.below(28),
    );
    let (hour, minute) = (words.below(24), words.below(60));
    format!("{year}{month:02}{day:02}{hour:02}{minute:02}59")
}

fn signed(words: &mut Words, times: [String; 2]) -> Vec<String> {
    let length = 1 + words.below(60);
    let covered = words.one(&["A", "TXT", "TYPE65400"]).to_owned();
    // BIND wants at least as many labels as the signer's name has.
    let labels = (2 + words.below(3)).to_string();
    let head = vec![covered, algorithm(words), labels, words.number(31)];
    let tail = vec![words.number(16), words.apex.clone()];
    [head, times.to_vec(), tail, words.base64(length)].concat()
}

/// Names of types, as a bitmap has them.
pub(crate) fn bitmap(words: &mut Words) -> Vec<String> {
    const TYPES: [&str; 10] = [
        "A",
        "NS",
        "SOA",
        "MX",
        "TXT",
        "AAAA",
        "SRV",
        "RRSIG",
        "CAA",
        "TYPE65400",
    ];
    TYPES
        .iter()
        .filter(|_| words.draws.chance(400))
        .map(|name| (*name).to_owned())
        .collect()
}

fn locator64(words: &mut Words) -> Vec<String> {
    let octets = words.octets(8);
    // Knot wants all four digits.
    let width = match words.dialect {
        Dialect::Common => 4,
        Dialect::Bind | Dialect::Nsd => 1,
    };
    let locator: Vec<String> = octets
        .chunks(2)
        .map(|two| format!("{:0width$x}", u32::from(two[0]) << 8 | u32::from(two[1])))
        .collect();
    vec![words.number(16), locator.join(":")]
}

fn hardware(words: &mut Words, length: usize) -> String {
    let octets = words.octets(length);
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let text = octets.join("-");
    words.mixed(&text)
}

fn service(words: &mut Words) -> Vec<String> {
    if words.percent(20) {
        return vec!["0".to_owned(), words.name()];
    }
    let priority = 1 + words.below(65_535);
    let mut fields = vec![priority.to_string(), words.name()];
    let mut parameters = vec![
        words
            .one(&[
                "alpn=h2",
                "alpn=h2,h3",
                "alpn=\"h2,h3\"",
                "alpn=\"http/1.1\"",
            ])
            .to_owned(),
        format!("port={}", words.number(16)),
        format!("ipv4hint={}", words.address4()),
        format!("ipv4hint=\"{},{}\"", words.address4(), words.address4()),
        format!("ipv6hint={}", words.address6()),
        words.one(&["ech=AAEC", "ech=\"AAECAw==\""]).to_owned(),
        words
            .one(&[
                "key65000=abc",
                "key65001=\"a b\\\"c\"",
                "key667=\\001\\255",
                "key999",
                "key65534=x",
            ])
            .to_owned(),
    ];
    if words.percent(20) {
        parameters.push("no-default-alpn".to_owned());
        parameters[0] = "alpn=h3".to_owned();
    }
    let mut keys: Vec<String> = Vec::new();
    while let Some(parameter) = parameters.pop() {
        let key = parameter.split('=').next().unwrap().to_owned();
        let needed = key == "alpn" && keys.iter().any(|key| key == "no-default-alpn");
        if keys.contains(&key) || !(needed || words.percent(40)) {
            continue;
        }
        keys.push(key);
        fields.push(parameter);
    }
    if words.percent(15) && keys.iter().any(|key| key == "port") {
        fields.insert(2, "mandatory=port".to_owned());
    }
    fields
}
