//! Keys of monitors that prove who they are by a certificate (mutual TLS; RFC 8446, section 4.4.2).
//!
//! A part of several types, and no type itself. A certificate and its key are two files in PEM that are taken together or
//! not at all: one without the other is refused when the keys are read, and two that do not belong together when the second
//! one comes. The key is never shown. Whether the server takes the certificate, the probe shows.
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio_rustls::rustls;

use super::kind::NamedFile;
use crate::base::Secret;
use crate::text::reader::Fields;
use crate::text::value::Trouble;

/// The key of the file with the certificate.
const CERTIFICATE: &str = "client_certificate";
/// The key of the file with its private key.
const KEY: &str = "client_key";

/// A certificate that a probe shows, and its key; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate in PEM, and those that vouch for it: the path as shown, and the text.
    pub certificate: Option<(String, Arc<[u8]>)>,
    /// Its private key in PEM.
    pub key: Option<Secret>,
}

impl ClientIdentity {
    /// Refuses a certificate without its key, and a key without its certificate.
    pub(super) fn refuse_half(fields: &mut Fields<'_, '_>) {
        let parts = [(CERTIFICATE, KEY), (KEY, CERTIFICATE)];
        let places = parts.map(|(given, _)| fields.key(given));
        for ((given, missing), (own, other)) in parts
            .into_iter()
            .zip([(&places[0], &places[1]), (&places[1], &places[0])])
        {
            if let (Some(at), None) = (own, other) {
                let message = format!("`{given}` stands without `{missing}`");
                fields.reader().error(at, message, |found| {
                    found.help(format!("write `{missing} = \"client.pem\"` beside it"));
                });
            }
        }
    }

    /// Forgets where the certificate is.
    pub(super) fn forget_paths(&mut self) {
        if let Some((path, _)) = &mut self.certificate {
            path.clear();
        }
    }

    /// Takes the certificate, or its key.
    ///
    /// # Errors
    /// When a file does not hold what it should, or the two do not belong together.
    pub(super) fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        if file.key == CERTIFICATE {
            chain(file.content).map_err(|()| {
                Trouble::new(format!("`{}` holds no certificate", file.path))
                    .with_help("the certificate is in PEM: `-----BEGIN CERTIFICATE-----`")
            })?;
            self.certificate = Some((file.path.to_owned(), Arc::clone(file.content)));
        } else {
            let text = std::str::from_utf8(file.content).ok();
            let text = text.filter(|text| PrivateKeyDer::from_pem_slice(text.as_bytes()).is_ok());
            let text = text.ok_or_else(|| {
                Trouble::new(format!("`{}` holds no private key", file.path)).with_help(
                    "the key is in PEM and has no passphrase: `-----BEGIN PRIVATE KEY-----`",
                )
            })?;
            self.key = Some(Secret(text.to_owned()));
        }
        self.certified().map(drop).map_err(|reason| {
            Trouble::new(format!("`{}` does not serve: {reason}", file.path))
                .with_help("the key is the certificate's own; renew both together")
        })
    }

    /// The pair as TLS wants it; none where there is none.
    ///
    /// # Errors
    /// Why the two cannot be used together, for a person.
    pub fn certified(&self) -> Result<Option<Arc<CertifiedKey>>, String> {
        let (Some((_, certificate)), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(None);
        };
        let chain = chain(certificate).map_err(|()| "no certificate".to_owned())?;
        let key = PrivateKeyDer::from_pem_slice(key.0.as_bytes());
        // Its message may quote what the file holds.
        let key = key.map_err(|_| "no private key".to_owned())?;
        let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let pair = pair.map_err(|error| error.to_string())?;
        Ok(Some(Arc::new(pair)))
    }
}

/// The certificates of a text, one at the least.
fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, ()> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(()),
    }
}
