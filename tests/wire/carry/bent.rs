//! Peers that do what no peer should: each costs a bounded time and place, is counted, and keeps nobody else out.
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use waypost::base::limits::{CLUSTER_BUNDLE_BYTES, CLUSTER_HAVE_BYTES};
use waypost::io::clock::Clock;
use waypost::share::{Have, LogAct};

use super::{Site, copy, until};

/// What a peer does with whoever asks it.
#[derive(Clone)]
enum Manner {
    /// It accepts, and is silent.
    Mute,
    /// It speaks something else than TLS.
    Plain,
    /// It speaks something else than HTTP/2 inside.
    Babble,
    /// It answers this.
    Answer(StatusCode, Bytes),
}

fn pair(site: &Site, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_file_iter(site.path(&format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(site.path(&format!("{name}.key"))).unwrap();
    (chain.map(Result::unwrap).collect(), key)
}

/// A peer with the second node's certificate.
fn bad_peer(runtime: &Runtime, site: &Site, manner: Manner) -> SocketAddr {
    let (chain, key) = pair(site, "osl1");
    let mut settings = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    settings.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(behave(stream, acceptor.clone(), manner.clone()));
        }
    });
    address
}

async fn behave(mut stream: tokio::net::TcpStream, acceptor: TlsAcceptor, manner: Manner) {
    let mut heard = Vec::new();
    let answer = match manner {
        Manner::Mute => return drop(stream.read_to_end(&mut heard).await),
        Manner::Plain => return drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await),
        Manner::Babble => None,
        Manner::Answer(status, body) => Some((status, body)),
    };
    // A node that does not like it goes away here.
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let Some((status, body)) = answer else {
        let _ = stream.write_all(&[b'!'; 4096]).await;
        return drop(stream.read_to_end(&mut heard).await);
    };
    let service = service_fn(move |_| {
        let response = Response::builder().status(status);
        let response = response.body(Full::new(body.clone()));
        async move { response }
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Records of a cluster that this one has nothing to do with.
fn foreign(site: &Site) -> Bytes {
    let mut rules = site.rules(1, &[]);
    rules.name = "other".to_owned();
    let other = copy(1, &rules, Clock::start());
    other.newer(&Have::default(), 0).into()
}

#[test]
fn peers_that_answer_badly_are_told_apart_and_the_good_one_is_heard() {
    let site = Site::new(3);
    let runtime = Runtime::new().unwrap();
    let (ok, too_long) = (StatusCode::OK, vec![0; CLUSTER_BUNDLE_BYTES + 1]);
    let bad = [
        Manner::Mute,
        Manner::Plain,
        Manner::Babble,
        Manner::Answer(ok, b"no records at all".as_slice().into()),
        Manner::Answer(ok, too_long.into()),
        Manner::Answer(ok, foreign(&site)),
        Manner::Answer(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    ];
    let mut rules = site.rules(0, &[2]);
    let bad = bad.map(|manner| bad_peer(&runtime, &site, manner));
    rules.peers.extend(bad.map(|address| address.to_string()));
    let (node, good) = (site.start_by(0, rules), site.start(2, &[0]));
    for (member, trouble, times) in [
        ("", "slow", 1),
        ("", "handshake", 1),
        ("osl1", "broken", 1),
        // Both the one that is no record and the one that is no answer.
        ("osl1", "garbled", 4),
        ("osl1", "oversize", 1),
        ("osl1", "forged", 1),
    ] {
        until(&format!("{trouble} of `{member}`"), || {
            node.troubles(member, trouble) >= times
        });
    }
    good.vote();
    good.order(LogAct::Drain, "ap-*");
    until("the good one", || {
        node.hears() == [2] && node.orders() == ["ap-*"]
    });
}

/// A handshake of the second node with the first.
async fn asker(site: &Site) -> TlsStream<tokio::net::TcpStream> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(site.path("osl1-ca.pem")).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let (chain, key) = pair(site, "osl1");
    let mut settings = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    settings.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(site.address(0))
        .await
        .unwrap();
    let connector = TlsConnector::from(Arc::new(settings));
    let name = ServerName::try_from("fra1").unwrap();
    connector.connect(name, stream).await.unwrap()
}

/// Asks something of the first node as the second; gives the status and the octets of the answer.
async fn ask(site: &Site, path: &str, question: Vec<u8>) -> (StatusCode, usize) {
    let stream = TokioIo::new(asker(site).await);
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut requests, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("https://cluster/{path}"));
    let request = request.body(Full::new(Bytes::from(question))).unwrap();
    let answer = requests.send_request(request).await.unwrap();
    let status = answer.status();
    (
        status,
        answer.into_body().collect().await.unwrap().to_bytes().len(),
    )
}

#[test]
fn askers_that_ask_badly_are_told_apart_and_the_good_one_is_answered() {
    let site = Site::new(3);
    let node = site.start(0, &[]);
    node.vote();
    // So many more than may shake hands that the oldest go.
    let silent: Vec<TcpStream> = (0..50)
        .map(|_| TcpStream::connect(site.address(0)).unwrap())
        .collect();
    let mut babbling = TcpStream::connect(site.address(0)).unwrap();
    babbling.write_all(&[b'!'; 4096]).unwrap();
    Runtime::new().unwrap().block_on(async {
        let have = Have::default().pack();
        let (status, octets) = ask(&site, "cluster/v1/news", have).await;
        assert!(status == StatusCode::OK && octets > 0, "{status}, {octets}");
        let too_long = vec![0; CLUSTER_HAVE_BYTES + 1];
        for (path, question, refused) in [
            ("cluster/v1/news", b"no".to_vec(), StatusCode::BAD_REQUEST),
            ("cluster/v1/news", too_long, StatusCode::PAYLOAD_TOO_LARGE),
            ("metrics", Vec::new(), StatusCode::NOT_FOUND),
        ] {
            assert_eq!(ask(&site, path, question).await, (refused, 0), "{path}");
        }
        // Of three connections of one member the oldest goes.
        let mut first = asker(&site).await;
        let (second, third) = (asker(&site).await, asker(&site).await);
        let mut end = Vec::new();
        // How it ends is the same to the peer: with or without a word.
        let _ = first.read_to_end(&mut end).await;
        drop((second, third));
    });
    for (member, trouble) in [("osl1", "garbled"), ("osl1", "oversize"), ("", "handshake")] {
        until(trouble, || node.troubles(member, trouble) > 0);
    }
    let good = site.start(2, &[0]);
    until("the good one to be answered", || good.hears() == [0]);
    drop(silent);
    fs::remove_file(site.path("fra1.key")).unwrap();
    drop(good);
    let again = site.start(2, &[0]);
    until("its own files to be missed", || {
        node.troubles("", "files") > 0
    });
    assert_eq!(again.hears(), [0; 0]);
}
