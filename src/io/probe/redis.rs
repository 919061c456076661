//! Probes of type `redis` (the protocol RESP2, which every server speaks).
//!
//! ```text
//! [AUTH] --OK--> PING --PONG--> [INFO replication --> role and lag] --> QUIT
//! ```
//!
//! # What fails how
//! - a password that is refused, missing, or allows too little: [`Cause::Login`];
//! - a server that still loads its data: [`Cause::Refused`];
//! - a replica whose link is down, or that has heard of its master too long ago: [`Cause::Behind`];
//! - another role than the expected one: [`Cause::Answer`].
use tokio::io::{AsyncRead, AsyncWrite};

use super::attempt::{Attempt, Destination, Left, Probe, Resources};
use super::bounded::BoundedStream;
use super::encrypted::{self, Dialling};
use crate::base::{Cause, Span};
use crate::monitor::redis::{RedisCheck, RedisRole};

/// A monitor of type `redis`, ready to look.
#[derive(Debug)]
pub(super) struct RedisProbe {
    check: RedisCheck,
    dialling: Dialling,
}

/// An answer of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RedisReply {
    /// A word of consent.
    Simple(Vec<u8>),
    /// A text.
    Bulk(Vec<u8>),
}

impl Probe for RedisProbe {
    type Check = RedisCheck;

    fn prepare(check: &RedisCheck, resources: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            check: check.clone(),
            dialling: Dialling::prepare(&check.login.encryption, resources, &[])?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let stream = self.dialling.dial(to, attempt, encrypted::never).await?;
        let mut session = BoundedStream::new(stream);
        attempt.exchange(self.inspect(&mut session)).await?;
        attempt.leave(Left::Session(session.into_closing(), command(&[b"QUIT"])));
        Ok(())
    }
}

impl RedisProbe {
    async fn inspect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        session: &mut BoundedStream<S>,
    ) -> Result<(), Cause> {
        if let Some(password) = &self.check.login.password {
            let user = self.check.user.iter().map(String::as_bytes);
            let words = std::iter::once(&b"AUTH"[..]).chain(user);
            let words: Vec<&[u8]> = words.chain([password.0.as_bytes()]).collect();
            ask(session, &words).await?;
        }
        match ask(session, &[b"PING"]).await? {
            RedisReply::Simple(word) if word == b"PONG" => {}
            RedisReply::Simple(_) | RedisReply::Bulk(_) => return Err(Cause::Protocol),
        }
        if self.check.role.is_none() && self.check.max_lag.is_none() {
            return Ok(());
        }
        match ask(session, &[b"INFO", b"replication"]).await? {
            RedisReply::Bulk(text) => judge(&self.check, &text),
            RedisReply::Simple(_) => Err(Cause::Protocol),
        }
    }
}

/// Sends a command and waits for its reply.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut BoundedStream<S>,
    words: &[&[u8]],
) -> Result<RedisReply, Cause> {
    session.send(&command(words)).await?;
    let line = session.line().await?;
    match line.split_first() {
        Some((b'+', word)) => Ok(RedisReply::Simple(word.to_vec())),
        Some((b'-', error)) => Err(of_error(error)),
        Some((b'$', length)) => {
            let length = std::str::from_utf8(length).ok();
            let length: Option<usize> = length.and_then(|text| text.parse().ok());
            let text = session.exactly(length.ok_or(Cause::Protocol)?).await?;
            match session.line().await?.as_slice() {
                [] => Ok(RedisReply::Bulk(text)),
                _ => Err(Cause::Protocol),
            }
        }
        Some(_) | None => Err(Cause::Protocol),
    }
}

/// A command as an array of texts, in which any octet may stand.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut message = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        message.extend(format!("${}\r\n", word.len()).bytes());
        message.extend_from_slice(word);
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// The cause that an error of the server stands for, by its first word.
fn of_error(error: &[u8]) -> Cause {
    let word = error.split(|octet| *octet == b' ').next();
    match word.unwrap_or_default() {
        b"NOAUTH" | b"WRONGPASS" | b"NOPERM" => Cause::Login,
        // "AUTH <password> called without any password configured"; "max number of clients reached".
        b"ERR" if error.windows(4).any(|part| part == b"AUTH") => Cause::Login,
        b"ERR" if error.windows(7).any(|part| part == b"clients") => Cause::Refused,
        b"LOADING" | b"BUSY" => Cause::Refused,
        b"MASTERDOWN" => Cause::Behind,
        _ => Cause::Protocol,
    }
}

