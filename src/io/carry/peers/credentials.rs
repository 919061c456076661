//! Credentials: what this node shows, by whom it has others vouched for, and whose certificate another one shows.
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::io::carry::SharedCopy;
use crate::io::carry::tools::{all, private_key, shown_chain, told};
use crate::io::carry::troubles::ToldTrouble;
use crate::io::metrics::PeerTrouble;
use crate::plan::ClusterFiles;
use crate::share::MemberAdmission;

/// The protocol that is spoken inside (ALPN, RFC 7301).
const PROTOCOL: &[u8] = b"h2";

/// Things that handshakes need, as the files have it now.
pub(super) struct PeerCredentials {
    verifier: Arc<dyn ClientCertVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The one rule for both ends: a peer that answers is vouched for as one that asks.
#[derive(Debug)]
struct EitherEnd(Arc<dyn ClientCertVerifier>);

impl PeerCredentials {
    /// Reads the files, and notes when the certificate expires.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub(super) fn read(files: &ClusterFiles, copy: &SharedCopy) -> Result<Self, ToldTrouble> {
        let mut roots = RootCertStore::empty();
        for root in all::<CertificateDer<'static>>(&files.roots)? {
            roots.add(root).map_err(|error| told(&files.roots, error))?;
        }
        let lists = files.revoked.as_ref();
        let lists = lists.map(|path| all::<CertificateRevocationListDer<'static>>(path));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls(lists.transpose()?.unwrap_or_default())
            .only_check_end_entity_revocation()
            .build()
            .map_err(|error| told(&files.roots, error))?;
        Ok(Self {
            verifier,
            chain: shown_chain(&files.certificate, copy)?,
            key: private_key(&files.private_key)?,
        })
    }

    /// The settings of a handshake that another node begins.
    ///
    /// # Errors
    /// When certificate and key do not belong together.
    pub(super) fn acceptor(self, files: &ClusterFiles) -> Result<TlsAcceptor, ToldTrouble> {
        let made = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map(|settings| settings.with_client_cert_verifier(self.verifier))
            .and_then(|settings| settings.with_single_cert(self.chain, self.key));
        let mut settings = made.map_err(|error| told(&files.certificate, error))?;
        settings.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(settings)))
    }

    /// The settings of a handshake that this node begins.
    ///
    /// # Errors
    /// When certificate and key do not belong together.
    pub(super) fn connector(self, files: &ClusterFiles) -> Result<TlsConnector, ToldTrouble> {
        let verifier = Arc::new(EitherEnd(self.verifier));
        let made = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map(|settings| settings.dangerous())
            .map(|settings| settings.with_custom_certificate_verifier(verifier))
            .and_then(|settings| settings.with_client_auth_cert(self.chain, self.key));
        let mut settings = made.map_err(|error| told(&files.certificate, error))?;
        settings.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(TlsConnector::from(Arc::new(settings)))
    }
}

/// The member of the roster whose certificate was shown.
///
/// # Errors
/// When it bears the name of no member, or that of a revoked one.
pub(super) fn member(
    chain: Option<&[CertificateDer<'_>]>,
    copy: &SharedCopy,
) -> Result<String, ToldTrouble> {
    let shown = chain.and_then(|chain| chain.first());
    let shown = shown.and_then(|own| ParsedCertificate::try_from(own).ok());
    let bears = |name: &str| {
        let name = ServerName::try_from(name);
        let (Some(shown), Ok(name)) = (&shown, name) else {
            return false;
        };
        verify_server_name(shown, &name).is_ok()
    };
    copy.look(|cluster, _, _| {
        let members = cluster.roster().members();
        let mut found = None;
        for (author, member) in members.filter(|(_, member)| bears(&member.name)) {
            if member.admission == MemberAdmission::Revoked || cluster.void().contains(&author) {
                let why = format!(
                    "its certificate is that of `{}`, which is revoked",
                    member.name
                );
                return Err((PeerTrouble::Revoked, why));
            }
            found.get_or_insert_with(|| member.name.clone());
        }
        let why = "its certificate bears the name of no node of the roster as a DNS name";
        found.ok_or_else(|| (PeerTrouble::Stranger, why.to_owned()))
    })
}

impl ServerCertVerifier for EitherEnd {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_client_cert(shown, chain, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
