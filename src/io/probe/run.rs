//! One probe from its first packet to its report: connect, TLS, request (or a login and questions); each
//! against one deadline.
//!
//! A failure names the phase that it happened in. What was learnt before (times, the certificate's
//! expiry) is reported with the failure.
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::cause;
use super::http::exchange;
use super::job::{Http, Job, Work};
use super::postgres::{self, Postgres};
use super::stopwatch::Stopwatch;
use super::tls::TlsSettings;
use crate::base::{Cause, limits};
use crate::health::{Outcome, Report, Timing};

/// Runs a job. With the report comes the connection, if it still stands and deserves a
/// polite end.
pub(super) async fn run(job: &Job) -> (Report, Option<TcpStream>) {
    let mut attempt = Attempt {
        watch: Stopwatch::start(job.timeout),
        timing: Timing::default(),
        certificate_expires: None,
    };
    let result = attempt.work(job).await;
    attempt.timing.total_us = attempt.watch.total();
    let (outcome, open) = match result {
        Ok(open) => (Outcome::Pass, open),
        Err(cause) => (Outcome::Fail(cause), None),
    };
    let report = Report {
        outcome,
        timing: attempt.timing,
        certificate_expires: attempt.certificate_expires,
    };
    (report, open)
}

/// Closes a connection that carried nothing. Whatever the peer sends first (a banner) is
/// read, for the kernel answers unread bytes with a reset, which fills the peer's log.
pub(super) async fn part(mut stream: TcpStream) {
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

/// A probe under way.
struct Attempt {
    watch: Stopwatch,
    timing: Timing,
    certificate_expires: Option<u64>,
}

impl Attempt {
    async fn work(&mut self, job: &Job) -> Result<Option<TcpStream>, Cause> {
        let stream = self.connect(job).await?;
        match &job.work {
            Work::Tcp => return Ok(Some(stream)),
            Work::Http { host, http } => match &http.tls {
                None => self.ask(stream, http, host).await?,
                Some(tls) => {
                    let stream = self.shake_hands(stream, tls, host).await?;
                    self.ask(stream, http, host).await?;
                }
            },
            Work::Postgres(postgres) => self.inspect(stream, postgres).await?,
        }
        Ok(None)
    }

    async fn connect(&mut self, job: &Job) -> Result<TcpStream, Cause> {
        let connect = async {
            let stream = TcpStream::connect(job.address).await;
            stream.map_err(|error| cause::of_connect(&error))
        };
        let (took, result) = self.watch.phase(Cause::ConnectTimeout, connect).await;
        self.timing.connect_us = took;
        result
    }

    async fn shake_hands(
        &mut self,
        stream: TcpStream,
        tls: &TlsSettings,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, Cause> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Cause::Local)?;
        let (config, witness) = tls.for_one_probe();
        let connect = TlsConnector::from(config).connect(name, stream);
        let handshake = async { connect.await.map_err(|error| cause::of_handshake(&error)) };
        let (took, result) = self.watch.phase(Cause::TlsTimeout, handshake).await;
        self.timing.tls_us = took;
        self.certificate_expires = witness.expires();
        result
    }

    async fn ask<S>(&mut self, stream: S, http: &Arc<Http>, host: &str) -> Result<(), Cause>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let exchange = exchange(stream, http, host);
        let (took, result) = self.watch.phase(Cause::ResponseTimeout, exchange).await;
        self.timing.response_us = took;
        result
    }

    async fn inspect(&mut self, stream: TcpStream, postgres: &Postgres) -> Result<(), Cause> {
        let result = postgres::inspect(&mut self.watch, stream, postgres).await;
        let took = self.watch.total().saturating_sub(self.timing.connect_us);
        self.timing.response_us = took.max(1);
        result
    }
}
