//! A login at a PostgreSQL server and plain questions to it (protocol 3.0, chapter "Frontend/Backend
//! Protocol" of PostgreSQL's manual).
//!
//! ```text
//! startup --> [md5 | scram: first --> continue --> final] --> ok --> ready --question--> row, ready
//! ```
//!
//! A password is proved by SCRAM-SHA-256 (RFC 7677), which also proves that the server knows it, or
//! by the older MD5 challenge; it is never sent in clear, so a server that asks for it so refuses the
//! login as far as the monitor goes.
//!
//! What a server sends is read frame by frame, and all frames of a session share
//! [`limits::PROBE_BODY_BYTES`]: neither a length that a stranger made up nor an endless row of
//! notices costs more than that. It knows no time: whoever awaits it sets the deadline.
use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::PostgresProbe;
use crate::base::Secret;
use crate::base::{Cause, limits};
use crate::io::probe::cause;

/// The first message: who logs in, and to which database.
#[derive(Clone, Debug)]
pub(super) struct Startup(Vec<u8>);

impl Startup {
    /// # Errors
    /// When a word cannot be sent, for a person.
    pub(super) fn new(user: &str, database: &str) -> Result<Self, String> {
        let mut bytes = BytesMut::new();
        let parameters = [
            ("user", user),
            ("database", database),
            ("application_name", "waypost"),
        ];
        frontend::startup_message(parameters, &mut bytes)
            .map_err(|error| format!("user `{user}`, database `{database}`: {error}"))?;
        Ok(Self(bytes.to_vec()))
    }
}

/// A session that is logged in.
pub(super) struct Session<S> {
    stream: S,
    /// How many bytes the server may still send.
    budget: usize,
}

/// One message of the server.
struct Frame {
    tag: u8,
    body: Vec<u8>,
}

/// What a server asks for during a login (the messages `Authentication…`).
mod ask {
    pub(super) const NOTHING_MORE: u32 = 0;
    pub(super) const MD5: u32 = 5;
    pub(super) const SASL: u32 = 10;
    pub(super) const SASL_CONTINUE: u32 = 11;
    pub(super) const SASL_FINAL: u32 = 12;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Logs in.
    pub(super) async fn open(stream: S, postgres: &PostgresProbe) -> Result<Self, Cause> {
        let budget = limits::PROBE_BODY_BYTES;
        let mut session = Self { stream, budget };
        session.send(&postgres.startup.0).await?;
        session.authenticate(postgres).await?;
        loop {
            match session.receive().await?.tag {
                b'Z' => return Ok(session),
                // What the server is called, and how to cancel a query of it.
                b'S' | b'K' => {}
                _ => return Err(Cause::Protocol),
            }
        }
    }

    /// Asks a question in SQL that has one row for an answer.
    pub(super) async fn ask(&mut self, question: &str) -> Result<Vec<Option<String>>, Cause> {
        let mut bytes = BytesMut::new();
        frontend::query(question, &mut bytes).map_err(|_| Cause::Local)?;
        self.send(&bytes).await?;
        let mut row = None;
        loop {
            let frame = self.receive().await?;
            match frame.tag {
                b'D' if row.is_none() => row = Some(read_row(&frame.body)?),
                b'T' | b'C' | b'S' => {}
                b'Z' => return row.ok_or(Cause::Protocol),
                _ => return Err(Cause::Protocol),
            }
        }
    }

    /// Takes leave, so that the server's log has nothing to complain of.
    pub(super) async fn close(mut self) {
        let mut bytes = BytesMut::new();
        frontend::terminate(&mut bytes);
        if self.send(&bytes).await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }

    async fn authenticate(&mut self, postgres: &PostgresProbe) -> Result<(), Cause> {
        let password = postgres.check.password.as_ref();
        loop {
            let (asked, data) = self.receive_ask().await?;
            match asked {
                ask::NOTHING_MORE => return Ok(()),
                ask::MD5 => {
                    let password = password.ok_or(Cause::Login)?;
                    let salt = data.try_into().map_err(|_| Cause::Protocol)?;
                    let user = postgres.check.user.as_bytes();
                    let hash = md5_hash(user, password.0.as_bytes(), salt);
                    let write = |bytes: &mut _| frontend::password_message(hash.as_bytes(), bytes);
                    self.send_made(write).await?;
                }
                ask::SASL => {
                    let mut mechanisms = data.split(|byte| *byte == 0);
                    if !mechanisms.any(|name| name == SCRAM_SHA_256.as_bytes()) {
                        return Err(Cause::Login);
                    }
                    self.scram(password.ok_or(Cause::Login)?).await?;
                }
                _ => return Err(Cause::Login),
            }
        }
    }

