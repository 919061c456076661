//! What a probe leaves to the next one: connections that servers keep, close or spoil, and TLS sessions.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};
use waypost::base::{Cause, Span};
use waypost::health::{ProbeResult, Report};
use waypost::io::probe::{Bounds, Finished, Prober};
use waypost::monitor::dialogue::Dialogue;
use waypost::monitor::http::ProbeConnection;
use waypost::monitor::tls::TlsCheck;
use waypost::plan::Check;

use super::{
    Authority, DUE, EPOCH, HOST, SHORT, Watched, end_of, fail, id, plan, policy, prober,
    server_with,
};

const HOUR: Span = Span(3_600_000);
const LATE: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

/// What a server does about a request.
#[derive(Clone, Debug)]
enum Answer {
    /// Sends this text and waits for the next request.
    Keep(String),
    /// Sends this text and closes.
    Last(String),
    /// Sends the first text, and the second once the probe has ended.
    Later(String, String),
    /// Says nothing and waits.
    Silent,
}

/// Tells what to do about a request, by the number of its connection and its own on that, from 0.
type Script = Box<dyn Fn(usize, usize) -> Answer + Send>;

/// What came over one connection.
#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    handshake: Option<HandshakeKind>,
}

/// A server that takes one connection after the other.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(usize, usize) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let tls = Arc::new(Mutex::new(tls));
        let task = tokio::spawn(accept(listener, tls.clone(), seen.clone(), script.clone()));
        Self {
            address,
            seen,
            script,
            tls,
            task,
        }
    }

    fn set(&self, script: impl Fn(usize, usize) -> Answer + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// The number of requests over each connection.
    fn requests(&self) -> Vec<usize> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|one| one.requests.len()).collect()
    }

    /// The kind of each handshake that came to an end: whole or not.
    fn whole_handshakes(&self) -> Vec<bool> {
        let seen = self.seen.lock().unwrap();
        let kinds = seen.iter().filter_map(|one| one.handshake);
        kinds.map(|kind| kind != HandshakeKind::Resumed).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(Seen::default());
            seen.len() - 1
        };
        let (seen, script, tls) = (seen.clone(), script.clone(), tls.lock().unwrap().clone());
        tokio::spawn(async move {
            let Some(tls) = tls else {
                return serve(stream, number, &seen, &script).await;
            };
            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                seen.lock().unwrap()[number].handshake = stream.get_ref().1.handshake_kind();
                serve(stream, number, &seen, &script).await;
            }
        });
    }
}

