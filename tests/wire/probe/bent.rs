//! What servers of every protocol say, bent: a probe of each comes to an end, with a report that blames the server, and
//! learns no password to anyone.
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use waypost::base::{Cause, Draws, Span};
use waypost::dns::Name;
use waypost::health::ProbeResult;
use waypost::monitor::certificate::CertificatePolicy;
use waypost::monitor::dialogue::Dialogue;
use waypost::monitor::dns::{DnsCheck, DnsTransport, Recursion};
use waypost::monitor::encryption::Encryption;
use waypost::monitor::grpc::GrpcCheck;
use waypost::monitor::http::{HttpCheck, HttpVersion};
use waypost::monitor::ldap::LdapCheck;
use waypost::monitor::login::Login;
use waypost::monitor::mysql::MysqlCheck;
use waypost::monitor::redis::{RedisCheck, RedisRole};
use waypost::monitor::smtp::SmtpCheck;
use waypost::monitor::starttls::StartTls;
use waypost::monitor::tls::TlsCheck;
use waypost::plan::{Check, Secret};

use super::{HOST, Watched, fail, probe};
use crate::bend::{Bender, rounds};

const CONVERSATIONS: u64 = 200;

/// A monitor, and all that a server says in a conversation that goes well.
struct Told {
    check: Check,
    says: Vec<u8>,
    /// Whether the probe passes by that; a handshake cannot be told beforehand.
    passes: bool,
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
    [&head[..], content].concat()
}

/// Settings, their acknowledgement, and a head with status 200.
fn beginning_of_two() -> Vec<u8> {
    [
        frame(4, 0, 0, &[]),
        frame(4, 1, 0, &[]),
        frame(1, 4, 1, &[0x88]),
    ]
    .concat()
}

/// A packet of MySQL.
fn packet(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[length, 0, 0, number][..], content].concat()
}

fn greeting() -> Vec<u8> {
    [
        &b"\x0a5.5.5-10.11.6-MariaDB\0"[..],
        &[7, 0, 0, 0],
        b"abcdefgh\0",
        &[0xFE, 0xFF, 45, 2, 0, 0xFF, 0x81, 21],
        &[0; 10],
        b"ijklmnopqrst\0",
        b"mysql_native_password\0",
    ]
    .concat()
}

/// A message of LDAP.
fn message(id: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let operation = [&[2, 1, id, kind, length][..], content].concat();
    let length = u8::try_from(operation.len()).unwrap();
    [&[0x30, length][..], &operation].concat()
}

/// The result of an operation of LDAP that went well.
const WELL: [u8; 7] = [10, 1, 0, 4, 0, 4, 0];

fn told(check: Check, says: Vec<u8>, passes: bool) -> Told {
    Told {
        check,
        says,
        passes,
    }
}

fn conversations() -> Vec<Told> {
    let mut all = databases();
    all.extend(over_two());
    all.extend(others());
    all
}

/// A password, in clear.
fn login() -> Login {
    Login {
        password: Some(Secret("right".to_owned())),
        ..Login::default()
    }
}

/// Redis, MySQL and LDAP.
fn databases() -> Vec<Told> {
    let redis = RedisCheck {
        user: None,
        role: Some(RedisRole::Replica),
        max_lag: Some(Span(9000)),
        login: login(),
    };
    let role = "role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:4\r\n";
    let length = role.len();
    let replica = format!("+OK\r\n+PONG\r\n${length}\r\n{role}\r\n+OK\r\n");
    let mysql = MysqlCheck {
        user: "waypost".to_owned(),
        database: None,
        login: login(),
    };
    let ldap = LdapCheck {
        bind_dn: None,
        base: Some(String::new()),
        login: Login::default(),
    };
    let entry = [
        message(2, 0x61, &WELL),
        message(3, 0x64, &[4, 0, 0x30, 0]),
        message(3, 0x65, &WELL),
    ];
    vec![
        told(Check::Redis(redis), replica.into_bytes(), true),
        // What comes before it is asked for is no session that goes well.
        told(Check::Mysql(mysql.clone()), greeting_then(&[]), false),
        told(Check::Mysql(mysql), packet(0, &greeting()), false),
        told(Check::Ldap(ldap), entry.concat(), true),
    ]
}

