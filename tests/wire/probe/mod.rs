//! The prober against real listeners on loopback: what it sends, what it concludes, what it bounds.
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};
use waypost::base::{
    Cause, EndpointId, HashKey, Moment, MonitorId, MonitorValue, Permille, SlotId, Span,
};
use waypost::engine::ProbeId;
use waypost::geo::{Atlas, Database, EMBEDDED};
use waypost::health::{ProbeResult, Report};
use waypost::io::clock::Clock;
use waypost::io::probe::{Bounds, Finished, Prober};
use waypost::monitor::certificate::{CertificatePolicy, Verify};
use waypost::monitor::http::{HttpCheck, HttpVersion, ProbeConnection};
use waypost::monitor::https::HttpsCheck;
use waypost::monitor::identity::ClientIdentity;
use waypost::monitor::source::ProbeSource;
use waypost::plan::{
    Check, Control, Defence, FailureCount, GeoFile, GeoKnowledge, Guard, Monitor, Plan, Resolving,
    Server, Slot,
};

mod bent;
mod dialogue;
mod kept;
mod tls;

use crate::backend::{Backend, Manner};

const HOST: &str = "api.example.org";
/// Longer than anything takes here, however busy the machine.
const LONG: Span = Span(30_000);
/// For probes that are meant to run out of time.
const SHORT: Span = Span(300);
const EPOCH: u32 = 4;
/// When all probes are due: a prober's clock starts with it.
const DUE: Moment = Moment(0);

/// What is watched, and how.
#[derive(Clone)]
struct Watched {
    address: SocketAddr,
    host: &'static str,
    check: Check,
    timeout: Span,
}

impl Watched {
    fn tcp(address: SocketAddr) -> Self {
        Self {
            address,
            host: "",
            check: Check::default(),
            timeout: LONG,
        }
    }

    fn http(address: SocketAddr) -> Self {
        Self {
            check: Check::Http(http_check()),
            host: HOST,
            ..Self::tcp(address)
        }
    }

    fn https(address: SocketAddr, roots: &str) -> Self {
        Self {
            check: Check::Https(HttpsCheck {
                http: http_check(),
                certificate: policy(roots),
            }),
            ..Self::http(address)
        }
    }

    fn with(mut self, change: impl FnOnce(&mut HttpCheck)) -> Self {
        let (Check::Http(check) | Check::Https(HttpsCheck { http: check, .. })) = &mut self.check
        else {
            panic!("only HTTP checks have settings: {:?}", self.check);
        };
        change(check);
        self
    }

    fn without_verification(self) -> Self {
        self.trusting(|policy| policy.verify = Verify::Off)
    }

    fn trusting(mut self, change: impl FnOnce(&mut CertificatePolicy)) -> Self {
        let Check::Https(check) = &mut self.check else {
            panic!("only HTTPS checks verify");
        };
        change(&mut check.certificate);
        self
    }

