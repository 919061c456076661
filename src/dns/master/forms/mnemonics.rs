//! Numbers that have names. All names are read in any case.

/// Names and their numbers.
pub(super) type Table<T> = &'static [(&'static str, T)];

/// IANA "DNS Security Algorithm Numbers", and what BIND calls them where that differs.
pub(super) const ALGORITHMS: Table<u8> = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ECDSA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("SM2SM3", 17),
    ("ECC-GOST12", 23),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// IANA "DNSSEC Delegation Signer (DS) Resource Record (RR) Type Digest Algorithms", as BIND
/// reads them.
pub(super) const DIGESTS: Table<u8> = &[
    ("SHA-1", 1),
    ("SHA1", 1),
    ("SHA-256", 2),
    ("SHA256", 2),
    ("GOST", 3),
    ("SHA-384", 4),
    ("SHA384", 4),
];

/// IANA "DNSSEC NSEC3 Hash Algorithms".
pub(super) const HASHES: Table<u8> = &[("SHA-1", 1)];

/// Protocols of keys (RFC 2535, section 3.1.3).
pub(super) const PROTOCOLS: Table<u8> = &[
    ("NONE", 0),
    ("TLS", 1),
    ("EMAIL", 2),
    ("DNSSEC", 3),
    ("IPSEC", 4),
    ("ALL", 255),
];

/// IANA "DSYNC: Location of Synchronization Endpoints".
pub(super) const SCHEMES: Table<u8> = &[("NOTIFY", 1)];

/// Types of certificates (RFC 4398, section 2.1).
pub(super) const CERTIFICATES: Table<u16> = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Flags of KEY and DNSKEY (RFC 2535, section 7.1; RFC 4034, section 2.1.1; RFC 5011).
pub(super) const KEY_FLAGS: Table<u16> = &[
    ("NOCONF", 0x4000),
    ("NOAUTH", 0x8000),
    ("NOKEY", 0xC000),
    ("EXTEND", 0x1000),
    ("USER", 0),
    ("ZONE", 0x0100),
    ("HOST", 0x0200),
    ("NTYP3", 0x0300),
    ("REVOKE", 0x0080),
    ("KSK", 0x0001),
];

/// Protocols over IP that WKS knew (RFC 1010), as `/etc/protocols` names them.
pub(super) const TRANSPORTS: Table<u8> = &[
    ("ip", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("st", 5),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("udp", 17),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
];

/// Services by port (RFC 1700), those of the time of WKS; the same over TCP and UDP.
pub(super) const SERVICES: Table<u16> = &[
    ("tcpmux", 1),
    ("rje", 5),
    ("echo", 7),
    ("discard", 9),
    ("systat", 11),
    ("users", 11),
    ("daytime", 13),
    ("netstat", 15),
    ("qotd", 17),
    ("quote", 17),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("rlp", 39),
    ("nameserver", 42),
    ("nicname", 43),
    ("whois", 43),
    ("tacacs", 49),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("link", 87),
    ("kerberos", 88),
    ("supdup", 95),
    ("hostname", 101),
    ("hostnames", 101),
    ("iso-tsap", 102),
    ("x400", 103),
    ("rtelnet", 107),
    ("pop2", 109),
    ("pop3", 110),
    ("sunrpc", 111),
    ("portmapper", 111),
    ("auth", 113),
    ("sftp", 115),
    ("uucp-path", 117),
    ("nntp", 119),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("xdmcp", 177),
    ("bgp", 179),
    ("irc", 194),
    ("ldap", 389),
    ("https", 443),
    ("exec", 512),
    ("biff", 512),
    ("login", 513),
    ("who", 513),
    ("shell", 514),
    ("syslog", 514),
    ("printer", 515),
    ("talk", 517),
    ("ntalk", 518),
    ("route", 520),
    ("uucp", 540),
];
