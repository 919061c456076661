//! Monitors of type `ldap`: a directory that takes a bind, and has an entry.
//!
//! Without a name the bind is anonymous. With `base` the entry of that name must be there for whoever has bound; `""` is the
//! directory's own (the root DSE), which every server shows. A password goes over an encrypted connection only: a simple bind
//! sends it in clear (RFC 4513, section 6.3.3).
use toml::de::DeValue;

use super::encryption::{EncryptionStart, EncryptionWays};
use super::kind::{MonitorType, Port, as_its};
use super::login::Login;
use super::password;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Bind and expectations of an LDAP probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapCheck {
    /// The name that binds; absent = nobody's.
    pub bind_dn: Option<String>,
    /// The entry that must be there; absent = the bind is enough.
    pub base: Option<String>,
    /// Password and encryption.
    pub login: Login,
}

/// Longest name of an entry that is sent.
const NAME_BYTES: usize = 4096;

impl MonitorType for LdapCheck {
    const PORT: Port = Port::Default(389);
    const FILES: &'static [&'static str] = Login::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let login = Login::read(fields, EncryptionWays::Both);
        let bind_dn = fields.optional("bind_dn", name);
        let password = fields.key(password::FILE);
        let dn_at = bind_dn.as_ref().map(|one| one.at.clone());
        let trouble = match (dn_at, password) {
            (Some(at), None) => Some((
                at,
                "`bind_dn` binds by a password, and none is given",
                "write `password_file = \"ldap.password\"` beside it, or omit it for an anonymous bind",
            )),
            (None, Some(at)) => Some((
                at,
                "a password is somebody's, and `bind_dn` is absent",
                "write `bind_dn = \"cn=waypost,dc=example,dc=org\"` beside it",
            )),
            (Some(_), Some(at)) if login.encryption.begins == EncryptionStart::Never => Some((
                at,
                "the password would be sent in clear",
                "write `tls = \"starttls\"`, or `tls = true` with the port of LDAPS (636)",
            )),
            (Some(_), Some(_)) | (None, None) => None,
        };
        if let Some((at, message, help)) = trouble {
            fields.reader().error(&at, message, |found| {
                found.help(help);
            });
        }
        Self {
            bind_dn: plain(bind_dn),
            base: plain(fields.optional("base", name)),
            login,
        }
    }

    as_its!(login);
}

/// The name of an entry, as the server reads it.
fn name(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let looks = text.is_empty() || text.contains('=');
    match looks && text.len() <= NAME_BYTES && !text.chars().any(char::is_control) {
        true => Ok(text),
        false => Err(
            Trouble::new(format!("`{text}` is not the name of an entry"))
                .with_help("write it from the entry to the root: \"cn=waypost,dc=example,dc=org\""),
        ),
    }
}