    fn hosted(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    fn within(self, timeout: Span) -> Self {
        Self { timeout, ..self }
    }
}

fn http_check() -> HttpCheck {
    HttpCheck {
        version: HttpVersion::One,
        body: None,
        expect_json: Vec::new(),
        value: None,
        host: None,
        method: "GET".to_owned(),
        path: "/healthz?deep=1".to_owned(),
        headers: vec![("x-token".to_owned(), "secret".to_owned())],
        expect_status: vec![(200, 204), (301, 301)],
        expect_body: None,
        connection: ProbeConnection::New,
    }
}

/// Certificates must be valid, and signed by these roots.
fn policy(roots: &str) -> CertificatePolicy {
    CertificatePolicy {
        verify: Verify::Required,
        roots: Some(("roots.pem".to_owned(), Arc::from(roots.as_bytes()))),
        min_validity: None,
        verify_every: Span::ZERO,
        identity: ClientIdentity::default(),
    }
}

/// A plan of slots and monitors only: the prober looks at nothing else.
fn plan(watched: &[Watched]) -> Arc<Plan> {
    static ATLAS: OnceLock<Arc<Atlas>> = OnceLock::new();
    let atlas = || Arc::new(Atlas::new(&Database::read(EMBEDDED).unwrap(), &[], &[]));
    Arc::new(Plan {
        digest: 0,
        policy: 0,
        key: HashKey(0),
        server: Server {
            listen: Vec::new(),
            identity: None,
            version: None,
            udp_reply_bytes: 1232,
            threads: None,
            connections: 64,
            tls: None,
            defence: Defence::DEFAULT,
            exec: false,
        },
        control: Control::default(),
        guard: Guard {
            doubt: Permille::FULL,
            max_ejected: Permille::FULL,
            max_shrink: Permille::FULL,
            max_shrink_watched: Permille::FULL,
            ..Guard::DEFAULT
        },
        jurisdictions: Vec::new(),
        regions: Vec::new(),
        endpoints: Vec::new(),
        monitors: watched.iter().map(monitor).collect(),
        recoveries: Vec::new(),
        slots: watched.iter().enumerate().map(slot).collect(),
        targets: Vec::new(),
        canaries: Vec::new(),
        maintenance: Vec::new(),
        services: Vec::new(),
        maps: Arc::default(),
        views: Arc::default(),
        claimants: Vec::new(),
        resolving: Resolving::default(),
        discoveries: Vec::new(),
        cluster: None,
        atlas: Arc::clone(ATLAS.get_or_init(atlas)),
        geo: GeoFile {
            source: "embedded".to_owned(),
            built_at: 0,
            networks: 0,
            knows: GeoKnowledge::default(),
            claimed: GeoKnowledge::default(),
        },
    })
}

fn monitor(watched: &Watched) -> Monitor {
    Monitor {
        name: "web".to_owned(),
        check: watched.check.clone(),
        port: watched.address.port(),
        interval: Span(1000),
        near_interval: Span(1000),
        timeout: watched.timeout,
        slow_after: None,
        degraded: None,
        source: ProbeSource::default(),
        fall: 3,
        failures: FailureCount::Accumulated,
        rise: 3,
    }
}

fn slot((index, watched): (usize, &Watched)) -> Slot {
    Slot {
        endpoint: Some(EndpointId(0)),
        address: watched.address,
        monitor: MonitorId::from_index(index),
        host: watched.host.to_owned(),
        opposed: false,
        key: format!("slot {index}"),
    }
}

fn prober(watched: &[Watched], bounds: Bounds) -> (Prober, UnboundedReceiver<Finished>) {
    let (sender, reports) = unbounded_channel();
    let handle = tokio::runtime::Handle::current();
    let mut prober = Prober::bounded(&handle, Clock::start(), sender, bounds).unwrap();
    assert_eq!(prober.use_plan(EPOCH, plan(watched)), []);
    (prober, reports)
}

fn id(slot: usize) -> ProbeId {
    ProbeId {
        epoch: EPOCH,
        slot: SlotId::from_index(slot),
    }
}

/// Starts every slot once and waits for all reports; each slot must have sent exactly one.
async fn probe_all(watched: &[Watched], bounds: Bounds) -> Vec<Finished> {
    let (prober, mut reports) = prober(watched, bounds);
    for slot in 0..watched.len() {
        prober.start(id(slot), DUE);
    }
    drop(prober);
    let mut finished = Vec::new();
    let everything = async {
        while let Some(report) = reports.recv().await {
            finished.push(report);
        }
    };
    let patience = Duration::from_mins(1);
    let ended = tokio::time::timeout(patience, everything).await;
    assert!(ended.is_ok(), "probes that never end");
    finished.sort_by_key(|finished| finished.id);
    let ids: Vec<ProbeId> = finished.iter().map(|finished| finished.id).collect();
    assert_eq!(ids, (0..watched.len()).map(id).collect::<Vec<_>>());
    finished
}

async fn probe(watched: Watched) -> Report {
    probe_all(&[watched], Bounds::default()).await[0].report
}

fn fail(cause: Cause) -> ProbeResult {
    ProbeResult::Fail(cause)
}

/// A port of loopback where nobody listens.
fn closed_port() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A certificate authority for tests.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A server whose certificate names `name` and expires with the end of a year.
    fn server(&self, name: &str, last_year: i32) -> Arc<ServerConfig> {
        self.server_of(name, last_year, &TLS13)
    }

