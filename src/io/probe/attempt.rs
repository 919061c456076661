//! One probe under way, and what a monitor type makes its probes of: a deadline, timed phases, a
//! connection, a handshake, an answer.
//!
//! A type dials for itself ([`Probe::look`]): most connect by [`Attempt::connect`] and go on from there; one that needs no
//! connection, or another kind, has [`Attempt::watch`] to hold its own steps to the deadline. A failure
//! names the phase that it happened in. What was learnt before (times, the certificate's expiry) is
//! reported with the failure. What is asked and expected is the types'.
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::cause;
use super::duty::Finished;
use super::stopwatch::Stopwatch;
use super::trust::{TlsSettings, Trust};
use crate::base::{Cause, Span, limits};
use crate::health::{ProbeResult, Report, Timing};
use crate::monitor::host::name_of;
use crate::monitor::reach;

/// A monitor that is ready to look: what all probes of it share.
pub(super) trait Probe: Sized {
    /// Its part of the config.
    type Check;

    /// Prepares what need not be done anew for each probe.
    ///
    /// # Errors
    /// What is wrong, for a person; each of its probes is a local failure then.
    fn prepare(check: &Self::Check, resources: &mut Resources) -> Result<Self, String>;

    /// Looks once at what the probe is aimed at.
    ///
    /// # Errors
    /// Why it has failed.
    async fn look(&self, to: &Destination, attempt: &mut Attempt) -> Result<(), Cause>;
}

/// The means of this node that its monitors share.
#[derive(Debug)]
pub(super) struct Resources {
    /// The roots that probes trust.
    pub(super) trust: Trust,
    /// The way of the reports. A type that is told instead of asking sends them by itself: who takes them from
    /// here knows which of them it has asked for.
    pub(super) reports: UnboundedSender<Finished>,
}

/// The place that a probe is aimed at.
#[derive(Debug)]
pub(super) struct Destination {
    /// Its address, with the monitor's port.
    pub(super) address: SocketAddr,
    /// The host to ask it for; the address itself where the plan names none.
    pub(super) host: String,
}

/// A connection that has served its purpose and stands.
pub(super) trait OpenStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> OpenStream for S {}

/// A probe under way.
pub(super) struct Attempt {
    /// Its deadline.
    pub(super) watch: Stopwatch,
    timing: Timing,
    certificate_expires: Option<u64>,
    open: Option<Box<dyn OpenStream>>,
}

impl Attempt {
    /// Starts, with the time that the probe has in all.
    pub(super) fn start(timeout: Span) -> Self {
        Self {
            watch: Stopwatch::start(timeout),
            timing: Timing::default(),
            certificate_expires: None,
            open: None,
        }
    }

    /// Connects over TCP.
    ///
    /// # Errors
    /// Why no connection stands.
    pub(super) async fn connect(&mut self, address: SocketAddr) -> Result<TcpStream, Cause> {
        if reach::obstacle(address.ip()).is_some() {
            return Err(Cause::Unreachable);
        }
        let connect = async {
            let stream = TcpStream::connect(address).await;
            stream.map_err(|error| cause::of_connect(&error))
        };
        let (took, result) = self.watch.phase(Cause::ConnectTimeout, connect).await;
        self.timing.connect_us = took;
        result
    }

    /// Makes a whole TLS handshake, and notes when the certificate that was shown expires.
    ///
    /// # Errors
    /// Why it failed, or what is wrong with the certificate.
    pub(super) async fn shake_hands(
        &mut self,
        stream: TcpStream,
        tls: &TlsSettings,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, Cause> {
        let name = name_of(host).to_owned();
        let name = ServerName::try_from(name).map_err(|_| Cause::Local)?;
        let (config, witness) = tls.for_one_probe();
        let connect = TlsConnector::from(config).connect(name, stream);
        let handshake = async { connect.await.map_err(|error| cause::of_handshake(&error)) };
        let (took, result) = self.watch.phase(Cause::TlsTimeout, handshake).await;
        self.timing.tls_us = took;
        self.certificate_expires = witness.expires();
        let stream = result?;
        witness.judge_validity()?;
        Ok(stream)
    }

    /// Waits for an exchange over a connection that stands.
    ///
    /// # Errors
    /// That of the exchange, or that the time ran out.
    pub(super) async fn exchange(
        &mut self,
        exchange: impl Future<Output = Result<(), Cause>>,
    ) -> Result<(), Cause> {
        let (took, result) = self.watch.phase(Cause::ResponseTimeout, exchange).await;
        self.timing.response_us = took;
        result
    }

    /// Counts the time since the connection stood as that of the response; for exchanges of
    /// several phases.
    pub(super) fn note_response(&mut self) {
        let took = self.watch.total().saturating_sub(self.timing.connect_us);
        self.timing.response_us = took.max(1);
    }

    /// Leaves a connection to be closed politely once the probe has been reported, if it passes.
    pub(super) fn leave_open(&mut self, stream: impl OpenStream + 'static) {
        self.open = Some(Box::new(stream));
    }

    /// The report, and the connection that was left open.
    pub(super) fn conclude(
        mut self,
        result: Result<(), Cause>,
    ) -> (Report, Option<Box<dyn OpenStream>>) {
        self.timing.total_us = self.watch.total();
        let (outcome, open) = match result {
            Ok(()) => (ProbeResult::Pass, self.open),
            Err(cause) => (ProbeResult::Fail(cause), None),
        };
        let report = Report {
            outcome,
            timing: self.timing,
            certificate_expires: self.certificate_expires,
        };
        (report, open)
    }
}

/// Closes a connection. Whatever the peer has still to say (a banner) is read, for the kernel answers
/// unread bytes with a reset, which fills the peer's log.
pub(super) async fn close_gracefully(mut stream: Box<dyn OpenStream>) {
    let farewell = async {
        stream.shutdown().await?;
        let mut bytes = [0; 1024];
        while stream.read(&mut bytes).await? > 0 {}
        std::io::Result::Ok(())
    };
    let patience = Duration::from_millis(limits::PROBE_LINGER.0);
    // The probe has been judged; how the peer takes its leave changes nothing.
    let _ = tokio::time::timeout(patience, farewell).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::host::trouble;

    #[test]
    fn every_host_that_a_config_may_have_is_the_name_of_a_server() {
        let long = "a".repeat(63);
        let hosts = [
            "api.example.org",
            "api.example.org.",
            "api.example.org:18443",
            "_x.y-z.example",
            "192.0.2.1:443",
            "2001:db8::1",
            "[2001:db8::1]",
            "[2001:db8::1]:8443",
            "1.example",
            &long,
        ];
        for host in hosts {
            assert_eq!(trouble(host), None, "{host}");
            assert!(ServerName::try_from(name_of(host)).is_ok(), "{host}");
        }
        let long = "a".repeat(64);
        for host in [
            "a..b",
            "-a.example",
            "a-.example",
            "a b",
            "1.2.3",
            "",
            &long,
        ] {
            assert!(trouble(host).is_some(), "{host}");
            assert!(ServerName::try_from(name_of(host)).is_err(), "{host}");
        }
    }
}