/// gRPC, and HTTP/2 itself.
fn over_two() -> Vec<Told> {
    let of_two = |check: &mut HttpCheck| {
        check.version = HttpVersion::Two;
        check.expect_body = Some("fine".to_owned());
    };
    let grpc = GrpcCheck {
        service: String::new(),
        encryption: Encryption::default(),
    };
    let serving = [
        beginning_of_two(),
        frame(0, 0, 1, &[0, 0, 0, 0, 2, 8, 1]),
        frame(1, 5, 1, b"\x00\x0bgrpc-status\x010"),
    ];
    let fine = [beginning_of_two(), frame(0, 1, 1, b"all fine")];
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let http = Watched::http(nowhere).with(of_two).check;
    vec![
        told(Check::Grpc(grpc), serving.concat(), true),
        told(http, fine.concat(), true),
    ]
}

/// Mail, DNS over TCP, and protocols that go on by TLS.
fn others() -> Vec<Told> {
    let starttls = |protocol| {
        Check::Tls(TlsCheck {
            host: None,
            certificate: CertificatePolicy::default(),
            starttls: Some(protocol),
            dialogue: Dialogue::default(),
        })
    };
    let smtp = SmtpCheck {
        hello: None,
        encryption: Encryption::default(),
    };
    let mail = b"220-mail.example.org\r\n220 ready\r\n250-mail\r\n250 STARTTLS\r\n221 bye\r\n";
    let dns = DnsCheck {
        name: Name::parse("www.example.org").unwrap(),
        rtype: 1,
        expect_answers: Vec::new(),
        expect_rcode: vec![0],
        recursion: Recursion::Refused,
        transport: DnsTransport::Tcp,
        encryption: Encryption::default(),
    };
    let reply = b"\0\x0c\x12\x34\x80\0\0\0\0\0\0\0\0\0";
    vec![
        told(Check::Smtp(smtp), mail.to_vec(), true),
        told(Check::Dns(dns), reply.to_vec(), false),
        told(
            starttls(StartTls::Imap),
            b"* OK\r\na1 OK\r\n".to_vec(),
            false,
        ),
        told(starttls(StartTls::Ldap), message(1, 0x78, &WELL), false),
        told(starttls(StartTls::Postgres), b"S".to_vec(), false),
    ]
}

/// A session of MySQL in one piece.
fn greeting_then(more: &[u8]) -> Vec<u8> {
    let done = packet(2, &[0, 0, 0, 2, 0, 0, 0]);
    [&packet(0, &greeting())[..], &done, &done, more].concat()
}

/// The head of an empty SETTINGS frame (RFC 9113, section 6.5), as a server begins HTTP/2.
const HTTP2_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Whether a HEADERS frame has come, behind the preface (RFC 9113, sections 3.4 and 6.2).
fn has_request(heard: &[u8]) -> bool {
    let mut frames = heard.get(24..).unwrap_or_default();
    while let [a, b, c, kind, ..] = *frames {
        if kind == 1 {
            return true;
        }
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        frames = frames.get(9 + length..).unwrap_or_default();
    }
    false
}

/// Says all of it at once and nothing more; gives its address, and what it heard.
async fn server(says: Vec<u8>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        if says.starts_with(HTTP2_SETTINGS) {
            // Its response is to a request: that must have come first, however many segments it takes.
            while !has_request(&heard) && stream.read_buf(&mut heard).await.unwrap_or(0) > 0 {}
        }
        // The probe may be gone before all is said.
        let _ = stream.write_all(&says).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    (address, heard)
}

async fn outcome(check: &Check, says: Vec<u8>) -> (ProbeResult, Vec<u8>) {
    let (address, heard) = server(says).await;
    let watched = Watched {
        check: check.clone(),
        host: HOST,
        ..Watched::tcp(address)
    };
    let outcome = probe(watched).await.outcome;
    (outcome, heard.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_say_is_understood() {
    for told in conversations() {
        let (outcome, _) = outcome(&told.check, told.says.clone()).await;
        let shown = format!("{:?} {}", told.check, told.says.escape_ascii());
        assert_eq!(
            outcome == ProbeResult::Pass,
            told.passes,
            "{outcome:?} {shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_words_end_a_probe_and_blame_the_server() {
    for told in conversations() {
        let seeds = [told.says];
        let mut bender = Bender {
            seeds: &seeds,
            words: &["\r\n", "$99999999999\r\n", "250-", "\u{7f}\u{7f}\u{7f}"],
            draws: Draws::from_seed(0x0150),
        };
        for _ in 0..rounds(CONVERSATIONS) {
            let says = bender.bent();
            let shown = says.escape_ascii().to_string();
            let (outcome, heard) = outcome(&told.check, says).await;
            assert_ne!(outcome, fail(Cause::Local), "{:?} {shown}", told.check);
            let is_told = heard.windows(5).any(|word| word == b"right");
            assert!(!is_told || matches!(told.check, Check::Redis(_)), "{shown}");
        }
    }
}
