//! Handshakes, and which certificate they use.
//!
//! All encrypted transports share one [`Identity`]: each handshake takes the certificate of the
//! plan in force, as the published table has it. So a new certificate is used from the first
//! handshake after the reload that brought it, connections that are open keep the one they were
//! opened with, and a reload that is refused changes nothing. A plan without encrypted transports
//! leaves the listeners open until a restart: they go on with the last certificate there was.
//!
//! 0-RTT is off: what comes with it can be played again by anyone (RFC 9250, section 5.4 leaves
//! that to the server). The provider is named, so that nothing depends on a default that another
//! part of the process installed.
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

use super::Streams;
use crate::io::metrics::Dropped;
use crate::io::publish::Published;
use crate::plan::Pair;

/// The certificate and key that the server proves itself by at the moment.
#[derive(Debug)]
pub(super) struct Identity {
    published: Arc<Published>,
    last: Mutex<Arc<CertifiedKey>>,
}

impl Identity {
    pub(super) fn new(first: Pair, published: Arc<Published>) -> Self {
        Self {
            published,
            last: Mutex::new(first.certified),
        }
    }

    fn present(&self) -> Arc<CertifiedKey> {
        let table = self.published.load();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = &table.plan.server.tls {
            *last = Arc::clone(&tls.pair.certified);
        }
        Arc::clone(&last)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.present())
    }
}

/// The settings of one transport's handshake; `protocols` are those of ALPN, the best first.
pub(super) fn settings(
    identity: &Arc<Identity>,
    protocols: &[&[u8]],
) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Identity>::clone(identity));
    settings.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
    Ok(Arc::new(settings))
}

/// Shakes hands; `None` if the peer is too slow, or will not have it.
pub(super) async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    streams: &Streams,
) -> Option<TlsStream<TcpStream>> {
    let shaken = streams.in_time(acceptor.accept(stream)).await?;
    if shaken.is_err() {
        streams.service.metrics.dropped(Dropped::Handshake);
    }
    shaken.ok()
}
