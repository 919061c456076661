//! Monitors of type `redis`: a server that answers, has the role that is expected, and is not far behind its master.
//!
//! Without further keys an answer to `PING` passes. `role` and `max_lag` are judged by what the server says of its own replication
//! (`INFO replication`). A replica is behind by the time since it last heard of its master, and endlessly while their link is
//! down; masters say something every ten seconds by default (`repl-ping-replica-period`), so a shorter bound than that fails
//! in quiet hours. The password is sent as Redis has it, in clear unless TLS is spoken.
use toml::de::DeValue;

use super::encryption::EncryptionWays;
use super::kind::{MonitorType, Port, as_its};
use super::login::Login;
use super::password;
use crate::base::Span;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Login and expectations of a Redis probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisCheck {
    /// The user of the server's access list; absent = the default one.
    pub user: Option<String>,
    /// The role that the server must have; absent = any.
    pub role: Option<RedisRole>,
    /// Most time since a replica last heard of its master; absent = not asked.
    pub max_lag: Option<Span>,
    /// Password and encryption.
    pub login: Login,
}

/// A server's part among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisRole {
    /// It takes writes.
    Master,
    /// It follows another server.
    Replica,
}

impl MonitorType for RedisCheck {
    const PORT: Port = Port::Default(6379);
    const FILES: &'static [&'static str] = Login::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        const ROLES: &[(&str, RedisRole)] = &[
            ("master", RedisRole::Master),
            ("replica", RedisRole::Replica),
        ];
        let user = fields.optional("user", user);
        let has_password = fields.key(password::FILE).is_some();
        if let (Some(user), false) = (&user, has_password) {
            let message = "a user of Redis logs in by a password, and none is given";
            fields.reader().error(&user.at, message, |found| {
                found.help("write `password_file = \"redis.password\"` beside it");
            });
        }
        Self {
            user: plain(user),
            role: plain(fields.optional("role", value::word(ROLES))),
            max_lag: plain(fields.optional("max_lag", lag)),
            login: Login::read(fields, EncryptionWays::AtOnce),
        }
    }

    as_its!(login);
}

fn user(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.is_empty()
        || text
            .chars()
            .any(|letter| letter.is_control() || letter == ' ')
    {
        true => Err(Trouble::new(format!("{text:?} is no user of Redis"))
            .with_help("write the name of a user of its access list, such as \"waypost\"")),
        false => Ok(text),
    }
}

/// A time that replicas tell in whole seconds.
fn lag(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span < Span::from_secs(1) {
        true => Err(Trouble::new("a replica tells its lag in whole seconds")
            .with_help("write how much is well, such as \"30s\"")),
        false => Ok(span),
    }
}