    async fn scram(&mut self, password: &Secret) -> Result<(), Cause> {
        let mut scram = ScramSha256::new(password.0.as_bytes(), ChannelBinding::unsupported());
        let first =
            |bytes: &mut _| frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), bytes);
        self.send_made(first).await?;
        let challenge = self.expect_ask(ask::SASL_CONTINUE).await?;
        scram.update(&challenge).map_err(|_| Cause::Protocol)?;
        let proof = |bytes: &mut _| frontend::sasl_response(scram.message(), bytes);
        self.send_made(proof).await?;
        let answer = self.expect_ask(ask::SASL_FINAL).await?;
        // A server that cannot prove that it knows the password is not the one that was meant.
        scram.finish(&answer).map_err(|_| Cause::Login)
    }

    async fn expect_ask(&mut self, expected: u32) -> Result<Vec<u8>, Cause> {
        match self.receive_ask().await? {
            (asked, data) if asked == expected => Ok(data),
            _ => Err(Cause::Protocol),
        }
    }

    async fn receive_ask(&mut self) -> Result<(u32, Vec<u8>), Cause> {
        let frame = self.receive().await?;
        match (frame.tag, frame.body.split_first_chunk()) {
            (b'R', Some((asked, data))) => Ok((u32::from_be_bytes(*asked), data.to_vec())),
            _ => Err(Cause::Protocol),
        }
    }

    /// The next message that is no notice; an error of the server is a failure.
    async fn receive(&mut self) -> Result<Frame, Cause> {
        loop {
            let frame = self.receive_any().await?;
            match frame.tag {
                b'N' => {}
                b'E' => return Err(of_refusal(&frame.body)),
                _ => return Ok(frame),
            }
        }
    }

    async fn receive_any(&mut self) -> Result<Frame, Cause> {
        let mut head = [0; 5];
        self.read(&mut head).await?;
        let [tag, length @ ..] = head;
        // The length counts itself, but not the tag.
        let length = u32::from_be_bytes(length).checked_sub(4);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or(Cause::Protocol)?;
        let spent = length.saturating_add(head.len());
        self.budget = self.budget.checked_sub(spent).ok_or(Cause::Protocol)?;
        let mut body = vec![0; length];
        self.read(&mut body).await?;
        Ok(Frame { tag, body })
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<(), Cause> {
        let read = self.stream.read_exact(bytes).await;
        read.map(drop).map_err(|error| cause::of_answer(&error))
    }

    async fn send_made(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<(), Cause> {
        let mut bytes = BytesMut::new();
        write(&mut bytes).map_err(|_| Cause::Local)?;
        self.send(&bytes).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        let sent = self.stream.write_all(bytes).await;
        sent.map_err(|error| cause::of_answer(&error))
    }
}

/// Reads a row: a count of values, each with a length (all ones: absent) and so many bytes of text.
fn read_row(body: &[u8]) -> Result<Vec<Option<String>>, Cause> {
    let (count, mut rest) = body.split_first_chunk().ok_or(Cause::Protocol)?;
    let mut values = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk().ok_or(Cause::Protocol)?;
        rest = after;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            values.push(None);
            continue;
        }
        let length = usize::try_from(length).map_err(|_| Cause::Protocol)?;
        let (text, after) = rest.split_at_checked(length).ok_or(Cause::Protocol)?;
        rest = after;
        values.push(Some(String::from_utf8_lossy(text).into_owned()));
    }
    Ok(values)
}

/// What an error of the server says, by the class of its code (appendix "Error Codes" of the manual).
fn of_refusal(body: &[u8]) -> Cause {
    let mut fields = body.split(|byte| *byte == 0);
    let code = fields.find_map(|field| field.strip_prefix(b"C"));
    match code.unwrap_or_default() {
        // No such role, wrong password, no such database, not allowed.
        [b'2', b'8', ..] | b"3D000" | b"42501" => Cause::Login,
        // Starts up, shuts down, has no place left.
        b"57P01" | b"57P02" | b"57P03" | b"53300" => Cause::Refused,
        _ => Cause::Protocol,
    }
}