/// Judges what a server says of its replication: lines of `key:value`.
fn judge(check: &RedisCheck, text: &[u8]) -> Result<(), Cause> {
    let text = std::str::from_utf8(text).map_err(|_| Cause::Protocol)?;
    let find = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
    };
    let role = match find("role") {
        Some("master") => RedisRole::Master,
        Some("slave") => RedisRole::Replica,
        Some(_) | None => return Err(Cause::Protocol),
    };
    if check.role.is_some_and(|expected| expected != role) {
        return Err(Cause::Answer);
    }
    let (Some(most), RedisRole::Replica) = (check.max_lag, role) else {
        return Ok(());
    };
    let heard: Option<u64> = find("master_last_io_seconds_ago").and_then(|text| text.parse().ok());
    let is_near = heard.is_some_and(|seconds| Span::from_secs(seconds) <= most);
    match find("master_link_status") {
        Some("up") if is_near => Ok(()),
        Some(_) => Err(Cause::Behind),
        None => Err(Cause::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Check;
    use crate::monitor::tests::given;

    fn judged(keys: &str, text: &str) -> Result<(), Cause> {
        let (written, found) = given(&format!("type = \"redis\"\n{keys}"));
        assert!(found.is_empty(), "{found:?}");
        let Check::Redis(check) = written.check else {
            panic!("{keys}");
        };
        judge(&check, text.as_bytes())
    }

    #[test]
    fn roles_and_lags_are_judged_by_what_the_server_says() {
        let master = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";
        let near = "role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:4\r\n";
        let cut = "role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n";
        let lost = near.replace(":up", ":down");
        let lost = lost.as_str();
        for (keys, text, outcome) in [
            ("role = \"master\"", master, Ok(())),
            ("role = \"replica\"", master, Err(Cause::Answer)),
            ("role = \"master\"", near, Err(Cause::Answer)),
            ("role = \"replica\"", cut, Ok(())),
            ("max_lag = \"10s\"", master, Ok(())),
            ("max_lag = \"4s\"", near, Ok(())),
            ("max_lag = \"3s\"", near, Err(Cause::Behind)),
            ("max_lag = \"720h\"", cut, Err(Cause::Behind)),
            ("max_lag = \"10s\"", lost, Err(Cause::Behind)),
            ("max_lag = \"3s\"", "role:slave\r\n", Err(Cause::Protocol)),
            (
                "role = \"master\"",
                "role:sentinel\r\n",
                Err(Cause::Protocol),
            ),
            ("role = \"master\"", "", Err(Cause::Protocol)),
        ] {
            assert_eq!(judged(keys, text), outcome, "{keys} {text}");
        }
    }

    #[test]
    fn errors_are_what_they_mean_for_the_endpoint() {
        for (error, cause) in [
            ("NOAUTH Authentication required.", Cause::Login),
            ("WRONGPASS invalid username-password pair", Cause::Login),
            (
                "ERR AUTH <password> called without any password configured",
                Cause::Login,
            ),
            ("ERR max number of clients reached", Cause::Refused),
            (
                "LOADING Redis is loading the dataset in memory",
                Cause::Refused,
            ),
            ("MASTERDOWN Link with MASTER is down", Cause::Behind),
            ("ERR unknown command", Cause::Protocol),
            ("", Cause::Protocol),
        ] {
            assert_eq!(of_error(error.as_bytes()), cause, "{error}");
        }
    }

    #[test]
    fn any_octet_may_stand_in_a_command() {
        assert_eq!(
            command(&[b"AUTH", b"a\r\n"]),
            b"*2\r\n$4\r\nAUTH\r\n$3\r\na\r\n\r\n"
        );
    }
}
