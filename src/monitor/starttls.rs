//! The protocols that a connection can be asked in to go on by TLS, for monitors of type `tls`: the certificate behind them is
//! judged as any other. MySQL is not among them: a server counts who leaves before a login, and shuts its host out
//! ([`super::mysql`] judges its certificate).
use toml::de::DeValue;

use crate::text::value::{self, Trouble};

/// A protocol that begins in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// SMTP (RFC 3207).
    Smtp,
    /// IMAP (RFC 9051, section 6.2.1).
    Imap,
    /// POP3 (RFC 2595, section 4).
    Pop3,
    /// LDAP (RFC 4511, section 4.14).
    Ldap,
    /// PostgreSQL (chapter "Message Flow" of its manual).
    Postgres,
}

/// The value of `starttls`.
pub(super) fn read(value: &DeValue<'_>) -> Result<StartTls, Trouble> {
    const PROTOCOLS: &[(&str, StartTls)] = &[
        ("smtp", StartTls::Smtp),
        ("imap", StartTls::Imap),
        ("pop3", StartTls::Pop3),
        ("ldap", StartTls::Ldap),
        ("postgres", StartTls::Postgres),
    ];
    value::word(PROTOCOLS)(value)
}
