//! Monitors of type `smtp`: a mail server that greets, takes a greeting, and goes on by TLS if that is asked.
//!
//! Nothing is delivered. The probe takes its leave with QUIT, so that the server's log has no lost connection.
use toml::de::DeValue;

use super::encryption::{Encryption, EncryptionWays};
use super::kind::{MonitorType, Port, as_its};
use crate::monitor::host;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Expectations of an SMTP probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpCheck {
    /// The name that the probe gives itself (EHLO); absent = the address that it comes from.
    pub hello: Option<String>,
    /// Encryption.
    pub encryption: Encryption,
}

impl MonitorType for SmtpCheck {
    const PORT: Port = Port::Default(25);
    const FILES: &'static [&'static str] = Encryption::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            hello: plain(fields.optional("hello", hello)),
            encryption: Encryption::read(fields, EncryptionWays::Both),
        }
    }

    as_its!(encryption);
}

/// A name without a port (RFC 5321, section 4.1.1.1).
fn hello(value: &DeValue<'_>) -> Result<String, Trouble> {
    let name = host::host(value)?;
    match host::has_port(&name) || host::name_of(&name) != name {
        true => Err(
            Trouble::new(format!("`{name}` is not the name of a mail client")).with_help(
                "write this node's name, such as \"ns1.example.org\"; the default is its address",
            ),
        ),
        false => value::text(value),
    }
}
