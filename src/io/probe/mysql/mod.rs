//! Probes of type `mysql`: a login at a MySQL or MariaDB server, a ping, and a farewell (protocol 4.1, chapter "Client/Server
//! Protocol" of MySQL's manual).
//!
//! ```text
//! greeting --> [request for TLS --> handshake] --> login --> [another method] --> OK --> ping --> OK --> quit
//! ```
//!
//! # What fails how
//! - a user, a password or a host that is refused, and a method of proof that is not spoken here: [`Cause::Login`];
//! - a server that has no place left, or shuts down: [`Cause::Refused`].
//!
//! Packets share [`limits::PROBE_BODY_BYTES`] as the lines of other protocols do. What they say is read by [`packets`], proofs are
//! made by [`proof`].
//!
//! [`limits::PROBE_BODY_BYTES`]: crate::base::limits::PROBE_BODY_BYTES
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use self::packets::{Greeting, MysqlAnswer};
use super::attempt::{Attempt, Destination, FirstWord, Left, Probe, Resources};
use super::bounded::BoundedStream;
use super::stream::ProbeStream;
use super::trust::TlsSettings;
use crate::base::Cause;
use crate::monitor::encryption::EncryptionStart;
use crate::monitor::mysql::MysqlCheck;

mod packets;
mod proof;

/// Commands of a session that is logged in.
const PING: u8 = 0x0E;
const QUIT: u8 = 0x01;
/// Rounds of a login at the most: a first method, another one, and what that has still to say.
const ROUNDS: usize = 6;

/// A monitor of type `mysql`, ready to look.
#[derive(Debug)]
pub(super) struct MysqlProbe {
    check: MysqlCheck,
    settings: Option<TlsSettings>,
}

impl Probe for MysqlProbe {
    type Check = MysqlCheck;

    fn prepare(check: &MysqlCheck, resources: &mut Resources) -> Result<Self, String> {
        let settings = match check.login.encryption.begins {
            EncryptionStart::Never => None,
            EncryptionStart::AtOnce | EncryptionStart::OnRequest => {
                let settings = resources
                    .trust
                    .settings(&check.login.encryption.certificate, &[]);
                Some(settings.map_err(|error| error.to_string())?)
            }
        };
        Ok(Self {
            check: check.clone(),
            settings,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let stream = attempt.connect(to.address, FirstWord::Theirs).await?;
        let begun = attempt.exchange(begin(stream, self.check.login.encryption.begins));
        let (stream, greeting) = begun.await?;
        let stream = match &self.settings {
            None => ProbeStream::Plain(stream),
            Some(settings) => attempt.shake_hands(stream, settings, &to.host).await?,
        };
        let mut session = BoundedStream::new(stream);
        attempt
            .exchange(self.inspect(&mut session, &greeting))
            .await?;
        let farewell = packets::packet(0, &[QUIT]);
        attempt.leave(Left::Session(session.into_closing(), farewell));
        Ok(())
    }
}

impl MysqlProbe {
    async fn inspect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        session: &mut BoundedStream<S>,
        greeting: &Greeting,
    ) -> Result<(), Cause> {
        let number = if self.settings.is_some() { 2 } else { 1 };
        let login = self.login(greeting)?;
        session.send(&packets::packet(number, &login)).await?;
        self.prove(session).await?;
        session.send(&packets::packet(0, &[PING])).await?;
        match receive(session).await? {
            (_, MysqlAnswer::Done) => Ok(()),
            _ => Err(Cause::Protocol),
        }
    }

    fn login(&self, greeting: &Greeting) -> Result<Vec<u8>, Cause> {
        let password = self.password();
        // A method that is not spoken here may be changed by the server for the user's own.
        let proof = proof::of(&greeting.method, password, &greeting.challenge);
        let (method, proof) = match proof {
            Some(proof) => (&greeting.method[..], proof),
            None => {
                let proof = proof::of(proof::NATIVE, password, &greeting.challenge);
                (proof::NATIVE, proof.ok_or(Cause::Login)?)
            }
        };
        Ok(packets::login(
            &self.check,
            self.settings.is_some(),
            (method, &proof),
        ))
    }

    /// Goes on with a login that has begun until it is there.
    async fn prove<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        session: &mut BoundedStream<S>,
    ) -> Result<(), Cause> {
        for _ in 0..ROUNDS {
            let (number, answer) = receive(session).await?;
            let said = match answer {
                MysqlAnswer::Done => return Ok(()),
                // The password is known to the server's cache.
                MysqlAnswer::More(more) if more == [proof::KNOWN] => continue,
                MysqlAnswer::More(more) if more == [proof::WANTED] => self.in_clear()?,
                MysqlAnswer::More(_) => return Err(Cause::Protocol),
                MysqlAnswer::Another { method, data } => {
                    let proof = proof::of(&method, self.password(), &data);
                    proof.ok_or(Cause::Login)?
                }
            };
            session
                .send(&packets::packet(number.wrapping_add(1), &said))
                .await?;
        }
        Err(Cause::Protocol)
    }

    fn password(&self) -> &[u8] {
        let password = self.check.login.password.as_ref();
        password.map_or(&[], |password| password.0.as_bytes())
    }

    /// The password itself, which goes over TLS only.
    fn in_clear(&self) -> Result<Vec<u8>, Cause> {
        match self.settings {
            Some(_) => Ok([self.password(), &[0]].concat()),
            None => Err(Cause::Login),
        }
    }
}

/// Takes the greeting, and asks for TLS if that is wanted.
async fn begin(stream: TcpStream, start: EncryptionStart) -> Result<(TcpStream, Greeting), Cause> {
    let mut session = BoundedStream::new(stream);
    let (_, packet) = packet(&mut session).await?;
    let greeting = Greeting::read(&packet)?;
    if start != EncryptionStart::Never {
        if !greeting.offers_tls() {
            return Err(Cause::Tls);
        }
        session
            .send(&packets::packet(1, &packets::tls_request()))
            .await?;
    }
    Ok((session.into_stream()?, greeting))
}

/// The next packet: its number, and what it says.
async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut BoundedStream<S>,
) -> Result<(u8, MysqlAnswer), Cause> {
    let (number, packet) = packet(session).await?;
    Ok((number, MysqlAnswer::read(&packet)?))
}

/// The next packet: its number, and its content.
async fn packet<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut BoundedStream<S>,
) -> Result<(u8, Vec<u8>), Cause> {
    let head = session.exactly(4).await?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let length = usize::try_from(length).map_err(|_| Cause::Protocol)?;
    Ok((head[3], session.exactly(length).await?))
}
