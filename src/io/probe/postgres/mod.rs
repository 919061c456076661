//! Whether a PostgreSQL server's data is up to date (PostgreSQL 10 and newer).
//!
//! ```text
//! log in at the endpoint --> log in at the primary, if one is named --> ask the endpoint
//!                            how far has it written?                    how far has it replayed?
//! ```
//!
//! The primary is asked first, so the question is whether the endpoint has what the primary had when
//! the probe began: a standby that keeps up with a busy primary passes with no bytes allowed.
//! [`lag`] judges the answers. A standby whose *time* alone is too old is looked at once more,
//! [`limits::PROBE_SECOND_LOOK`] later: the first record after a quiet hour would otherwise look like
//! an hour of lag to whoever asks in the moment before it is replayed.
//!
//! # What fails how
//! - the endpoint refuses the login, the role or the database: [`Cause::Login`];
//! - it takes no connections (it starts, stops, or is full): [`Cause::Refused`];
//! - it is further behind than allowed: [`Cause::Behind`]. So it is when the named primary is
//!   out of reach, or is no primary: then nothing shows that the endpoint has caught up. In a gate
//!   that holds the return, as it should; for a *monitor* name no primary, or its death takes out
//!   every standby with it;
//! - the primary refuses the login: [`Cause::Login`], for an operator must mend that.
//!
//! A server that is not in recovery is a primary itself, and passes. Which of two primaries is
//! the right one is not known here.
//!
//! Both sessions end with the probe: no task is left behind. (A primary that is named by host name is
//! looked up by the system, whose patience may be longer than the probe's; an address is not.)
//! The password is never sent in clear; what is asked and answered is, unless the monitor asks for TLS: then the primary is
//! asked over TLS too, and its certificate must be for the name that the monitor has for it.
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use self::lag::{Goal, Lag, Lsn, Replay};
use self::session::Session;
use self::session::Startup;
use super::attempt::{Attempt, Destination, FirstWord, Probe, Resources};
use super::cause;
use super::session::TlsSession;
use super::starttls;
use super::stopwatch::Stopwatch;
use super::stream::ProbeStream;
use super::trust::TlsSettings;
use crate::base::{Cause, limits};
use crate::monitor::encryption::EncryptionStart;
use crate::monitor::postgres::PostgresCheck;

mod lag;
mod session;

/// A monitor of type `postgres`, ready to look.
#[derive(Debug)]
pub(super) struct PostgresProbe {
    check: PostgresCheck,
    startup: Startup,
    settings: Option<TlsSettings>,
}

impl Probe for PostgresProbe {
    type Check = PostgresCheck;

    fn prepare(check: &PostgresCheck, resources: &mut Resources) -> Result<Self, String> {
        let settings = match check.encryption.begins {
            EncryptionStart::Never => None,
            EncryptionStart::AtOnce | EncryptionStart::OnRequest => {
                let settings = resources.trust.settings(&check.encryption.certificate, &[]);
                Some(settings.map_err(|error| error.to_string())?)
            }
        };
        Ok(Self {
            settings,
            check: check.clone(),
            startup: Startup::new(&check.user, &check.database)?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let stream = attempt.connect(to.address, FirstWord::Ours).await?;
        let stream = match &self.settings {
            None => ProbeStream::Plain(stream),
            Some(settings) => {
                let stream = attempt.exchange(starttls::of_postgres(stream)).await?;
                attempt.shake_hands(stream, settings, &to.host).await?
            }
        };
        let result = inspect(&mut attempt.watch, stream, self).await;
        attempt.note_response();
        result
    }
}

/// Logs in over a connection that stands, and judges how far behind the server is.
async fn inspect(
    watch: &mut Stopwatch,
    stream: ProbeStream,
    postgres: &PostgresProbe,
) -> Result<(), Cause> {
    let login = Session::open(stream, postgres);
    let mut session = watch.phase(Cause::ResponseTimeout, login).await.1?;
    let result = judge(watch, &mut session, postgres).await;
    let farewell = async {
        session.close().await;
        Ok(())
    };
    // The server has been judged; how it takes the farewell changes nothing.
    let _ = watch.phase(Cause::ResponseTimeout, farewell).await;
    result
}

async fn judge(
    watch: &mut Stopwatch,
    session: &mut Session<ProbeStream>,
    postgres: &PostgresProbe,
) -> Result<(), Cause> {
    let position = match &postgres.check.primary {
        None => None,
        Some((host, port)) => {
            let written = position_of_primary(host, *port, postgres);
            Some(watch.phase(Cause::Behind, written).await.1?)
        }
    };
    let look = ask_replay(session);
    let replay = watch.phase(Cause::ResponseTimeout, look).await.1?;
    let goal = Goal::of(&replay, position);
    match lag::judge(&postgres.check, &replay, goal) {
        Lag::Allowed => return Ok(()),
        Lag::Bytes => return Err(Cause::Behind),
        Lag::Time => {}
    }
    let again = async {
        sleep(Duration::from_millis(limits::PROBE_SECOND_LOOK.0)).await;
        ask_replay(session).await
    };
    let replay = watch.phase(Cause::Behind, again).await.1?;
    match lag::judge(&postgres.check, &replay, goal) {
        Lag::Allowed => Ok(()),
        Lag::Bytes | Lag::Time => Err(Cause::Behind),
    }
}

async fn ask_replay(session: &mut Session<ProbeStream>) -> Result<Replay, Cause> {
    let answer = session.ask(Replay::QUESTION).await?;
    Replay::read(&answer).ok_or(Cause::Protocol)
}

/// How far the primary has written. What is wrong with it is not the endpoint's fault, but leaves
/// the endpoint unproven: [`Cause::Behind`].
async fn position_of_primary(
    host: &str,
    port: u16,
    postgres: &PostgresProbe,
) -> Result<Lsn, Cause> {
    let asked = ask_primary(host, port, postgres).await;
    asked.map_err(|cause| {
        let telling = matches!(cause, Cause::Login | Cause::Local);
        if telling { cause } else { Cause::Behind }
    })
}

async fn ask_primary(host: &str, port: u16, postgres: &PostgresProbe) -> Result<Lsn, Cause> {
    let addresses = lookup_host((host, port)).await;
    let addresses: Vec<_> = addresses.map_err(|_| Cause::Behind)?.collect();
    let stream = TcpStream::connect(&addresses[..]).await;
    let stream = stream.map_err(|error| cause::of_connect(&error))?;
    let stream = match &postgres.settings {
        None => ProbeStream::Plain(stream),
        Some(settings) => {
            let stream = starttls::of_postgres(stream).await?;
            TlsSession::shake_hands_once(settings, stream, host).await?
        }
    };
    let mut session = Session::open(stream, postgres).await?;
    let answer = session.ask(Lsn::QUESTION).await;
    session.close().await;
    let position = answer?.into_iter().next().flatten();
    position
        .and_then(|text| Lsn::read(&text))
        .ok_or(Cause::Behind)
}
