//! Whose certificate `waypost query --tls` takes (RFC 7858, section 3; names by RFC 8310).
//!
//! One provider, `aws-lc-rs`, is named here, so that nothing depends on a default that some other
//! part of the process installed.
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio_rustls::rustls;

use crate::daemon::Failure;
use crate::io::probe::indifferent;

/// The protocol's name in the handshake (RFC 7858, IANA "ALPN Protocol IDs").
const ALPN: &[u8] = b"dot";

/// Whether the certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Full,
    Nothing,
}

impl From<bool> for Check {
    /// From `--insecure`.
    fn from(insecure: bool) -> Self {
        if insecure { Self::Nothing } else { Self::Full }
    }
}

/// Whom to trust, under which name.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trust {
    /// By the certificates of a PEM file, or the system's.
    pub(super) fn new(roots: Option<&Path>, check: Check, name: &str) -> Result<Self, Failure> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("{name} is no name of a certificate; give --tls-name"))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let mut config = match check {
            Check::Full => builder.with_root_certificates(read_roots(roots)?),
            Check::Nothing => builder
                .dangerous()
                .with_custom_certificate_verifier(indifferent(&provider)),
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    /// A new session.
    pub(super) fn session(&self) -> io::Result<ClientConnection> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        session.map_err(io::Error::other)
    }
}

/// What both sides agreed on, once they have.
pub(super) fn agreed(session: &ClientConnection) -> Option<String> {
    let version = session.protocol_version()?;
    let suite = session.negotiated_cipher_suite()?.suite();
    Some(format!("{version:?}, {suite:?}"))
}

fn read_roots(file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    match file {
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        Some(path) => {
            let explain =
                |error: &dyn std::fmt::Display| format!("--ca {}: {error}", path.display());
            let found = CertificateDer::pem_file_iter(path).map_err(|error| explain(&error))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| explain(&error))?;
                roots.add(certificate).map_err(|error| explain(&error))?;
            }
        }
    }
    match (roots.is_empty(), file) {
        (false, _) => Ok(roots),
        (true, Some(path)) => Err(format!("--ca {} holds no certificate", path.display())),
        (true, None) => Err("this system trusts no certificate: give --ca FILE".to_owned()),
    }
}
