//! TLS of the control API: the certificate of the config in force, and certificates of clients.
//!
//! Each handshake uses the config in force, so that a renewed certificate, and roots that no longer vouch for a client, count
//! from the reload that brings them. A config without TLS leaves a listener that was opened with it as it was. What a
//! client's certificate is known by: its DNS names and mail addresses, and its common name.
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{
    NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier,
};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use crate::plan::{Carriage, Control, Pair};

/// The settings of handshakes, made anew when the config changes them.
#[derive(Clone, Default)]
pub(super) struct Handshakes(Arc<Mutex<Option<Settings>>>);

/// Settings, and what they were made of.
struct Settings {
    roots: Vec<Vec<u8>>,
    pair: Pair,
    acceptor: TlsAcceptor,
}

impl Handshakes {
    /// The settings by a config, or the last ones there were.
    pub(super) fn by(&self, control: &Control) -> io::Result<TlsAcceptor> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Carriage::Tls(roots), Some(pair)) = (&control.access.carriage, &control.pair) {
            let is_same = |own: &Settings| {
                own.roots == *roots && Arc::ptr_eq(&own.pair.certified, &pair.certified)
            };
            if !last.as_ref().is_some_and(is_same) {
                *last = Some(Settings {
                    roots: roots.clone(),
                    pair: pair.clone(),
                    acceptor: TlsAcceptor::from(settings(roots, pair)?),
                });
            }
        }
        let settings = last.as_ref();
        let acceptor = settings.map(|settings| settings.acceptor.clone());
        acceptor.ok_or_else(|| io::Error::other("there is no certificate"))
    }
}

fn settings(roots: &[Vec<u8>], pair: &Pair) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ClientCertVerifier> = match roots {
        [] => Arc::new(NoClientAuth),
        roots => {
            let mut store = RootCertStore::empty();
            for root in roots {
                let root = CertificateDer::from(root.clone());
                store.add(root).map_err(io::Error::other)?;
            }
            WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(io::Error::other)?
        }
    };
    let certificate = Arc::new(SingleCertAndKey::from(pair.certified.clone()));
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(settings))
}

/// The names by which a client's certificate is known; none, if it cannot be read.
pub(super) fn names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return Vec::new();
    };
    let mut names = alternative_names(&parsed);
    let common = parsed.subject().iter_common_name();
    names.extend(
        common
            .filter_map(|name| name.as_str().ok())
            .map(str::to_owned),
    );
    names
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let all = extension.map(|found| found.value.general_names.as_slice());
    let named = all
        .unwrap_or_default()
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
            GeneralName::OtherName(..)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::URI(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_)
            | GeneralName::Invalid(..) => None,
        });
    named.collect()
}