async fn serve<S>(mut stream: S, number: usize, seen: &Mutex<Vec<Seen>>, script: &Mutex<Script>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::new();
    while let Ok(octet) = stream.read_u8().await {
        request.push(octet);
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut request)).unwrap();
        let which = {
            let mut seen = seen.lock().unwrap();
            seen[number].requests.push(text);
            seen[number].requests.len() - 1
        };
        let answer = script.lock().unwrap()(number, which);
        let (first, second, goes_on) = match answer {
            Answer::Keep(text) => (text, None, true),
            Answer::Last(text) => (text, None, false),
            Answer::Later(first, second) => (first, Some(second), true),
            Answer::Silent => continue,
        };
        // A probe that does not want the rest is gone.
        let _ = stream.write_all(first.as_bytes()).await;
        let _ = stream.flush().await;
        if let Some(second) = second {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let _ = stream.write_all(second.as_bytes()).await;
            let _ = stream.flush().await;
        }
        if !goes_on {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

fn fine() -> Answer {
    Answer::Keep(FINE.to_owned())
}

fn kept(watched: Watched) -> Watched {
    watched.with(|check| check.connection = ProbeConnection::Kept)
}

/// Probes of one address, one after the other.
struct Course {
    prober: Prober,
    reports: UnboundedReceiver<Finished>,
    epoch: u32,
}

impl Course {
    fn of(watched: &Watched) -> Self {
        let (prober, reports) = prober(std::slice::from_ref(watched), Bounds::default());
        Self {
            prober,
            reports,
            epoch: EPOCH,
        }
    }

    /// Probes once; what the probe leaves has been put away when this returns.
    async fn probe(&mut self) -> Report {
        let mut probe = id(0);
        probe.epoch = self.epoch;
        self.prober.start(probe, DUE);
        let patience = Duration::from_mins(1);
        let finished = tokio::time::timeout(patience, self.reports.recv()).await;
        let ended = async {
            while self.prober.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = tokio::time::timeout(patience, ended).await;
        assert!(ended.is_ok(), "a probe that never ends");
        finished.unwrap().unwrap().report
    }

    async fn probe_times(&mut self, times: usize) -> Vec<ProbeResult> {
        let mut outcomes = Vec::new();
        for _ in 0..times {
            outcomes.push(self.probe().await.outcome);
        }
        outcomes
    }

    /// Goes on under a new plan that says the same.
    fn reload(&mut self, watched: &Watched) {
        self.epoch += 1;
        let unready = self
            .prober
            .use_plan(self.epoch, plan(std::slice::from_ref(watched)));
        assert_eq!(unready, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_all_probes_of_a_plan() {
    let server = Server::start(None, |_, _| fine()).await;
    let watched = kept(Watched::http(server.address));
    let mut course = Course::of(&watched);
    let first = course.probe().await;
    assert!(first.outcome == ProbeResult::Pass && first.timing.connect_us > 0);
    for _ in 0..4 {
        let report = course.probe().await;
        assert_eq!(report.outcome, ProbeResult::Pass);
        assert_eq!(report.timing.connect_us, 0, "nothing was dialled");
        assert!(report.timing.response_us > 0);
    }
    assert_eq!(server.requests(), [5]);
    assert!(!server.seen.lock().unwrap()[0].requests[4].contains("connection:"));
    course.reload(&watched);
    assert_eq!(course.probe_times(2).await, [ProbeResult::Pass; 2]);
    assert_eq!(
        server.requests(),
        [5, 2],
        "another plan, another connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_any_framing_is_read_to_its_end() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n";
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\nfine{}",
        "x".repeat(59_996)
    );
    let (begun, rest) = long.split_at(200);
    for answer in [
        Answer::Keep(chunked.to_owned()),
        Answer::Keep(long.clone()),
        Answer::Later(begun.to_owned(), rest.to_owned()),
        Answer::Keep("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
    ] {
        let shown = format!("{answer:.60?}");
        let server = Server::start(None, move |_, _| answer.clone()).await;
        let mut course = Course::of(&kept(Watched::http(server.address)));
        assert_eq!(
            course.probe_times(3).await,
            [ProbeResult::Pass; 3],
            "{shown}"
        );
        assert_eq!(server.requests(), [3], "{shown}");
    }
}

/// The answer to a request, by the number of its connection and of the request on it.
type AnswerOf = fn(usize, usize) -> Answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_closed_is_dialled_again_within_the_probe() {
    let scripts: [(&str, AnswerOf); 4] = [
        ("closes after its second answer", |_, which| match which {
            1 => Answer::Last(FINE.to_owned()),
            _ => fine(),
        }),
        ("closes when it is asked again", |_, which| match which {
            2 => Answer::Last(String::new()),
            _ => fine(),
        }),
        ("waited too long", |_, which| match which {
            2 => Answer::Last(LATE.to_owned()),
            _ => fine(),
        }),
        ("says that it waited too long", |_, which| match which {
            1 => Answer::Later(FINE.to_owned(), LATE.to_owned()),
            _ => fine(),
        }),
    ];
    for (name, script) in scripts {
        let server = Server::start(None, script).await;
        let mut course = Course::of(&kept(Watched::http(server.address)));
        for _ in 0..6 {
            assert_eq!(course.probe().await.outcome, ProbeResult::Pass, "{name}");
            // Time for what the server says afterwards.
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        assert!(
            server.requests().len() >= 3,
            "{name}: {:?}",
            server.requests()
        );
        let answered: usize = server.requests().iter().map(|one| one.min(&2)).sum();
        assert_eq!(answered, 6, "{name}: {:?}", server.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_over_a_kept_connection_counts_and_the_next_probe_dials() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-le";
    for (answer, cause) in [
        (
            Answer::Keep("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
            Cause::Status(500),
        ),
        (Answer::Last(cut.to_owned()), Cause::Reset),
        (
            Answer::Keep("HTTP/1.1 200 OK\r\nx\r\n\r\n".to_owned()),
            Cause::Protocol,
        ),
        (Answer::Silent, Cause::ResponseTimeout),
    ] {
        let server = Server::start(None, |_, _| fine()).await;
        let watched = kept(Watched::http(server.address)).within(SHORT);
        let mut course = Course::of(&watched);
        assert_eq!(course.probe_times(2).await, [ProbeResult::Pass; 2]);
        server.set(move |_, _| answer.clone());
        assert_eq!(course.probe().await.outcome, fail(cause));
        assert_eq!(server.requests(), [3], "{cause}: it is not asked twice");
        server.set(|_, _| fine());
        assert_eq!(course.probe_times(2).await, [ProbeResult::Pass; 2]);
        assert_eq!(server.requests(), [3, 2], "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_died_is_seen_over_a_kept_connection() {
    let server = Server::start(None, |_, which| match which {
        1 => Answer::Last(String::new()),
        _ => fine(),
    })
    .await;
    let mut course = Course::of(&kept(Watched::http(server.address)));
    assert_eq!(course.probe().await.outcome, ProbeResult::Pass);
    server.task.abort();
    let dead = async {
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), dead)
        .await
        .unwrap();
    assert_eq!(course.probe().await.outcome, fail(Cause::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_a_connection_in_doubt_is_not_kept() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n{}",
        "x".repeat(70_000)
    );
    let two = format!("{FINE}HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    let both =
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    for answer in [
        Answer::Keep(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n".to_owned(),
        ),
        Answer::Keep("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()),
        Answer::Keep("HTTP/1.1 200 OK\r\n\r\n".to_owned()),
        Answer::Keep(both.to_owned()),
        Answer::Keep(long),
        Answer::Keep(two),
        Answer::Later(FINE.to_owned(), "HTTP/1.1 500 No\r\n".to_owned()),
    ] {
        let shown = format!("{answer:.100?}");
        let server = Server::start(None, move |_, _| answer.clone()).await;
        let mut course = Course::of(&kept(Watched::http(server.address)));
        for _ in 0..3 {
            assert_eq!(course.probe().await.outcome, ProbeResult::Pass, "{shown}");
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        assert_eq!(server.requests(), [1, 1, 1], "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reuse_each_probe_has_a_connection_of_its_own() {
    let server = Server::start(None, |_, _| fine()).await;
    let mut course = Course::of(&Watched::http(server.address));
    assert_eq!(course.probe_times(3).await, [ProbeResult::Pass; 3]);
    assert_eq!(server.requests(), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed_until_the_certificate_is_to_be_verified() {
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        for (verify_every, whole) in [(HOUR, [true, false, false]), (Span::ZERO, [true; 3])] {
            let config = authority.server_of(HOST, 2090, version);
            let server = Server::start(Some(config), |_, _| fine()).await;
            let watched = Watched::https(server.address, &authority.pem())
                .trusting(|policy| policy.verify_every = verify_every);
            let mut course = Course::of(&watched);
            for _ in 0..3 {
                let report = course.probe().await;
                assert_eq!(report.outcome, ProbeResult::Pass);
                assert_eq!(report.certificate_expires, end_of(2090));
            }
            assert_eq!(
                server.whole_handshakes(),
                whole,
                "{version:?} {verify_every}"
            );
            course.reload(&watched);
            course.probe().await;
            assert!(server.whole_handshakes()[3], "another plan resumes nothing");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_of_type_tls_resumes_as_well() {
    let authority = Authority::new();
    let config = authority.server(HOST, 2090);
    let server = Server::start(Some(config), |_, _| fine()).await;
    let mut certificate = policy(&authority.pem());
    certificate.verify_every = HOUR;
    let check = TlsCheck {
        starttls: None,
        host: None,
        certificate,
        dialogue: Dialogue::default(),
    };
    let mut course = Course::of(&Watched {
        check: Check::Tls(check),
        host: HOST,
        ..Watched::tcp(server.address)
    });
    for _ in 0..3 {
        let report = course.probe().await;
        assert_eq!(report.outcome, ProbeResult::Pass);
        assert_eq!(report.certificate_expires, end_of(2090));
    }
    assert_eq!(server.whole_handshakes(), [true, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_replaced_is_seen_with_the_next_whole_handshake() {
    let authority = Authority::new();
    let sound = authority.server(HOST, 2090);
    let mut replaced = (*authority.server("www.example.org", 2091)).clone();
    replaced.session_storage = sound.session_storage.clone();
    let server = Server::start(Some(sound), |_, _| fine()).await;
    let watched = Watched::https(server.address, &authority.pem())
        .trusting(|policy| policy.verify_every = HOUR);
    let mut course = Course::of(&watched);
    assert_eq!(course.probe_times(2).await, [ProbeResult::Pass; 2]);
    *server.tls.lock().unwrap() = Some(Arc::new(replaced));
    assert_eq!(
        course.probe().await.outcome,
        ProbeResult::Pass,
        "it is resumed"
    );
    // A failure of any kind has the certificate verified.
    server.set(|_, _| Answer::Last("HTTP/1.1 500 No\r\n\r\n".to_owned()));
    assert_eq!(course.probe().await.outcome, fail(Cause::Status(500)));
    server.set(|_, _| fine());
    let report = course.probe().await;
    assert_eq!(report.outcome, fail(Cause::CertificateName));
    assert_eq!(report.certificate_expires, end_of(2091));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_verified_again_in_time_over_a_kept_connection_too() {
    let authority = Authority::new();
    for connection in [ProbeConnection::New, ProbeConnection::Kept] {
        let sound = authority.server(HOST, 2090);
        let mut replaced = (*authority.server("www.example.org", 2091)).clone();
        replaced.session_storage = sound.session_storage.clone();
        let server = Server::start(Some(sound), |_, _| fine()).await;
        let watched = Watched::https(server.address, &authority.pem())
            .trusting(|policy| policy.verify_every = Span(1000))
            .with(|check| check.connection = connection);
        let mut course = Course::of(&watched);
        assert_eq!(course.probe_times(2).await, [ProbeResult::Pass; 2]);
        *server.tls.lock().unwrap() = Some(Arc::new(replaced));
        let seen = async {
            loop {
                match course.probe().await.outcome {
                    ProbeResult::Pass => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => return other,
                }
            }
        };
        let seen = tokio::time::timeout(Duration::from_mins(1), seen).await;
        assert_eq!(
            seen.unwrap(),
            fail(Cause::CertificateName),
            "{connection:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_runs_out_is_seen_over_a_resumed_session() {
    let authority = Authority::new();
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let end = now.unwrap() + Duration::from_secs(4);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(1970, 1, 1) + end;
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    let config = server_with(&certificate, &key, &TLS13);
    let server = Server::start(Some(config), |_, _| fine()).await;
    let watched = Watched::https(server.address, &authority.pem())
        .trusting(|policy| policy.verify_every = HOUR);
    let mut course = Course::of(&watched);
    let seen = async {
        loop {
            match course.probe().await.outcome {
                ProbeResult::Pass => tokio::time::sleep(Duration::from_millis(100)).await,
                other => return other,
            }
        }
    };
    let seen = tokio::time::timeout(Duration::from_mins(1), seen).await;
    assert_eq!(seen.unwrap(), fail(Cause::CertificateExpired));
    let handshakes = server.whole_handshakes();
    assert!(handshakes[0] && handshakes.len() > 1, "{handshakes:?}");
    assert!(
        !handshakes[handshakes.len() - 1],
        "the last one showed no certificate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_tells_the_expiry_of_its_certificate() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(HOST, 2090)), |_, _| fine()).await;
    let watched = Watched::https(server.address, &authority.pem())
        .trusting(|policy| policy.verify_every = HOUR);
    let mut course = Course::of(&kept(watched));
    for _ in 0..3 {
        let report = course.probe().await;
        assert_eq!(report.outcome, ProbeResult::Pass);
        assert_eq!(report.certificate_expires, end_of(2090));
    }
    assert_eq!(server.requests(), [3]);
}
