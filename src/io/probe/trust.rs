//! Whom the probes of a monitor trust: the roots, and what TLS is spoken with.
//!
//! It does not know the endpoint; the name to verify comes with each probe. One provider,
//! `aws-lc-rs`, is named here, so that nothing depends on a default that some other part of the
//! process installed.
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;
use tokio_rustls::rustls;

use crate::base::Span;
use crate::monitor::certificate::{CertificatePolicy, Verify};

/// Why TLS cannot be spoken, or a monitor's roots cannot be used.
#[derive(Clone, Debug, Error)]
pub enum TlsError {
    /// The provider offers no usable version.
    #[error("TLS cannot be set up: {0}")]
    Provider(#[from] rustls::Error),
    /// The text given as roots holds no certificate, or a broken one.
    #[error("{path}: {message}")]
    Roots {
        /// The path as the config shows it.
        path: String,
        /// The fault, for a person.
        message: String,
    },
    /// The certificate that a monitor proves itself by cannot be used.
    #[error("the client's certificate: {0}")]
    Identity(String),
    /// The system has no roots.
    #[error(
        "this system has no trusted root certificates ({0}); give the monitor roots of its own"
    )]
    NoSystemRoots(String),
}

/// A judge of certificates.
pub(super) type Verifier = Arc<dyn ServerCertVerifier>;

/// Makes TLS settings for monitors; the system's roots are read once, when first wanted.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    base: ClientConfig,
    system: Option<Result<Verifier, TlsError>>,
}

/// The settings that one monitor speaks TLS with.
#[derive(Clone, Debug)]
pub(super) struct TlsSettings {
    /// All but the verifier and the sessions that are resumed.
    pub(super) base: ClientConfig,
    /// The judge of certificates.
    pub(super) verifier: Verifier,
    /// The necessity of a valid certificate.
    pub(super) verify: Verify,
    /// Time that a certificate must still be valid, if that is asked.
    pub(super) min_validity: Option<Span>,
    /// Time for which sessions are resumed.
    pub(super) verify_every: Span,
}

impl Trust {
    pub(super) fn new() -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut base = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(indifferent(&provider))
            .with_no_client_auth();
        base.resumption = Resumption::disabled();
        Ok(Self {
            provider,
            base,
            system: None,
        })
    }

    /// Settings for one monitor, which offers these protocols (ALPN, RFC 7301).
    ///
    /// # Errors
    /// When its roots or the system's, or its own certificate, cannot be used.
    pub(super) fn settings(
        &mut self,
        policy: &CertificatePolicy,
        protocols: &[&[u8]],
    ) -> Result<TlsSettings, TlsError> {
        let verifier = match (policy.verify, &policy.roots) {
            (Verify::Off, _) => indifferent(&self.provider),
            (Verify::Required, Some((path, pem))) => self.verifier_of(path, pem)?,
            (Verify::Required, None) => self.system_verifier()?,
        };
        let mut base = self.base.clone();
        base.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        if let Some(pair) = policy.identity.certified().map_err(TlsError::Identity)? {
            base.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(pair));
        }
        Ok(TlsSettings {
            base,
            verifier,
            verify: policy.verify,
            min_validity: policy.min_validity,
            verify_every: policy.verify_every,
        })
    }

    fn verifier_of(&self, path: &str, pem: &[u8]) -> Result<Verifier, TlsError> {
        let refuse = |message: String| TlsError::Roots {
            path: path.to_owned(),
            message,
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| refuse(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(refuse("holds no certificate in PEM format".to_owned()));
        }
        self.verifier_by(roots).map_err(refuse)
    }

    fn system_verifier(&mut self) -> Result<Verifier, TlsError> {
        if self.system.is_none() {
            self.system = Some(self.read_system());
        }
        self.system.clone().expect("it was read just now")
    }

    /// Roots that do not parse are left out, as other programs of the system leave them out.
    fn read_system(&self) -> Result<Verifier, TlsError> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        self.verifier_by(roots).map_err(|message| {
            let reason = loaded.errors.first().map(ToString::to_string);
            TlsError::NoSystemRoots(reason.unwrap_or(message))
        })
    }

    fn verifier_by(&self, roots: RootCertStore) -> Result<Verifier, String> {
        let provider = Arc::clone(&self.provider);
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = builder.build().map_err(|error| error.to_string())?;
        Ok(verifier)
    }
}

/// Takes any certificate, as [`Verify::Off`] asks: also one so old or odd that its signature
/// could not be checked.
#[derive(Debug)]
struct Indifferent {
    schemes: Vec<SignatureScheme>,
}

/// A verifier that takes any certificate, with the signature schemes of a provider.
pub fn indifferent(provider: &CryptoProvider) -> Arc<dyn ServerCertVerifier> {
    let schemes = provider
        .signature_verification_algorithms
        .supported_schemes();
    Arc::new(Indifferent { schemes })
}

impl ServerCertVerifier for Indifferent {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
