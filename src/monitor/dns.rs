//! Monitors of type `dns`: one question, judged by the response code and the answers of its reply.
//!
//! `NOERROR` passes unless other codes are listed. Answers that are expected must all be among those that come; others may stand
//! beside them. They are written as a master file has them: an address, a name, a text with or without its quotes. A reply that was
//! cut short over UDP is asked for again over TCP, as every resolver does.
//!
//! The question's name is the monitor's own and must be given: what a server of names is asked for is seldom what the service is
//! called.
use std::net::{Ipv4Addr, Ipv6Addr};

use toml::de::DeValue;

use super::encryption::{Encryption, EncryptionStart, refuse};
use super::kind::{Host, MonitorType, NamedFile, Port, ProbeExchange};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::text::type_number;
use crate::text::reader::{Fields, items, plain};
use crate::text::value::{self, Trouble};

/// Question and expectations of a DNS probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsCheck {
    /// The name that is asked for.
    pub name: Name,
    /// The type that is asked for, as its number.
    pub rtype: u16,
    /// Answers that must come, as [`normal`] has them.
    pub expect_answers: Vec<String>,
    /// Response codes that pass.
    pub expect_rcode: Vec<u16>,
    /// Necessity of an answer that the server has to fetch.
    pub recursion: Recursion,
    /// The way of the question.
    pub transport: DnsTransport,
    /// The certificate of a server that is asked over TLS.
    pub encryption: Encryption,
}

/// The wish of a question to a server that does not know the answer itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recursion {
    /// That it asks others (RD; RFC 1035, section 4.1.1).
    Desired,
    /// Nothing: it is asked for what it knows.
    Refused,
}

/// The way of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsTransport {
    /// Datagrams, and TCP for a reply that was cut short.
    Udp,
    /// TCP (RFC 7766).
    Tcp,
    /// TLS (RFC 7858).
    Tls,
}

const RCODES: &[(&str, u16)] = &[
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("NOTAUTH", 9),
];

impl MonitorType for DnsCheck {
    const PORT: Port = Port::Default(53);
    const FILES: &'static [&'static str] = Encryption::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        const TRANSPORTS: &[(&str, DnsTransport)] = &[
            ("udp", DnsTransport::Udp),
            ("tcp", DnsTransport::Tcp),
            ("tls", DnsTransport::Tls),
        ];
        let transport = plain(fields.optional("transport", value::word(TRANSPORTS)));
        let transport = transport.unwrap_or(DnsTransport::Udp);
        let encryption = match transport {
            DnsTransport::Tls => Encryption::beginning(fields, EncryptionStart::AtOnce),
            DnsTransport::Udp | DnsTransport::Tcp => {
                refuse(fields, "host");
                Encryption::beginning(fields, EncryptionStart::Never)
            }
        };
        let rtype = plain(fields.optional("record_type", record_type)).unwrap_or(rtype::A);
        let answers = fields.list("expect_answers", |value| answer(value, rtype));
        let rcodes = items(fields.list("expect_rcode", value::word(RCODES)));
        let mut expect_rcode: Vec<u16> = rcodes.into_iter().map(|one| one.value).collect();
        if expect_rcode.is_empty() {
            expect_rcode.push(0);
        }
        let recursion = plain(fields.optional("recursion", value::boolean));
        let name = fields.required("name", r#""www.example.org""#, value::domain);
        Self {
            name: plain(name).unwrap_or_else(Name::root),
            rtype,
            expect_answers: items(answers).into_iter().map(|one| one.value).collect(),
            expect_rcode,
            recursion: if recursion == Some(true) {
                Recursion::Desired
            } else {
                Recursion::Refused
            },
            transport,
            encryption,
        }
    }

    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        self.encryption.take_file(file)
    }

    fn forget_paths(&mut self) {
        self.encryption.forget_paths();
    }

    fn host(&self) -> Host<'_> {
        self.encryption.host()
    }

    fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            connects: self.transport != DnsTransport::Udp,
            ..self.encryption.exchange()
        }
    }
}

/// A type of records that can be asked for.
fn record_type(value: &DeValue<'_>) -> Result<u16, Trouble> {
    let text = value::text(value)?;
    let found = type_number(&text).filter(|number| !is_of_messages(*number));
    found.ok_or_else(|| {
        Trouble::new(format!(
            "`{text}` is no type of records that a probe asks for"
        ))
        .with_help("write \"A\", \"AAAA\", \"SOA\", \"TXT\" or another type's name")
    })
}

/// Types that are no records: OPT, and those of questions and transfers (RFC 6895, section 3.1).
fn is_of_messages(number: u16) -> bool {
    number == rtype::OPT || number == 0 || (128..=255).contains(&number)
}

fn answer(value: &DeValue<'_>, rtype: u16) -> Result<String, Trouble> {
    let text = value::text(value)?;
    normal(rtype, &text).ok_or_else(|| {
        Trouble::new(format!("`{text}` is no data of such a record"))
            .with_help("write it as a zone file has it: an address, a name, a text")
    })
}

/// The data of a record in the one form in which two of them are compared; `None` for what is none of an address.
#[must_use]
pub fn normal(number: u16, text: &str) -> Option<String> {
    match number {
        rtype::A => text.parse::<Ipv4Addr>().ok().map(|one| one.to_string()),
        rtype::AAAA => text.parse::<Ipv6Addr>().ok().map(|one| one.to_string()),
        rtype::TXT if text.starts_with('"') => Some(text.to_owned()),
        rtype::TXT => Some(format!("{text:?}")),
        _ => {
            let words = text.split_whitespace();
            let words = words.map(|word| word.strip_suffix('.').unwrap_or(word));
            let words: Vec<String> = words.map(str::to_ascii_lowercase).collect();
            Some(words.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_compared_in_one_form() {
        for (number, one, other, same) in [
            (rtype::A, "192.0.2.1", "192.0.2.1", true),
            (rtype::AAAA, "2001:DB8:0::1", "2001:db8::1", true),
            (rtype::NS, "NS1.Example.org.", "ns1.example.org", true),
            (rtype::MX, "10 MX.example.org.", "10  mx.example.org", true),
            (rtype::MX, "10 mx.example.org.", "20 mx.example.org.", false),
            (rtype::TXT, "v=spf1 -all", "\"v=spf1 -all\"", true),
            (rtype::TXT, "A", "a", false),
        ] {
            let (one, other) = (normal(number, one), normal(number, other));
            assert!(one.is_some() && other.is_some());
            assert_eq!(one == other, same, "{one:?} {other:?}");
        }
        assert_eq!(normal(rtype::A, "www"), None);
        assert_eq!(normal(rtype::AAAA, "192.0.2.1"), None);
    }
}
