//! Zones that cannot work, or look so: each text with what must be told of it.
/// In front of each text: eight lines.
pub(crate) const HEAD: &str = "$TTL 300
@ IN SOA ns1 mail 1 3600 600 604800 60
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns2 AAAA 2001:db8::2
www A 192.0.2.3
alias CNAME www
";

/// Lines behind [`HEAD`], and what is said of them.
pub(crate) const CASES: &[(&str, &str)] = &[
    // Name servers of the zone.
    (
        "@ NS ns3\n",
        "9 the NS target `ns3.example.org` of `example.org` has no address",
    ),
    (
        "@ NS ns3\nns3 TXT a\n",
        "9 the NS target `ns3.example.org` of `example.org` has no address",
    ),
    (
        "@ NS alias\n",
        "9 the NS target `alias.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ NS a.d\nd DNAME example.net.\n",
        "9 the NS target `a.d.example.org` of `example.org` lies below a DNAME",
    ),
    ("@ NS a.w\n*.w A 192.0.2.9\n", ""),
    (
        "@ NS a.w\n*.w CNAME www\n",
        "9 the NS target `a.w.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ NS 192.0.2.7\n",
        "9 the NS target `192.0.2.7.example.org` of `example.org` is an address, taken for a name",
    ),
    (
        "@ NS 192.0.2.7.\n",
        "9 the NS target `192.0.2.7` of `example.org` is an address, taken for a name",
    ),
    (
        "@ NS 2001:db8::7\n",
        "9 the NS target `2001:db8::7.example.org` of `example.org` is an address, taken for a name",
    ),
    (
        "@ NS ns.example.net.\n@ NS .\n@ NS 1.2.3.host\nhost.example.org. A 192.0.2.1\n1.2.3.host A 192.0.2.1\n",
        "",
    ),
    // Delegations.
    (
        "sub NS ns.sub\nsub NS ns.example.net.\n",
        "9 the NS target `ns.sub.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    (
        "sub NS ns.sub\nsub NS ns2.sub\nns2.sub A 192.0.2.9\n",
        "9 the NS target `ns.sub.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    ("sub NS sub\nsub A 192.0.2.9\n", ""),
    (
        "sub NS SUB\n",
        "9 the NS target `SUB.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    (
        "sub NS ns.sub\n*.sub A 192.0.2.9\n",
        "9 the NS target `ns.sub.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    (
        "sub NS host\n",
        "9 the NS target `host.example.org` of `sub.example.org` has no address",
    ),
    (
        "sub NS alias\n",
        "9 the NS target `alias.example.org` of `sub.example.org` is an alias (CNAME)",
    ),
    ("sub NS ns.sib\nsib NS ns.example.net.\n", ""),
    ("sub NS www\nsub NS ns2\n", ""),
    // Mail and services.
    (
        "@ MX 10 alias\n",
        "9 the MX target `alias.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ MX 10 gone\ngone CNAME mail.example.net.\n",
        "9 the MX target `gone.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ MX 10 a.d\nd DNAME example.net.\n",
        "9 the MX target `a.d.example.org` of `example.org` lies below a DNAME",
    ),
    (
        "x MX 10 192.0.2.1\n",
        "9 the MX target `192.0.2.1.example.org` of `x.example.org` is an address, taken for a name",
    ),
    (
        "@ MX 10 192.0.2.1.\n",
        "9 the MX target `192.0.2.1` of `example.org` is an address, taken for a name",
    ),
    (
        "@ MX 10 mail\n",
        "9 the MX target `mail.example.org` of `example.org` has no address",
    ),
    (
        "@ MX 10 mail\nmail TXT a\n",
        "9 the MX target `mail.example.org` of `example.org` has no address",
    ),
    (
        "@ MX 0 .\n@ MX 10 mail.example.net.\n@ MX 10 www\n@ MX 10 ns2\n@ MX 10 m.sub\nsub NS ns.example.net.\n",
        "",
    ),
    (
        "_a._tcp SRV 0 0 80 alias\n",
        "9 the SRV target `alias.example.org` of `_a._tcp.example.org` is an alias (CNAME)",
    ),
    (
        "_a._tcp SRV 0 0 80 no\n",
        "9 the SRV target `no.example.org` of `_a._tcp.example.org` has no address",
    ),
    (
        "_a._tcp SRV 0 0 80 192.0.2.1\n",
        "9 the SRV target `192.0.2.1.example.org` of `_a._tcp.example.org` is an address, taken for a name",
    ),
    ("_a._tcp SRV 0 0 0 .\n_b._tcp SRV 0 0 80 www\n", ""),
    // Delegation signers.
    ("@ DS 1 8 250 00\n", "9 DS at the apex `example.org`"),
    (
        "www DS 1 8 250 00\n",
        "9 DS at `www.example.org`, which is no delegation",
    ),
    (
        "sub NS ns.example.net.\nsub DS 1 8 2 00112233\nsub DS 1 8 250 00112233\n",
        "10 the digest of the DS at `sub.example.org` is 32 octets long by its type (2), not 4",
    ),
    (
        "sub NS ns.example.net.\nsub DS 1 8 1 00\n",
        "10 the digest of the DS at `sub.example.org` is 20 octets long by its type (1), not 1",
    ),
    (
        "sub NS ns.example.net.\nsub DS 1 8 4 00\n",
        "10 the digest of the DS at `sub.example.org` is 48 octets long by its type (4), not 1",
    ),
    (
        "@ CDS 0 0 0 00\n@ CDS 1 8 2 00\n",
        "10 the digest of the CDS at `example.org` is 32 octets long by its type (2), not 1",
    ),
    // Other digests.
    (
        "_443._tcp TLSA 3 1 1 0011\n_444._tcp TLSA 3 1 0 0011\n",
        "9 the digest of the TLSA at `_443._tcp.example.org` is 32 octets long by its type (1), not 2",
    ),
    (
        "www SSHFP 4 2 0011\n",
        "9 the digest of the SSHFP at `www.example.org` is 32 octets long by its type (2), not 2",
    ),
];
