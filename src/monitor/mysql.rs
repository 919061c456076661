//! Monitors of type `mysql`: a MySQL or MariaDB server that logs the probe in and answers.
//!
//! A login is required. A server counts connections that end before one, and refuses a host that has made too many of them
//! (`max_connect_errors`), so a probe that only looked at the greeting would have itself shut out. The user needs no right
//! (`CREATE USER waypost@'192.0.2.0/255.255.255.0'`). The password is proved by the two methods that do not send it
//! (`mysql_native_password`, `caching_sha2_password`); where the latter asks for the password itself, it gets it over TLS only.
use toml::de::DeValue;

use super::encryption::EncryptionWays;
use super::kind::{MonitorType, Port, as_its};
use super::login::Login;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Login of a MySQL probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlCheck {
    /// User.
    pub user: String,
    /// Database; absent = none is chosen.
    pub database: Option<String>,
    /// Password and encryption.
    pub login: Login,
}

/// Longest name of a user or a database.
const NAME_BYTES: usize = 256;

impl MonitorType for MysqlCheck {
    const PORT: Port = Port::Default(3306);
    const FILES: &'static [&'static str] = Login::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let user = fields.required("user", r#""waypost""#, name);
        Self {
            user: plain(user).unwrap_or_default(),
            database: plain(fields.optional("database", name)),
            login: Login::read(fields, EncryptionWays::OnRequest),
        }
    }

    as_its!(login);
}

fn name(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let fits = (1..=NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    match fits {
        true => Ok(text),
        false => Err(Trouble::new(format!("{text:?} is no name of MySQL's"))
            .with_help("write the name of a user or database, such as \"waypost\"")),
    }
}
