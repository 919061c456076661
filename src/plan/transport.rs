//! Where encrypted transports listen, and by which certificate the server proves itself.
//!
//! A certificate with its key is one thing here: they were read together, and belong together. Which
//! of them a handshake uses follows from the plan in force, so that a reload changes both at
//! once, or neither. What is spoken behind the handshake is not known here.
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_rustls::rustls::sign::CertifiedKey;

/// Encrypted transports (`[server.tls]`).
#[derive(Clone, Debug)]
pub struct Tls {
    /// DNS over TLS (RFC 7858).
    pub listen: Vec<SocketAddr>,
    /// DNS over HTTPS (RFC 8484).
    pub listen_https: Vec<SocketAddr>,
    /// DNS over QUIC (RFC 9250).
    pub listen_quic: Vec<SocketAddr>,
    /// What the server proves itself by on all of them.
    pub pair: Pair,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Pair {
    /// The chain, the server's own certificate first, and the key of that one.
    pub certified: Arc<CertifiedKey>,
    /// When the server's own certificate expires, in seconds since 1970.
    pub expires: u64,
    /// For whom it is, as the certificate says: names and addresses.
    pub names: Vec<String>,
}

/// The key is not shown.
impl fmt::Debug for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pair")
            .field("names", &self.names)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
