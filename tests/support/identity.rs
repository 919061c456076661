//! Certificates for a test: an authority, and pairs that it vouches for.
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use waypost::plan::{Pair, Tls};

/// For whom every certificate is.
pub(crate) const NAME: &str = "ns1.example.org";
/// An address that certificates are issued for as well.
const ADDRESS: &str = "127.9.0.200";

/// One that clients trust.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self) -> Issued {
        let key = KeyPair::generate().unwrap();
        let names = [NAME, ADDRESS].map(str::to_owned);
        let params = CertificateParams::new(names.to_vec()).unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// How a client that trusts nobody else shakes hands; `protocols` are those of ALPN.
    pub(crate) fn trusted(&self, protocols: &[&[u8]]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut settings = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        settings.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        Arc::new(settings)
    }
}

impl Issued {
    /// As a plan has it.
    pub(crate) fn pair(&self) -> Pair {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(vec![certificate], key, &provider).unwrap();
        Pair {
            certified: Arc::new(certified),
            expires: 0,
            names: vec![NAME.to_owned()],
        }
    }

    /// Every encrypted transport on a port of the kernel's choice.
    pub(crate) fn everywhere(&self) -> Tls {
        let any = vec!["127.0.0.1:0".parse().unwrap()];
        Tls {
            listen: any.clone(),
            listen_https: any.clone(),
            listen_quic: any,
            pair: self.pair(),
        }
    }
}
