//! One connection to a NATS server: TLS 1.3 before anything is said, then who this node is.
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::carriage::NatsCarriage;
use super::subject::NatsKind;
use super::wire::{NatsInfo, NatsReader, NatsWord, greeting};
use crate::base::limits::{CLUSTER_BUNDLE_BYTES, CLUSTER_HANDSHAKE};
use crate::base::{base64_url, nkey_seed, nkey_user};
use crate::io::carry::tools::{all, duration, private_key, shown_chain, told};
use crate::io::carry::troubles::ToldTrouble;
use crate::io::metrics::PeerTrouble;
use crate::plan::{NatsLink, NatsRules, NatsServer};

/// A stream of either kind.
pub(super) trait NatsStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> NatsStream for S {}

/// A connection on which this node is let in.
pub(super) struct NatsConnection {
    pub(super) reader: NatsReader<ReadHalf<Box<dyn NatsStream>>>,
    pub(super) writer: WriteHalf<Box<dyn NatsStream>>,
}

/// Connects to a server, and waits until it lets this node in.
pub(super) async fn connect(
    carriage: &NatsCarriage,
    server: &NatsServer,
) -> Result<NatsConnection, ToldTrouble> {
    let patience = duration(CLUSTER_HANDSHAKE);
    let unreachable = |why: String| (PeerTrouble::Unreachable, why);
    let stream = TcpStream::connect((&*server.host, server.port));
    let stream = timeout(patience, stream).await;
    let stream = stream.map_err(|_| unreachable("it does not answer".to_owned()))?;
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    let delayed = stream.set_nodelay(true);
    delayed.map_err(|error| unreachable(error.to_string()))?;
    let entered = timeout(patience, enter(carriage, server, stream)).await;
    let slow = |_| {
        (
            PeerTrouble::Slow,
            "it takes too long to let this node in".to_owned(),
        )
    };
    entered.map_err(slow)?
}

async fn enter(
    carriage: &NatsCarriage,
    server: &NatsServer,
    stream: TcpStream,
) -> Result<NatsConnection, ToldTrouble> {
    let mut reader = NatsReader::new(stream);
    let NatsWord::Info(info) = reader.next().await? else {
        return Err((PeerTrouble::Garbled, "it does not speak NATS".to_owned()));
    };
    let stream: Box<dyn NatsStream> = match server.link {
        NatsLink::Encrypted if info.tls_required || info.tls_available => {
            let stream = reader.into_stream()?;
            let name = ServerName::try_from(server.host.clone());
            let name = name.map_err(|error| (PeerTrouble::Handshake, error.to_string()))?;
            let shaken = connector(carriage)?.connect(name, stream).await;
            Box::new(shaken.map_err(|error| (PeerTrouble::Handshake, error.to_string()))?)
        }
        NatsLink::Encrypted => return Err((PeerTrouble::Handshake, "it has no TLS".to_owned())),
        NatsLink::Local if info.tls_required => {
            let why = "it wants TLS: write `tls://` and a name of its certificate";
            return Err((PeerTrouble::Handshake, why.to_owned()));
        }
        NatsLink::Local => Box::new(reader.into_stream()?),
    };
    if info.max_payload < CLUSTER_BUNDLE_BYTES as u64 {
        let why = format!(
            "it takes {} octets in a message: `max_payload` must be {CLUSTER_BUNDLE_BYTES} at least",
            info.max_payload
        );
        return Err((PeerTrouble::Refusing, why));
    }
    let (reader, mut writer) = split(stream);
    let mut reader = NatsReader::new(reader);
    let rules = &carriage.rules;
    let text = greeting(
        (&rules.node, server.link == NatsLink::Encrypted),
        signed(&carriage.nats, &info)?,
        &NatsKind::heard(&rules.name, &rules.node),
    );
    let broken = |error: std::io::Error| (PeerTrouble::Broken, error.to_string());
    writer.write_all(text.as_bytes()).await.map_err(broken)?;
    writer.flush().await.map_err(broken)?;
    loop {
        match reader.next().await? {
            NatsWord::Well => return Ok(NatsConnection { reader, writer }),
            NatsWord::Refusal(why) => return Err(refused(&why)),
            NatsWord::Info(_) | NatsWord::Ping => {}
            NatsWord::Message(..) | NatsWord::Oversize(_) => {}
        }
    }
}

/// A server that would not have something.
pub(super) fn refused(why: &str) -> ToldTrouble {
    (PeerTrouble::Refusing, format!("it says {why}"))
}

/// The name of this node's NKey and its signature of the server's nonce; nothing, where its certificate says who it is.
fn signed(rules: &NatsRules, info: &NatsInfo) -> Result<Option<(String, String)>, ToldTrouble> {
    let Some(path) = &rules.nkey else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(|error| told(path, error))?;
    let seed = nkey_seed(text.trim());
    let pair = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
    let pair = pair.ok_or_else(|| told(path, "it is no seed of a user's NKey"))?;
    let public = pair.public_key().as_ref().try_into();
    let public = public.map_err(|_| told(path, "it is no seed of a user's NKey"))?;
    let nonce = info.nonce.as_deref();
    let why = "it knows no NKeys";
    let nonce = nonce.ok_or_else(|| (PeerTrouble::Refusing, why.to_owned()))?;
    let signature = base64_url(pair.sign(nonce.as_bytes()).as_ref());
    Ok(Some((nkey_user(&public), signature)))
}

/// The settings of a handshake, by the files as they are now.
fn connector(carriage: &NatsCarriage) -> Result<TlsConnector, ToldTrouble> {
    let rules = &carriage.nats;
    let mut roots = RootCertStore::empty();
    for root in all::<CertificateDer<'static>>(&rules.roots)? {
        roots.add(root).map_err(|error| told(&rules.roots, error))?;
    }
    let lists = rules.revoked.as_ref();
    let lists = lists.map(|path| all::<CertificateRevocationListDer<'static>>(path));
    let provider = Arc::new(default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .with_crls(lists.transpose()?.unwrap_or_default())
            .only_check_end_entity_revocation()
            .build()
            .map_err(|error| told(&rules.roots, error))?;
    let certificate = &rules.certificate;
    let chain = match *certificate == carriage.rules.files.certificate {
        true => shown_chain(certificate, &carriage.tools.copy)?,
        // Its end is not that by which peers judge.
        false => all(certificate)?,
    };
    let key = private_key(&rules.private_key)?;
    let made = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map(|settings| settings.with_webpki_verifier(verifier))
        .and_then(|settings| settings.with_client_auth_cert(chain, key));
    let settings = made.map_err(|error| told(&rules.certificate, error))?;
    Ok(TlsConnector::from(Arc::new(settings)))
}
