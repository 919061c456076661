//! The way to be a plugin: a line on standard output says where, and gRPC is spoken there over TLS.
//!
//! Whoever started the plugin alone may speak with it: the certificate that it shows is to be the one that came in the environment, and
//! the socket lies in a folder of this user. The provider holds a token for changes, so that no other user of the machine may get at it.
//! Only unary calls are served; the broker and the streams of output, which the protocol has besides, are answered `UNIMPLEMENTED`, as
//! it allows.
use std::convert::Infallible;
use std::fs::{self, DirBuilder};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};

use crate::provider::Provider;

/// The variable by which Terraform and OpenTofu say that they are who starts this program.
const COOKIE: &str = "TF_PLUGIN_MAGIC_COOKIE";
/// The variable with the certificate that the other end will show, in PEM.
const CERTIFICATE: &str = "PLUGIN_CLIENT_CERT";
/// Time that a call in flight has to end once it was said that no more will come.
const FAREWELL: Duration = Duration::from_secs(1);
/// gRPC's status for a method that there is not.
const UNIMPLEMENTED: &str = "12";

/// Accepts one certificate, and no other.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

/// Tells a start by Terraform or OpenTofu.
pub(crate) fn is_plugin() -> bool {
    std::env::var_os(COOKIE).is_some()
}

/// Serves until the other end says that it is done.
pub(crate) async fn serve(provider: Arc<Provider>) -> Result<(), String> {
    let (acceptor, certificate) = tls()?;
    let folder = Folder::new()?;
    let path = folder.0.join("plugin.sock");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let listener = UnixListener::bind(&path).map_err(failed)?;
    let line = format!("1|6|unix|{}|grpc|{certificate}\n", path.display());
    let mut out = std::io::stdout();
    let said = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    said.map_err(|error| format!("standard output: {error}"))?;
    let over = Arc::new(Notify::new());
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.map_err(failed)?.0,
            () = over.notified() => break,
        };
        let (acceptor, provider, over) = (acceptor.clone(), provider.clone(), over.clone());
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service =
                service_fn(move |request| answer(request, provider.clone(), over.clone()));
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A connection that breaks ends its calls; there is nobody left to tell.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
    let _ = timeout(FAREWELL, connections.join_all()).await;
    Ok(())
}

/// TLS for one client alone, and the certificate to tell it, in base64.
fn tls() -> Result<(TlsAcceptor, String), String> {
    let theirs = std::env::var(CERTIFICATE).unwrap_or_default();
    let certificate = CertificateDer::from_pem_slice(theirs.as_bytes())
        .map_err(|error| format!("{CERTIFICATE}: {error}; it takes Terraform or OpenTofu 1.x"))?;
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let own = own.map_err(|error| format!("no certificate: {error}"))?;
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der())?;
    let der = own.cert.der().clone();
    let told = STANDARD_NO_PAD.encode(&der);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Pinned {
        certificate,
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_client_cert_verifier(Arc::new(pinned)))
        .and_then(|builder| builder.with_single_cert(vec![der], key));
    let mut config = config.map_err(|error| format!("TLS: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), told))
}

/// Answers one call.
async fn answer(
    request: Request<Incoming>,
    provider: Arc<Provider>,
    over: Arc<Notify>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let path = request.uri().path().to_owned();
    let message = match request.into_body().collect().await {
        Ok(body) => message_of(&body.to_bytes()),
        Err(_) => None,
    };
    let reply = match (path.as_str(), message) {
        (_, None) => None,
        ("/plugin.GRPCController/Shutdown", Some(_)) => {
            over.notify_one();
            Some(Vec::new())
        }
        (path, Some(message)) => match path.strip_prefix("/tfplugin6.Provider/") {
            Some(method) => provider.call(method, &message).await,
            None => None,
        },
    };
    let mut trailers = HeaderMap::new();
    let status = reply.as_ref().map_or(UNIMPLEMENTED, |_| "0");
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let body = reply.map_or_else(Bytes::new, |message| framed(&message));
    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

/// The one message of a call, which is not to be compressed.
fn message_of(body: &Bytes) -> Option<Bytes> {
    let (head, message) = body.split_first_chunk::<5>()?;
    let [compressed, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let is_whole = *compressed == 0 && message.len() == length;
    is_whole.then(|| body.slice(head.len()..))
}

/// A message with its head: whether it is compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let head = [&[0][..], &length.to_be_bytes()].concat();
    [&head, message].concat().into()
}

impl Folder {
    /// A new one that no other user may enter.
    fn new() -> Result<Self, String> {
        let random = rcgen::KeyPair::generate().map_err(|error| error.to_string())?;
        let random = random.public_key_raw().iter().rev().take(6);
        let name: String = random.map(|octet| format!("{octet:02x}")).collect();
        let path = std::env::temp_dir().join(format!("waypost-{name}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match end_entity.as_ref() == self.certificate.as_ref() {
            true => Ok(ClientCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_framed_and_found_again() {
        assert_eq!(message_of(&framed(b"abc")).as_deref(), Some(&b"abc"[..]));
        for broken in [&b"\x01\0\0\0\x01a"[..], b"\0\0\0\0\x02a", b"\0\0"] {
            assert_eq!(message_of(&Bytes::copy_from_slice(broken)), None);
        }
    }
}