    /// A server whose certificate holds from the first day of a year to the last of another.
    fn server_between(&self, first_year: i32, last_year: i32) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        params.not_before = date_time_ymd(first_year, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        server_with(&certificate, &key, &TLS13)
    }

    /// A server whose certificate expires in so many days.
    fn server_for(&self, days: u64) -> Arc<ServerConfig> {
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        params.not_after =
            date_time_ymd(1970, 1, 1) + today.unwrap() + Duration::from_hours(24 * days);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        server_with(&certificate, &key, &TLS13)
    }

    fn server_of(
        &self,
        name: &str,
        last_year: i32,
        version: &'static SupportedProtocolVersion,
    ) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        server_with(&certificate, &key, version)
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// A server whose certificate signs itself, as one of an authority (as `openssl req -x509` makes
/// it) or not.
fn self_signed(is_ca: IsCa, last_year: i32) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 12, 31);
    params.is_ca = is_ca;
    params.distinguished_name.push(DnType::CommonName, HOST);
    let key = KeyPair::generate().unwrap();
    server_with(&params.self_signed(&key).unwrap(), &key, &TLS13)
}

fn server_with(
    certificate: &Certificate,
    key: &KeyPair,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    Arc::new(config.unwrap())
}

/// The moment that [`Authority::server`] writes into its certificates.
fn end_of(year: i32) -> Option<u64> {
    u64::try_from(date_time_ymd(year, 12, 31).unix_timestamp()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_passes_where_a_connection_stands_and_is_refused_where_none_does() {
    let backend = Backend::start("127.0.0.1", None, Manner::Silent).await;
    let report = probe(Watched::tcp(backend.address)).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    assert!(report.timing.connect_us > 0);
    assert!(report.timing.total_us >= report.timing.connect_us);
    assert_eq!((report.timing.tls_us, report.timing.response_us), (0, 0));
    let report = probe(Watched::tcp(closed_port())).await;
    assert_eq!(report.outcome, fail(Cause::Refused));
    assert!(report.timing.connect_us > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_does_not_reset_a_peer_that_speaks_first() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example.org\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    assert_eq!(
        probe(Watched::tcp(address)).await.outcome,
        ProbeResult::Pass
    );
    assert_eq!(peer.await.unwrap().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_takes_no_connection_is_a_connect_timeout() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // Fill the queue of connections that nobody accepts.
    let attempt = || StdStream::connect_timeout(&address, Duration::from_millis(200));
    let held: Vec<StdStream> = (0..16).map_while(|_| attempt().ok()).collect();
    assert!(held.len() < 16, "the queue never fills");
    let report = probe(Watched::tcp(address).within(SHORT)).await;
    assert_eq!(report.outcome, fail(Cause::ConnectTimeout));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_sends_what_the_monitor_says() {
    let backend = Backend::start("127.0.0.1", None, Manner::respond("200 OK", "fine")).await;
    let report = probe(Watched::http(backend.address)).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    let timing = report.timing;
    assert!(timing.first_byte_us > 0 && timing.response_us >= timing.first_byte_us);
    let head = backend.seen()[0].head.to_ascii_lowercase();
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        head.starts_with("get /healthz?deep=1 http/1.1\r\n"),
        "{head}"
    );
    for line in [
        &format!("host: api.example.org:{}", backend.address.port()),
        "connection: close",
        "x-token: secret",
        &format!("user-agent: waypost/{version} (health monitor)"),
    ] {
        assert!(
            head.contains(&format!("\r\n{line}\r\n")),
            "{line} in {head}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_answers_are_judged() {
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nal\r\n6\r\nl fine\r\n0\r\n\r\n";
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nall";
    let bad_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let redirect = "HTTP/1.1 301 Moved\r\nlocation: /healthz\r\ncontent-length: 8\r\n\r\nall fine";
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let send = |text: &str| Manner::Send(text.to_owned());
    let cases = [
        (Manner::respond("200 OK", "all fine"), ProbeResult::Pass),
        (Manner::respond("203 Other", "all fine"), ProbeResult::Pass),
        (send(chunked), ProbeResult::Pass),
        (send("HTTP/1.0 200 OK\r\n\r\nall fine"), ProbeResult::Pass),
        (send(redirect), ProbeResult::Pass),
        (
            Manner::respond("205 Reset", "all fine"),
            fail(Cause::Status(205)),
        ),
        (
            Manner::respond("503 No", "all fine"),
            fail(Cause::Status(503)),
        ),
        (Manner::respond("200 OK", "all f"), fail(Cause::Body)),
        (Manner::respond("200 OK", ""), fail(Cause::Body)),
        (send(short), fail(Cause::Reset)),
        (send(""), fail(Cause::Reset)),
        (send("HTTP/1.1 200"), fail(Cause::Reset)),
        (Manner::Reset, fail(Cause::Reset)),
        (send(bad_chunk), fail(Cause::Protocol)),
        (send("SSH-2.0-OpenSSH_9.9\r\n\r\n"), fail(Cause::Protocol)),
        (send("HTTP/1.1 2000 OK\r\n\r\n"), fail(Cause::Protocol)),
        (send(&long_head), fail(Cause::Protocol)),
    ];
    let backend = Backend::start("127.0.0.1", None, Manner::Silent).await;
    let watched =
        Watched::http(backend.address).with(|check| check.expect_body = Some("all fine".into()));
    for (manner, outcome) in cases {
        backend.set(manner.clone());
        let report = probe(watched.clone()).await;
        assert_eq!(report.outcome, outcome, "{manner:?}");
    }
    assert_eq!(backend.seen().len(), 17, "one request for each probe");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_the_body_is_reported_as_the_value() {
    let body = "{\"load\":{\"free\":37.5}}";
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let backend = Backend::start("127.0.0.1", None, Manner::Send(reply)).await;
    for (place, value) in [
        ("/load/free", Some(MonitorValue(37_500))),
        ("/load/all", None),
    ] {
        let watched = Watched::http(backend.address).with(|check| check.value = Some(place.into()));
        let report = probe(watched).await;
        assert_eq!((report.outcome, report.value), (ProbeResult::Pass, value));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_out_in_the_response() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_owned();
    let pause = Duration::from_millis(20);
    let slow_head = Manner::Repeat("HTTP/1.1 200 OK\r\nx: ".to_owned(), "y".to_owned(), pause);
    let slow_body = Manner::Repeat(head, "y".to_owned(), pause);
    for manner in [Manner::Silent, slow_head, slow_body] {
        let backend = Backend::start("127.0.0.1", None, manner.clone()).await;
        let watched = Watched::http(backend.address).within(SHORT);
        let watched = watched.with(|check| check.expect_body = Some("all fine".into()));
        let report = probe(watched).await;
        assert_eq!(report.outcome, fail(Cause::ResponseTimeout), "{manner:?}");
        assert!(report.timing.total_us >= 300_000, "{:?}", report.timing);
        assert!(report.timing.total_us < 10_000_000, "{:?}", report.timing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_is_read_to_the_bound_only() {
    let head = "HTTP/1.1 200 OK\r\n\r\nall fine".to_owned();
    let endless = Manner::Repeat(head, "y".repeat(4096), Duration::ZERO);
    let backend = Backend::start("127.0.0.1", None, endless).await;
    let expecting = |text: &str| {
        Watched::http(backend.address).with(|check| check.expect_body = Some(text.into()))
    };
    assert_eq!(
        probe(expecting("all fine")).await.outcome,
        ProbeResult::Pass
    );
    assert_eq!(probe(expecting("zzz")).await.outcome, fail(Cause::Body));
    let status_alone = Watched::http(backend.address);
    assert_eq!(probe(status_alone).await.outcome, ProbeResult::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_enough_where_no_body_is_wanted_and_a_text_where_it_is_found() {
    let pause = Duration::from_secs(3600);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nall fine".to_owned();
    let held = Manner::Repeat(head, "y".to_owned(), pause);
    let backend = Backend::start("127.0.0.1", None, held).await;
    let watched = Watched::http(backend.address);
    assert_eq!(probe(watched.clone()).await.outcome, ProbeResult::Pass);
    let watched = watched.with(|check| check.expect_body = Some("all fine".into()));
    assert_eq!(probe(watched).await.outcome, ProbeResult::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_header_fields_are_no_fault() {
    let fields: String = (0..400)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let text = format!("HTTP/1.1 200 OK\r\n{fields}content-length: 8\r\n\r\nall fine");
    let backend = Backend::start("127.0.0.1", None, Manner::Send(text)).await;
    let watched = Watched::http(backend.address);
    let watched = watched.with(|check| check.expect_body = Some("all fine".into()));
    assert_eq!(probe(watched).await.outcome, ProbeResult::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_reach_is_unreachable_and_never_dialled() {
    for address in [
        "[fe80::1]:80",
        "0.0.0.3:80",
        "169.254.1.1:80",
        "240.0.0.1:80",
        "255.255.255.255:80",
    ] {
        let report = probe(Watched::tcp(address.parse().unwrap())).await;
        assert_eq!(report.outcome, fail(Cause::Unreachable), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_proves_the_handshake_and_tells_the_expiry() {
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        let server = authority.server_of(HOST, 2090, version);
        let manner = Manner::respond("200 OK", "fine");
        let backend = Backend::start("127.0.0.1", Some(server), manner).await;
        let report = probe(Watched::https(backend.address, &authority.pem())).await;
        assert_eq!(report.outcome, ProbeResult::Pass);
        assert_eq!(report.certificate_expires, end_of(2090));
        let timing = report.timing;
        assert!(timing.connect_us > 0 && timing.tls_us > 0 && timing.response_us > 0);
        let parts = timing.connect_us + timing.tls_us + timing.response_us;
        assert!(timing.total_us >= parts, "{timing:?}");
        let seen = &backend.seen()[0];
        assert_eq!(seen.sni.as_deref(), Some(HOST));
        let host = format!("\r\nhost: api.example.org:{}\r\n", backend.address.port());
        assert!(seen.head.contains(&host), "{}", seen.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_judges_the_certificate_unless_told_not_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cases = [
        (
            Cause::CertificateExpired,
            authority.server(HOST, 2020),
            2020,
        ),
        (
            Cause::CertificateEarly,
            authority.server_between(2080, 2090),
            2090,
        ),
        (
            Cause::CertificateName,
            authority.server("www.example.org", 2091),
            2091,
        ),
        (Cause::CertificateIssuer, stranger.server(HOST, 2092), 2092),
        (
            Cause::CertificateIssuer,
            self_signed(IsCa::NoCa, 2093),
            2093,
        ),
        (
            Cause::CertificateAuthority,
            self_signed(IsCa::Ca(BasicConstraints::Unconstrained), 2094),
            2094,
        ),
    ];
    for (case, server, year) in cases {
        let manner = Manner::respond("200 OK", "fine");
        let backend = Backend::start("127.0.0.1", Some(server), manner).await;
        let watched = Watched::https(backend.address, &authority.pem());
        let report = probe(watched.clone()).await;
        assert_eq!(report.outcome, fail(case), "{case}");
        assert_eq!(report.certificate_expires, end_of(year), "{case}");
        assert!(report.timing.tls_us > 0 && report.timing.response_us == 0);
        let report = probe(watched.without_verification()).await;
        assert_eq!(report.outcome, ProbeResult::Pass, "{case}");
        assert_eq!(report.certificate_expires, end_of(year), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_too_soon_fails_verified_or_not() {
    let authority = Authority::new();
    let cases = [
        (authority.server_for(5), 4, ProbeResult::Pass),
        (authority.server_for(5), 6, fail(Cause::CertificateExpiring)),
    ];
    for (server, days, outcome) in cases {
        let manner = Manner::respond("200 OK", "fine");
        let backend = Backend::start("127.0.0.1", Some(server), manner).await;
        let asking = |policy: &mut CertificatePolicy| {
            policy.min_validity = Some(Span::from_secs(days * 86_400));
        };
        let watched = Watched::https(backend.address, &authority.pem()).trusting(asking);
        let report = probe(watched.clone()).await;
        assert_eq!(report.outcome, outcome, "{days} days");
        assert!(report.certificate_expires.is_some());
        let report = probe(watched.without_verification()).await;
        assert_eq!(report.outcome, outcome, "{days} days, not verified");
    }
    let manner = Manner::respond("200 OK", "fine");
    let backend = Backend::start("127.0.0.1", Some(authority.server(HOST, 2020)), manner).await;
    let watched = Watched::https(backend.address, &authority.pem())
        .trusting(|policy| policy.min_validity = Some(Span::ZERO))
        .without_verification();
    let report = probe(watched).await;
    assert_eq!(report.outcome, fail(Cause::CertificateExpired));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_as_host_is_verified_without_sni() {
    let authority = Authority::new();
    let server = authority.server("127.0.0.1", 2090);
    let manner = Manner::respond("200 OK", "fine");
    let backend = Backend::start("127.0.0.1", Some(server), manner).await;
    for host in ["127.0.0.1", ""] {
        let watched = Watched::https(backend.address, &authority.pem()).hosted(host);
        assert_eq!(
            probe(watched).await.outcome,
            ProbeResult::Pass,
            "host `{host}`"
        );
    }
    for seen in backend.seen() {
        assert_eq!(seen.sni, None);
        let host = format!("\r\nhost: 127.0.0.1:{}\r\n", backend.address.port());
        assert!(seen.head.contains(&host), "{seen:?}");
    }
    let watched = Watched::https(backend.address, &authority.pem()).hosted("127.0.0.2");
    assert_eq!(probe(watched).await.outcome, fail(Cause::CertificateName));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_be_written_with_a_port() {
    let authority = Authority::new();
    for (name, host) in [(HOST, "api.example.org:8443"), ("::1", "[::1]:8443")] {
        let manner = Manner::respond("200 OK", "fine");
        let server = authority.server(name, 2090);
        let backend = Backend::start("127.0.0.1", Some(server), manner).await;
        let watched = Watched::https(backend.address, &authority.pem()).hosted(host);
        assert_eq!(probe(watched).await.outcome, ProbeResult::Pass, "{host}");
        let seen = &backend.seen()[0];
        assert_eq!(seen.sni.as_deref(), (name == HOST).then_some(HOST));
        let line = format!("\r\nhost: {host}\r\n");
        assert!(seen.head.contains(&line), "{}", seen.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_speaks_no_tls_is_told_apart() {
    let authority = Authority::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let peer = tokio::spawn(async move {
        let (mut plain, _) = listener.accept().await.unwrap();
        let mut hello = [0; 64];
        plain.read_exact(&mut hello).await.unwrap();
        plain
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let (silent, _) = listener.accept().await.unwrap();
        let (closing, _) = listener.accept().await.unwrap();
        drop(closing);
        (plain, silent)
    });
    let watched = Watched::https(address, &authority.pem());
    let report = probe(watched.clone()).await;
    assert_eq!(report.outcome, fail(Cause::Protocol));
    let report = probe(watched.clone().within(SHORT)).await;
    assert_eq!(report.outcome, fail(Cause::TlsTimeout));
    assert_eq!(report.certificate_expires, None);
    assert_eq!(probe(watched).await.outcome, fail(Cause::Reset));
    peer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_without_common_ground_is_a_tls_failure() {
    let authority = Authority::new();
    let mut server = (*authority.server(HOST, 2090)).clone();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let manner = Manner::respond("200 OK", "fine");
    let backend = Backend::start("127.0.0.1", Some(Arc::new(server)), manner).await;
    let report = probe(Watched::https(backend.address, &authority.pem())).await;
    assert_eq!(report.outcome, fail(Cause::Tls));
}

#[tokio::test(flavor = "multi_thread")]
async fn version_6_addresses_are_probed_alike() {
    let backend = Backend::start("::1", None, Manner::respond("200 OK", "fine")).await;
    assert!(matches!(backend.address.ip(), IpAddr::V6(_)));
    let watched = [
        Watched::tcp(backend.address),
        Watched::http(backend.address).hosted(""),
    ];
    for finished in probe_all(&watched, Bounds::default()).await {
        assert_eq!(finished.report.outcome, ProbeResult::Pass);
    }
    let head = &backend.seen()[0].head;
    let host = format!("\r\nhost: [::1]:{}\r\n", backend.address.port());
    assert!(head.contains(&host), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_probes_at_once_all_report() {
    let manner = Manner::SendAfter(
        Duration::from_millis(500),
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
    );
    let backend = Backend::start("127.0.0.1", None, manner).await;
    let watched = vec![Watched::http(backend.address); 2000];
    let finished = probe_all(&watched, Bounds::default()).await;
    let passed = finished
        .iter()
        .filter(|finished| finished.report.outcome == ProbeResult::Pass);
    assert_eq!(passed.count(), 2000);
    assert_eq!(backend.seen().len(), 2000);
    assert!(backend.peak() > 200, "they ran one after another");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_at_once_than_the_bound() {
    let manner = Manner::SendAfter(
        Duration::from_millis(50),
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
    );
    let backend = Backend::start("127.0.0.1", None, manner).await;
    let bounds = Bounds {
        in_flight: 8,
        waiting: 100,
    };
    let finished = probe_all(&vec![Watched::http(backend.address); 40], bounds).await;
    assert!(
        finished
            .iter()
            .all(|finished| finished.report.outcome == ProbeResult::Pass)
    );
    assert!((2..=8).contains(&backend.peak()), "{}", backend.peak());
    let late = finished.iter().filter(|finished| finished.late >= Span(40));
    assert!(late.count() >= 32, "lateness is measured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_gives_up_at_once_as_a_local_failure() {
    let backend = Backend::start("127.0.0.1", None, Manner::Silent).await;
    let bounds = Bounds {
        in_flight: 1,
        waiting: 1,
    };
    let watched = vec![Watched::http(backend.address).within(SHORT); 5];
    let finished = probe_all(&watched, bounds).await;
    let outcomes: Vec<ProbeResult> = finished
        .iter()
        .map(|finished| finished.report.outcome)
        .collect();
    assert_eq!(outcomes[2..], [fail(Cause::Local); 3]);
    assert!(outcomes.contains(&fail(Cause::ResponseTimeout)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_probe_does_not_hold_up_another() {
    let slow = Backend::start("127.0.0.1", None, Manner::Silent).await;
    let quick = Backend::start("127.0.0.1", None, Manner::respond("200 OK", "")).await;
    let watched = [
        Watched::http(slow.address).within(Span(2000)),
        Watched::http(quick.address),
    ];
    let (prober, mut reports) = prober(&watched, Bounds::default());
    assert_eq!(prober.in_flight(), 0);
    prober.start(id(0), DUE);
    prober.start(id(1), DUE);
    let first = reports.recv().await.unwrap();
    assert_eq!((first.id, first.report.outcome), (id(1), ProbeResult::Pass));
    assert_eq!(reports.recv().await.unwrap().id, id(0));
    let idle = async {
        while prober.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let idle = tokio::time::timeout(Duration::from_secs(30), idle).await;
    assert!(idle.is_ok(), "places are given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_probed_reports_a_local_failure() {
    let backend = Backend::start("127.0.0.1", None, Manner::respond("200 OK", "")).await;
    let broken = Watched::https(backend.address, "no certificate");
    let sound = Watched::http(backend.address);
    let (mut prober, mut reports) = prober(std::slice::from_ref(&sound), Bounds::default());
    let unready = prober.use_plan(EPOCH, plan(&[broken, sound]));
    assert_eq!(unready.len(), 1);
    assert_eq!(
        unready[0].reason,
        "roots.pem: holds no certificate in PEM format"
    );
    let other_plan = ProbeId {
        epoch: EPOCH - 1,
        slot: SlotId(1),
    };
    for id in [id(0), id(2), other_plan] {
        prober.start(id, DUE);
        let finished = reports.recv().await.unwrap();
        assert_eq!(finished.id, id);
        assert_eq!(finished.report.outcome, fail(Cause::Local));
    }
    prober.start(id(1), DUE);
    let finished = reports.recv().await.unwrap();
    assert_eq!(finished.report.outcome, ProbeResult::Pass);
}
