//! Proof and trust of a client of the control API where TLS is spoken: the roots that vouch for the server, and a certificate by
//! which the client proves who it is.
//!
//! Every error names the option and its file. A certificate that would be shown to nobody is an error as well: whoever names one
//! means to be known by it, and over the socket or in the clear would be somebody else.
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::daemon::Failure;

/// Proof of a client, and its trust.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    /// The file that holds a token, if one was named.
    pub(super) token_file: Option<PathBuf>,
    /// The roots that vouch for the server; those of the system if absent.
    pub(super) ca: Option<PathBuf>,
    /// The files of a certificate and of its key, if the client proves itself by one.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
}

/// Settings of TLS for a server that is asked over https.
///
/// # Errors
/// A file cannot be read, or does not hold what it is named for.
pub(super) fn tls(credentials: &Credentials) -> Result<ClientConfig, Failure> {
    settings(roots(credentials.ca.as_deref())?, credentials)
}

/// The same where none is spoken; the client wants them all the same.
///
/// # Errors
/// A certificate was named, which cannot be shown on this way.
pub(super) fn no_tls(
    credentials: &Credentials,
    way: &dyn Display,
) -> Result<ClientConfig, Failure> {
    match &credentials.certificate {
        None => settings(RootCertStore::empty(), credentials),
        Some((certificate, _)) => Err(format!(
            "--certificate {}: it can be shown over https only, and the server is asked at {way}: name it by --control https://HOST:PORT",
            certificate.display()
        )),
    }
}

fn settings(roots: RootCertStore, credentials: &Credentials) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot speak TLS: {error}"))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &credentials.certificate else {
        return Ok(settings.with_no_client_auth());
    };
    let (chain, private) = (chain("--certificate", certificate)?, private_key(key)?);
    let proved = settings.with_client_auth_cert(chain, private);
    proved.map_err(|error| {
        format!(
            "--certificate {} with --key {}: {error}",
            certificate.display(),
            key.display()
        )
    })
}

/// Roots that vouch for a server.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in chain("--ca", path)? {
                let added = roots.add(certificate);
                added.map_err(|error| format!("--ca {}: {error}", path.display()))?;
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs().certs;
            roots.add_parsable_certificates(native);
        }
    }
    Ok(roots)
}

/// The certificates of a file; at least one.
fn chain(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let explain = |error: &str| format!("{option} {}: {error}", path.display());
    let text = std::fs::read(path).map_err(|error| explain(&error.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|_| explain("it is not PEM"))?;
    match chain.is_empty() {
        true => Err(explain(
            "it holds no certificate (-----BEGIN CERTIFICATE-----)",
        )),
        false => Ok(chain),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    let explain = |error: &str| format!("--key {}: {error}", path.display());
    let text = std::fs::read(path).map_err(|error| explain(&error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        explain(if matches!(error, pem::Error::NoItemsFound) {
            "it holds no private key in the clear (one with a passphrase has to be decrypted first)"
        } else {
            "it is not PEM"
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/config/tls")
            .join(name)
    }

    #[test]
    fn an_error_names_the_option_and_the_file() {
        let (chain, key, other) = (
            shipped("chain.pem"),
            shipped("key.pem"),
            shipped("other.pem"),
        );
        let by = |certificate: &PathBuf, key: &PathBuf| Credentials {
            ca: Some(chain.clone()),
            certificate: Some((certificate.clone(), key.clone())),
            ..Credentials::default()
        };
        tls(&by(&chain, &key)).unwrap();
        for (credentials, expected) in [
            (
                Credentials {
                    ca: Some(key.clone()),
                    ..Credentials::default()
                },
                format!("--ca {}: it holds no certificate", key.display()),
            ),
            (
                by(&shipped("gone.pem"), &key),
                format!("--certificate {}: No such", shipped("gone.pem").display()),
            ),
            (
                by(&chain, &chain),
                format!("--key {}: it holds no private key", chain.display()),
            ),
            (
                by(&chain, &shipped("passphrase.pem")),
                format!("--key {}: it ", shipped("passphrase.pem").display()),
            ),
            (
                by(&chain, &other),
                format!(
                    "--certificate {} with --key {}: ",
                    chain.display(),
                    other.display()
                ),
            ),
        ] {
            let refusal = tls(&credentials).map(drop).unwrap_err();
            assert!(refusal.starts_with(&expected), "{refusal}");
        }
    }

    #[test]
    fn a_certificate_that_nobody_would_see_is_refused() {
        let credentials = Credentials {
            certificate: Some((shipped("chain.pem"), shipped("key.pem"))),
            ..Credentials::default()
        };
        let refusal = no_tls(&credentials, &"unix:waypost.sock")
            .map(drop)
            .unwrap_err();
        assert!(
            refusal.contains("chain.pem") && refusal.contains("unix:waypost.sock"),
            "{refusal}"
        );
    }
}
