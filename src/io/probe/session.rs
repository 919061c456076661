//! The TLS sessions of one address: what was verified last, and what resumes it.
//!
//! ```text
//! first probe, verify_every is over, or the last probe failed --> whole handshake, the certificate is verified
//! otherwise --------------------------------------------------> the last ticket, if the server takes it
//! ```
//!
//! A resumed session proves that the server is the one of before and shows no certificate, so that the dates of the last one
//! are remembered and judged anew with each probe. Tickets are kept for one address under one plan and never given to
//! another: machines of one name may share the keys of their tickets, and the certificate of one says nothing of
//! another's. Another monitor, other roots, another plan: other tickets. Around the verifier of a monitor stands a
//! [`Witness`], which notes the leaf before the verifier judges it, so that the date is known also when the judgement is no.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, NamedGroup, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::{TlsConnector, rustls};

use super::cause;
use super::stream::ProbeStream;
use super::trust::{TlsSettings, Verifier};
use crate::base::{Cause, Permille, Span};
use crate::monitor::certificate::Verify;

/// The sessions of one address by one monitor.
#[derive(Debug)]
pub(super) struct TlsSession {
    config: Arc<ClientConfig>,
    witness: Arc<Witness>,
    tickets: Arc<Tickets>,
    verify: Verify,
    min_validity: Option<Span>,
    verify_every: Duration,
    /// The moment of the last whole handshake.
    verified: Mutex<Option<Instant>>,
}

impl TlsSession {
    /// Nothing has been verified. Of `verify_every` a part is taken, so that not all addresses of a start are verified
    /// together again.
    pub(super) fn new(settings: &TlsSettings, part: Permille) -> Self {
        let witness = Arc::new(Witness {
            judge: Arc::clone(&settings.verifier),
            shown: Mutex::default(),
        });
        let tickets = Arc::<Tickets>::default();
        let mut config = settings.base.clone();
        let verifier: Verifier = Arc::<Witness>::clone(&witness);
        config.dangerous().set_certificate_verifier(verifier);
        let verify_every = Duration::from_millis(settings.verify_every.0) * part.0.into() / 1000;
        config.resumption = if verify_every.is_zero() {
            Resumption::disabled()
        } else {
            Resumption::store(Arc::<Tickets>::clone(&tickets))
        };
        Self {
            config: Arc::new(config),
            witness,
            tickets,
            verify: settings.verify,
            min_validity: settings.min_validity,
            verify_every,
            verified: Mutex::default(),
        }
    }

    /// Makes one whole handshake with a server that is not the probed one, and leaves nothing to another.
    ///
    /// # Errors
    /// Why it failed, or what is wrong with the certificate.
    pub(super) async fn shake_hands_once(
        settings: &TlsSettings,
        stream: TcpStream,
        host: &str,
    ) -> Result<ProbeStream, Cause> {
        let session = Self::new(settings, Permille::FULL);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Cause::Local)?;
        let connect = TlsConnector::from(session.begin(Instant::now())).connect(name, stream);
        let stream = connect.await.map_err(|error| cause::of_handshake(&error))?;
        session.judge_validity()?;
        Ok(ProbeStream::Tls(Box::new(stream)))
    }

    /// Prepares for a handshake: a whole one where the certificate is to be verified.
    pub(super) fn begin(&self, now: Instant) -> Arc<ClientConfig> {
        if !self.is_verified(now) {
            self.forget();
        }
        lock(&self.witness.shown).is_of_now = false;
        Arc::clone(&self.config)
    }

    /// Takes in how a handshake that began at a moment has ended, if it has come to an end.
    pub(super) fn end(&self, began: Instant, kind: Option<HandshakeKind>) {
        match kind {
            Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) => {
                *lock(&self.verified) = Some(began);
            }
            Some(HandshakeKind::Resumed) => lock(&self.witness.shown).is_of_now = true,
            None => {}
        }
    }

    /// The last second at which the certificate of the last handshake is valid, in seconds since 1970; `None` if none was
    /// shown or it cannot be read.
    pub(super) fn expires(&self) -> Option<u64> {
        let shown = *lock(&self.witness.shown);
        shown.expires.filter(|_| shown.is_of_now)
    }

    /// Tells that the certificate has been verified and need not be verified again yet.
    pub(super) fn is_verified(&self, now: Instant) -> bool {
        let verified = *lock(&self.verified);
        verified.is_some_and(|at| now.saturating_duration_since(at) < self.verify_every)
    }

    /// Judges whether the certificate is valid for as long as the monitor asks, from now on.
    ///
    /// # Errors
    /// That it is not, or that nobody can say.
    pub(super) fn judge_validity(&self) -> Result<(), Cause> {
        let least = match (self.verify, self.min_validity) {
            (_, Some(least)) => least,
            (Verify::Required, None) => Span::ZERO,
            (Verify::Off, None) => return Ok(()),
        };
        let expires = lock(&self.witness.shown).expires;
        let Some(expires) = expires else {
            // Where the date is not asked for, the verifier has read it and was content.
            return self
                .min_validity
                .map_or(Ok(()), |_| Err(Cause::Certificate));
        };
        match expires.checked_sub(UnixTime::now().as_secs()) {
            None => Err(Cause::CertificateExpired),
            Some(left) if left < least.0 / 1000 => Err(Cause::CertificateExpiring),
            Some(_) => Ok(()),
        }
    }

    /// Has the certificate verified with the next handshake.
    pub(super) fn forget(&self) {
        *lock(&self.verified) = None;
        *lock(&self.tickets.0) = Resumable::default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last ticket of each version of TLS.
#[derive(Debug, Default)]
struct Tickets(Mutex<Resumable>);

#[derive(Debug, Default)]
struct Resumable {
    group: Option<NamedGroup>,
    tls12: Option<Box<Tls12ClientSessionValue>>,
    /// It serves once (RFC 8446, appendix C.4).
    tls13: Option<Box<Tls13ClientSessionValue>>,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        lock(&self.0).group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        lock(&self.0).group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        lock(&self.0).tls12 = Some(Box::new(value));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        lock(&self.0).tls12.as_deref().cloned()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        lock(&self.0).tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        lock(&self.0).tls13 = Some(Box::new(value));
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        lock(&self.0).tls13.take().map(|ticket| *ticket)
    }
}

/// Notes the leaf's expiry, then lets the monitor's verifier judge.
#[derive(Debug)]
struct Witness {
    judge: Verifier,
    shown: Mutex<ShownLeaf>,
}

/// The leaf that was shown last.
#[derive(Clone, Copy, Debug, Default)]
struct ShownLeaf {
    /// Its last second of validity, in seconds since 1970; `None` if it cannot be read, or none has been shown.
    expires: Option<u64>,
    /// Tells that it was shown in the last handshake, or in the one that this has resumed.
    is_of_now: bool,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *lock(&self.shown) = ShownLeaf {
            expires: expiry(end_entity),
            is_of_now: true,
        };
        self.judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// The last second at which a certificate is valid (RFC 5280, section 4.1.2.5).
fn expiry(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok()
}
