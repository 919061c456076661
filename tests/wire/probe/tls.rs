//! Monitors of type `tls`: certificates of every kind, servers that answer inside, and peers that are none.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use waypost::base::{Cause, Span};
use waypost::health::ProbeResult;
use waypost::monitor::certificate::Verify;
use waypost::monitor::dialogue::{Dialogue, DialogueStep};
use waypost::monitor::starttls::StartTls;
use waypost::monitor::tls::TlsCheck;
use waypost::plan::Check;

use super::{
    Authority, HOST, SHORT, Watched, closed_port, end_of, fail, policy, probe, self_signed,
};

fn watched(address: SocketAddr, roots: &str) -> Watched {
    let check = TlsCheck {
        starttls: None,
        host: None,
        certificate: policy(roots),
        dialogue: Dialogue::default(),
    };
    Watched {
        check: Check::Tls(check),
        host: HOST,
        ..Watched::tcp(address)
    }
}

fn with(mut watched: Watched, change: impl FnOnce(&mut TlsCheck)) -> Watched {
    let Check::Tls(check) = &mut watched.check else {
        panic!("{:?}", watched.check);
    };
    change(check);
    watched
}

/// What a server saw of one connection.
#[derive(Debug)]
struct Seen {
    sni: Option<String>,
    heard: Vec<u8>,
    /// Whether the probe took its leave as TLS has it (close_notify), and no reset came.
    clean: bool,
}

