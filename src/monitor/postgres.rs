//! Keys of monitors of type `postgres`: whom to log in as, and how far behind is too far.
//!
//! A standby may be behind by time, by bytes of the write-ahead log, or by both. Time it knows
//! itself, by when the last transaction that it replayed was committed. Bytes are a difference
//! to what the primary has written, so they need the primary's address. One of the two is
//! required: a monitor that allows any lag says nothing that `tcp` would not.
use toml::de::DeValue;

use super::encryption::{Encryption, EncryptionWays};
use super::kind::{Host, MonitorType, NamedFile, Port, ProbeExchange};
use super::password;
use crate::base::{Secret, Span};
use crate::text::reader::{At, Fields, Shape, plain};
use crate::text::value::{self, Trouble};

/// Login of a PostgreSQL probe, and how far behind its primary the server may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresCheck {
    /// Role.
    pub user: String,
    /// Password; absent where none is asked for. Never shown.
    pub password: Option<Secret>,
    /// Database.
    pub database: String,
    /// Host and port of the primary. Absent = only the time of replay is judged.
    pub primary: Option<(String, u16)>,
    /// Most time that replay may be behind.
    pub max_lag: Option<Span>,
    /// Most bytes of the write-ahead log that replay may be behind.
    pub max_lag_bytes: Option<u64>,
    /// Encryption, of the talk with the primary as well.
    pub encryption: Encryption,
}

impl MonitorType for PostgresCheck {
    const PORT: Port = Port::Default(5432);
    const FILES: &'static [&'static str] =
        &[password::FILE, "roots", "client_certificate", "client_key"];

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let user = plain(fields.required("user", r#""waypost""#, name));
        let user = user.unwrap_or_default();
        let primary = plain(fields.optional("primary", primary));
        let lag = lag(fields);
        if let (Some(octets), None) = (&lag.octets, &primary) {
            let message = "bytes are counted against the primary, and none is named";
            let help = "write `primary = \"HOST:5432\"` in the monitor, or bound the `time` only";
            fields.reader().error(&octets.at, message, |found| {
                found.help(help).inferred();
            });
        }
        Self {
            database: plain(fields.optional("database", name)).unwrap_or_else(|| user.clone()),
            user,
            password: None,
            primary,
            max_lag: plain(lag.time),
            max_lag_bytes: plain(lag.octets),
            encryption: Encryption::read(fields, EncryptionWays::OnRequest),
        }
    }

    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        if file.key == password::FILE {
            self.password = Some(password::read(file)?);
            return Ok(());
        }
        self.encryption.take_file(file)
    }

    fn forget_paths(&mut self) {
        self.encryption.forget_paths();
    }

    fn host(&self) -> Host<'_> {
        self.encryption.host()
    }

    fn exchange(&self) -> ProbeExchange {
        self.encryption.exchange()
    }
}

/// Bounds of the lag.
#[derive(Default)]
struct Lag {
    time: Option<At<Span>>,
    octets: Option<At<u64>>,
}

/// The name of a role or a database.
fn name(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err(Trouble::new(format!("{text:?} is no name of PostgreSQL's"))
            .with_help("write the name of a role or database, such as \"waypost\"")),
        false => Ok(text),
    }
}

/// `"10s"`, or `{ time = "10s", bytes = "16MB" }`.
fn lag(fields: &mut Fields<'_, '_>) -> Lag {
    match fields.shape("max_lag") {
        Some(Shape::Table) => bounds(fields),
        Some(Shape::Single | Shape::List) | None => Lag {
            time: fields.required("max_lag", r#""10s""#, time),
            octets: None,
        },
    }
}

fn bounds(fields: &mut Fields<'_, '_>) -> Lag {
    let Some(mut bounds) = fields.table("max_lag") else {
        return Lag::default();
    };
    let is_bounded = bounds.key("time").is_some() || bounds.key("bytes").is_some();
    if !is_bounded {
        let message = "`max_lag` bounds nothing";
        bounds.reader().error(&bounds.at(), message, |found| {
            found.help("write `max_lag = { time = \"10s\", bytes = \"16MB\" }`, or one of them");
        });
    }
    let lag = Lag {
        time: bounds.optional("time", time),
        octets: bounds.optional("bytes", value::octets),
    };
    bounds.finish();
    lag
}

fn time(value: &DeValue<'_>) -> Result<Span, Trouble> {
    match value::span(value)? {
        Span::ZERO => Err(Trouble::new("a standby is always a little behind")
            .with_help("write how much is well, such as \"10s\"")),
        span => Ok(span),
    }
}

/// `db.example.org:5432`, `192.0.2.1:5432` or `[2001:db8::1]:5432`.
fn primary(value: &DeValue<'_>) -> Result<(String, u16), Trouble> {
    let text = value::text(value)?;
    host_and_port(&text).ok_or_else(|| {
        Trouble::new(format!("`{text}` is not a host with a port")).with_help(
            "write \"db.example.org:5432\", \"192.0.2.1:5432\" or \"[2001:db8::1]:5432\"",
        )
    })
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inner) => {
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            inner
        }
        None => {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let is_host = (1..=253).contains(&host.len()) && host.bytes().all(fits);
            is_host.then_some(host)?
        }
    };
    Some((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_have_a_host_and_a_port() {
        let cases = [
            ("db.example.org:5432", Some(("db.example.org", 5432))),
            ("192.0.2.1:15432", Some(("192.0.2.1", 15_432))),
            ("[2001:db8::1]:5432", Some(("2001:db8::1", 5432))),
            ("db.example.org", None),
            ("db.example.org:0", None),
            ("db.example.org:99999", None),
            (":5432", None),
            ("2001:db8::1:5432", None),
            ("[db]:5432", None),
            ("a b:5432", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(host_and_port(text), expected, "{text}");
        }
    }
}
