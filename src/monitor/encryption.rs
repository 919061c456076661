//! Keys of monitors whose protocol may be encrypted: whether it is, how that begins, and how the certificate is judged.
//!
//! A part of several types, and no type itself. Some protocols are encrypted from the first octet, on a port of their own;
//! some begin in clear and are asked to go on by TLS (STARTTLS); some know one of the two only. Keys that judge a certificate are
//! refused where none is asked for.
use toml::de::DeValue;

use super::certificate::CertificatePolicy;
use super::host;
use super::kind::{Host, NamedFile, ProbeExchange};
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// The encryption of a monitor's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// Its beginning, if it has one.
    pub begins: EncryptionStart,
    /// The name that the certificate must have; absent = the service's first hostname.
    pub host: Option<String>,
    /// The judgement of the server's certificate.
    pub certificate: CertificatePolicy,
}

/// None.
impl Default for Encryption {
    fn default() -> Self {
        Self {
            begins: EncryptionStart::Never,
            host: None,
            certificate: CertificatePolicy::default(),
        }
    }
}

/// The beginning of an encrypted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionStart {
    /// It does not begin: everything is in clear.
    Never,
    /// With the first octet.
    AtOnce,
    /// After the server has been asked for it, in the words of the protocol.
    OnRequest,
}

/// The ways of a protocol to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EncryptionWays {
    /// With the first octet: `tls = true`.
    AtOnce,
    /// On request only: `tls = true`.
    OnRequest,
    /// With the first octet, `tls = true`, or on request, `tls = "starttls"`.
    Both,
}

/// Keys that mean nothing where nothing is encrypted.
const KEYS: &[&str] = &[
    "verify",
    "roots",
    "min_validity",
    "verify_every",
    "client_certificate",
    "client_key",
];

impl Encryption {
    /// Keys of it that name files.
    pub(super) const FILES: &'static [&'static str] = CertificatePolicy::FILES;

    /// Reads the keys; `host` names the certificate's owner, and nothing else.
    pub(super) fn read(fields: &mut Fields<'_, '_>, ways: EncryptionWays) -> Self {
        let encryption = Self::read_but_host(fields, ways);
        if encryption.begins == EncryptionStart::Never {
            refuse(fields, "host");
        }
        encryption
    }

    /// Reads the keys of a protocol that has another use for `host` as well.
    pub(super) fn read_but_host(fields: &mut Fields<'_, '_>, ways: EncryptionWays) -> Self {
        let begins = plain(fields.optional("tls", |value| start(value, ways)));
        Self::beginning(fields, begins.unwrap_or(EncryptionStart::Never))
    }

    /// Reads the keys but for the one that says how it begins.
    pub(super) fn beginning(fields: &mut Fields<'_, '_>, begins: EncryptionStart) -> Self {
        for key in KEYS {
            match begins {
                EncryptionStart::Never => refuse(fields, key),
                EncryptionStart::AtOnce | EncryptionStart::OnRequest => {}
            }
        }
        Self {
            begins,
            host: plain(fields.optional("host", host::host)),
            certificate: CertificatePolicy::read(fields),
        }
    }

    /// The host of the certificate, where one is asked for.
    pub(super) fn host(&self) -> Host<'_> {
        match self.begins {
            EncryptionStart::Never => Host::Nobody,
            EncryptionStart::AtOnce | EncryptionStart::OnRequest => {
                Host::or_of_service(self.host.as_deref())
            }
        }
    }

    /// Tells what a probe takes of the network.
    pub(super) fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            encrypted: self.begins != EncryptionStart::Never,
            ..ProbeExchange::PLAIN
        }
    }

    /// Takes a file of [`Encryption::FILES`].
    pub(super) fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        self.certificate.take_file(file)
    }

    /// Forgets where the files are.
    pub(super) fn forget_paths(&mut self) {
        self.certificate.forget_paths();
    }
}

/// Refuses a key where nothing is encrypted.
pub(super) fn refuse(fields: &mut Fields<'_, '_>, key: &'static str) {
    if let Some(at) = fields.key(key) {
        let message = format!("`{key}` speaks of a certificate, and this monitor asks for none");
        fields.reader().error(&at, message, |found| {
            found.help("encrypt the connection, or omit the key");
        });
    }
}

fn start(value: &DeValue<'_>, ways: EncryptionWays) -> Result<EncryptionStart, Trouble> {
    let help = match ways {
        EncryptionWays::AtOnce | EncryptionWays::OnRequest => "write `tls = true`, or omit it",
        EncryptionWays::Both => {
            "write `tls = true` (with the first octet) or `tls = \"starttls\"` (on request)"
        }
    };
    match (value.as_bool(), value.as_str()) {
        (Some(false), _) => Ok(EncryptionStart::Never),
        (Some(true), _) => Ok(match ways {
            EncryptionWays::AtOnce | EncryptionWays::Both => EncryptionStart::AtOnce,
            EncryptionWays::OnRequest => EncryptionStart::OnRequest,
        }),
        (None, Some("starttls")) if ways == EncryptionWays::Both => Ok(EncryptionStart::OnRequest),
        (None, Some(text)) => {
            Err(Trouble::new(format!("`{text}` is no way to encrypt this")).with_help(help))
        }
        (None, None) => Err(value::mismatch("true or false", value).with_help(help)),
    }
}