/// Takes connections of probes, one by one, until it is dropped; after each handshake it says its words and
/// reads to the end.
async fn server(config: Arc<ServerConfig>, says: &'static str) -> (SocketAddr, JoinHandle<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(config);
    let seen = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A probe that does not like the certificate goes away here.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let sni = stream.get_ref().1.server_name().map(str::to_owned);
            let mut heard = Vec::new();
            let _ = stream.write_all(says.as_bytes()).await;
            let end = stream.read_to_end(&mut heard).await;
            return Seen {
                sni,
                heard,
                clean: end.is_ok(),
            };
        }
    });
    (address, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_with_a_valid_certificate_is_enough() {
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        let config = authority.server_of(HOST, 2090, version);
        let (address, seen) = server(config, "").await;
        let report = probe(watched(address, &authority.pem())).await;
        assert_eq!(report.outcome, ProbeResult::Pass);
        assert_eq!(report.certificate_expires, end_of(2090));
        let timing = report.timing;
        assert!(timing.connect_us > 0 && timing.tls_us > 0, "{timing:?}");
        assert_eq!(timing.response_us, 0, "nothing was asked");
        let seen = seen.await.unwrap();
        assert_eq!(seen.sni.as_deref(), Some(HOST));
        assert!(seen.clean && seen.heard.is_empty(), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_judged_unless_told_not_to() {
    use rcgen::{BasicConstraints, IsCa};
    let (authority, stranger) = (Authority::new(), Authority::new());
    let own_authority = IsCa::Ca(BasicConstraints::Unconstrained);
    let cases = [
        (Cause::CertificateExpired, authority.server(HOST, 2020)),
        (
            Cause::CertificateEarly,
            authority.server_between(2080, 2090),
        ),
        (
            Cause::CertificateName,
            authority.server("www.example.org", 2091),
        ),
        (Cause::CertificateIssuer, stranger.server(HOST, 2092)),
        (
            Cause::CertificateAuthority,
            self_signed(own_authority, 2094),
        ),
    ];
    for (cause, config) in cases {
        let (address, seen) = server(config, "").await;
        let watched = watched(address, &authority.pem());
        let report = probe(watched.clone()).await;
        assert_eq!(report.outcome, fail(cause), "{cause}");
        assert!(report.certificate_expires.is_some(), "{cause}");
        let unverified = with(watched, |check| check.certificate.verify = Verify::Off);
        let report = probe(unverified).await;
        assert_eq!(report.outcome, ProbeResult::Pass, "{cause}");
        seen.await.unwrap();
    }
    let (address, _) = server(authority.server_for(5), "").await;
    let watched = with(watched(address, &authority.pem()), |check| {
        check.certificate.min_validity = Some(Span::from_secs(6 * 86_400));
    });
    let report = probe(watched).await;
    assert_eq!(report.outcome, fail(Cause::CertificateExpiring));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_protocol_is_offered_so_none_is_refused() {
    let authority = Authority::new();
    let mut config = (*authority.server(HOST, 2090)).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (address, _) = server(Arc::new(config), "").await;
    let report = probe(watched(address, &authority.pem())).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_inside_is_judged() {
    let authority = Authority::new();
    let greeting = Dialogue {
        steps: vec![DialogueStep {
            send: Some("a LOGOUT\r\n".to_owned()),
            expect: Some("* OK".to_owned()),
        }],
    };
    let cases = [
        ("* OK IMAP4rev2 ready\r\n", ProbeResult::Pass),
        ("* BYE too busy\r\n", fail(Cause::Answer)),
        ("", fail(Cause::ResponseTimeout)),
    ];
    for (says, outcome) in cases {
        let (address, seen) = server(authority.server(HOST, 2090), says).await;
        let watched = with(watched(address, &authority.pem()), |check| {
            check.dialogue = greeting.clone();
        });
        let report = probe(watched.within(Span(2000))).await;
        assert_eq!(report.outcome, outcome, "{says}");
        assert!(report.timing.response_us > 0, "{says}");
        let seen = seen.await.unwrap();
        assert_eq!(seen.heard, b"a LOGOUT\r\n");
        assert_eq!(seen.clean, outcome == ProbeResult::Pass, "{says}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_are_no_tls_server_are_told_apart() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let peer = tokio::spawn(async move {
        let (mut plain, _) = listener.accept().await.unwrap();
        plain.write_all(b"220 mail.example.org\r\n").await.unwrap();
        let (silent, _) = listener.accept().await.unwrap();
        let (closing, _) = listener.accept().await.unwrap();
        drop(closing);
        let (resetting, _) = listener.accept().await.unwrap();
        reset(resetting);
        (plain, silent)
    });
    let watched = watched(address, &authority.pem());
    let report = probe(watched.clone()).await;
    assert_eq!(report.outcome, fail(Cause::Protocol));
    let report = probe(watched.clone().within(SHORT)).await;
    assert_eq!(report.outcome, fail(Cause::TlsTimeout));
    assert_eq!(report.certificate_expires, None);
    for _ in ["closed", "reset"] {
        assert_eq!(probe(watched.clone()).await.outcome, fail(Cause::Reset));
    }
    peer.await.unwrap();
    let nobody = Watched {
        address: closed_port(),
        ..watched
    };
    assert_eq!(probe(nobody).await.outcome, fail(Cause::Refused));
}

fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Answers each connection with these octets and closes it without TLS's farewell, as home-made servers do.
async fn rude_server(config: Arc<ServerConfig>, says: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            stream.write_all(says.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let (mut stream, _) = stream.into_inner();
            stream.shutdown().await.unwrap();
            let _ = stream.read(&mut request).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_ends_with_its_connection_farewell_or_not() {
    let authority = Authority::new();
    for (says, text, outcome) in [
        ("HTTP/1.0 200 OK\r\n\r\nall fine", None, ProbeResult::Pass),
        (
            "HTTP/1.0 200 OK\r\n\r\nall fine",
            Some("all fine"),
            ProbeResult::Pass,
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\nall",
            Some("all fine"),
            fail(Cause::Body),
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            Some("all fine"),
            fail(Cause::Body),
        ),
        // One that has a length and is shorter was cut.
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nall",
            Some("all fine"),
            fail(Cause::Reset),
        ),
        ("HTTP/1.1 200", None, fail(Cause::Reset)),
    ] {
        let address = rude_server(authority.server(HOST, 2090), says).await;
        let watched = Watched::https(address, &authority.pem());
        let watched = watched.with(|check| check.expect_body = text.map(str::to_owned));
        assert_eq!(probe(watched).await.outcome, outcome, "{says:?} {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_behind_starttls_is_judged_as_any_other() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(authority.server(HOST, 2090));
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"* OK ready\r\n").await.unwrap();
            let mut line = [0; 13];
            stream.read_exact(&mut line).await.unwrap();
            heard.push(line);
            stream
                .write_all(b"* more\r\na1 OK begin\r\n")
                .await
                .unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
        heard
    });
    let imap = with(watched(address, &authority.pem()), |check| {
        check.starttls = Some(StartTls::Imap);
    });
    let report = probe(imap.clone()).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    assert_eq!(report.certificate_expires, end_of(2090));
    assert!(report.timing.tls_us > 0 && report.timing.response_us > 0);
    let stranger = Authority::new();
    let distrusting = with(imap, |check| check.certificate = policy(&stranger.pem()));
    assert_eq!(
        probe(distrusting).await.outcome,
        fail(Cause::CertificateIssuer)
    );
    assert_eq!(heard.await.unwrap(), [*b"a1 STARTTLS\r\n"; 2]);
}
