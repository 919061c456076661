//! A client of HTTP for what the server asks or tells by itself.
use std::sync::Arc;

use reqwest::Client;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A client that goes by no proxy, follows no redirect, and trusts these roots, in DER; without any, those of the system.
///
/// # Errors
/// The reason why there is none; for a person.
pub fn client(own: &[Vec<u8>]) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    for root in own {
        let added = roots.add(CertificateDer::from(root.clone()));
        added.map_err(|error| error.to_string())?;
    }
    if own.is_empty() {
        for root in rustls_native_certs::load_native_certs().certs {
            // A root that cannot be read vouches for nobody.
            let _ = roots.add(root);
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls)
        .build()
        .map_err(|error| error.to_string())
}
