//! The control listener over real connections: API, metrics, health, bad requests.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use waypost::answer::{Answered, Counted, Transport};
use waypost::base::{Cause, Moment, Reason, RegionId, ServiceId, SlotId, Span};
use waypost::engine::notice::Sense;
use waypost::engine::order::{Action, Consent, Order};
use waypost::engine::status::{
    EndpointStatus, RegionStatus, ServiceStatus, SlotStatus, TargetStatus, ZoneStatus,
};
use waypost::engine::{Input, Notice, OrderId, OrderRequest, Status};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::io::audit::{self, AuditTrail};
use waypost::io::clock::Clock;
use waypost::io::control::{
    Command, ComparedConfig, ComparedPart, ControlServer, Controlling, Force, Heartbeat,
    OrderRefusal, OrderView, Ordered, State,
};
use waypost::io::history::History;
use waypost::io::history::event::TimelineEvent;
use waypost::io::metrics::{Metrics, ProbeLabels, ReloadResult};
use waypost::io::publish::Published;
use waypost::plan::{
    AccessRole, AccessRules, ApiToken, Chosen, Control, EndpointSeries, RoleGrant, ScopePattern,
};
use waypost::table::Table;
use waypost::zones::{ChallengeOrder, ChallengeRefusal, ChallengesDone};

use crate::{policy, serving};

/// Whether somebody answers for the engine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Answers,
    /// It turns, and comes to no command.
    IsBusy,
    IsSilent,
    HasEnded,
}

struct Rig {
    folder: TempDir,
    address: SocketAddr,
    metrics_address: SocketAddr,
    published: Arc<OnceLock<Arc<Published>>>,
    runtime: Runtime,
    _controlling: Controlling,
}

struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Rig {
    fn start(engine: Engine) -> Self {
        let runtime = Runtime::new().unwrap();
        let clock = Clock::start();
        let (commands, queue) = mpsc::channel(8);
        let published = Arc::default();
        let folder = tempfile::tempdir().unwrap();
        let access = access(folder.path());
        let first = Control {
            access: access.clone(),
            ..Control::default()
        };
        let heartbeat = Arc::new(Heartbeat::default());
        let audit = AuditTrail::open(&access, clock).0;
        let mut state = State::new(first, clock, (commands, audit));
        state.published = Arc::clone(&published);
        state.heartbeat = Arc::clone(&heartbeat);
        state.history = History::start(None, clock);
        state.history.event(TimelineEvent::start("1.0"));
        if [Engine::Answers, Engine::IsBusy].contains(&engine) {
            heartbeat.beat(clock.now());
            runtime.spawn(turn(heartbeat, clock));
        }
        runtime.spawn(play_engine(queue, engine));
        let server = ControlServer::bind(&access).unwrap();
        assert_eq!(server.doubts(), [""; 0]);
        let address = server.address().unwrap();
        let metrics_address = server.metrics_address().unwrap();
        let controlling = server.serve(state, runtime.handle()).unwrap();
        Self {
            folder,
            address,
            metrics_address,
            published,
            runtime,
            _controlling: controlling,
        }
    }

    fn get(&self, path: &str) -> Response {
        self.request(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// A request over HTTP in the clear.
    fn request(&self, request: &str) -> Response {
        exchange(TcpStream::connect(self.address).unwrap(), request)
    }

    /// The same over the socket, where this process is an admin.
    fn order(&self, request: &str) -> Response {
        let stream = UnixStream::connect(self.folder.path().join("waypost.sock"));
        exchange(stream.unwrap(), request)
    }

    /// A request with a token.
    fn with_token(&self, secret: &str, method: &str, path: &str) -> Response {
        self.request(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n"
        ))
    }

    fn audit_path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// The lines of the audit log, once there are so many; the chain is whole.
    fn audit(&self, lines: usize) -> Vec<serde_json::Value> {
        let path = self.audit_path();
        let text = std::fs::read_to_string(&path).unwrap();
        let found: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(found.len(), lines, "{text}");
        audit::verify(&[path]).unwrap();
        found
    }

    /// Publishes a table whose config says who may do what, as the first one did.
    fn publish(&self, generation: u64) {
        let mut plan = serving::plan();
        plan.control.access = access(self.folder.path());
        let published = Published::new(serving::table_of(generation, plan));
        self.published.set(Arc::new(published)).unwrap();
    }
}

/// Secrets of the tokens, each the name of its token.
const ADMIN: &str = "admin";
const OPS: &str = "ops";
const HOOK: &str = "hook";
const BEAT: &str = "beat";

/// Everything that listens, a token of each kind, and an audit log.
fn access(folder: &Path) -> AccessRules {
    let token = |name: &str, role, scope: &[&str]| ApiToken {
        name: name.to_owned(),
        hash: Some(sha256(name)),
        certificate: None,
        grant: RoleGrant {
            role,
            scope: scope
                .iter()
                .map(|one| ScopePattern::parse(one).unwrap())
                .collect(),
        },
        expires: None,
    };
    let beside = |name: &str| {
        Some(Chosen {
            value: folder.join(name),
            stated: true,
        })
    };
    AccessRules {
        socket: beside("waypost.sock"),
        listen: Some("127.0.0.1:0".parse().unwrap()),
        metrics: Some("127.0.0.1:0".parse().unwrap()),
        tokens: vec![
            token(ADMIN, AccessRole::Admin, &[]),
            token(OPS, AccessRole::Operator, &["provider:hetzner"]),
            token(HOOK, AccessRole::Dns, &[]),
            token(BEAT, AccessRole::Reporter, &["provider:hetzner"]),
        ],
        audit: beside("audit.jsonl"),
        ..AccessRules::default()
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().unwrap()
}

/// Sends a request and reads the reply to its end.
fn exchange(mut stream: impl Read + Write, request: &str) -> Response {
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Response {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Goes on as the control loop does.
async fn turn(heartbeat: Arc<Heartbeat>, clock: Clock) {
    loop {
        heartbeat.beat(clock.now());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the stand-in makes of an order.
fn obey(request: &OrderRequest, clock: Clock) -> Result<Ordered, OrderRefusal> {
    match &*request.order.scope {
        "eu west" => Ok(Ordered {
            result: "draining fra".to_owned(),
            endpoints: vec!["fra".to_owned()],
            order: OrderView::new(&request.order, None, clock.calendar()),
            held_by: Vec::new(),
            known: None,
        }),
        "risky" if request.consent == Consent::Withheld => {
            Err(OrderRefusal::Damaging("api would have nothing".to_owned()))
        }
        "window" => {
            let window = [request.from, request.until].map(Option::unwrap);
            Err(OrderRefusal::Bad(format!(
                "{:?}",
                window[1].since(window[0])
            )))
        }
        "na" => Err(OrderRefusal::Needless("nothing waits".to_owned())),
        _ => Err(OrderRefusal::Unknown("no such region".to_owned())),
    }
}

/// What becomes of an order about challenges.
fn challenged(order: &ChallengeOrder) -> Result<ChallengesDone, ChallengeRefusal> {
    match order {
        ChallengeOrder::List => Ok(ChallengesDone {
            warnings: Vec::new(),
            result: String::new(),
            challenges: Vec::new(),
        }),
        ChallengeOrder::Add { .. } => {
            Err(ChallengeRefusal::Failed("no zone came of it".to_owned()))
        }
        ChallengeOrder::Remove { .. } => Err(ChallengeRefusal::Unknown("no such value".to_owned())),
    }
}

/// Stands in for the owner of the engine.
async fn play_engine(mut queue: mpsc::Receiver<Command>, engine: Engine) {
    if engine == Engine::HasEnded {
        return;
    }
    let clock = Clock::start();
    let core = drained(clock.now());
    let mut kept = Vec::new();
    while let Some(command) = queue.recv().await {
        if engine != Engine::Answers {
            kept.push(command);
            continue;
        }
        match command {
            Command::Status(reply) => {
                reply.send(status()).unwrap();
            }
            Command::Figures(reply) => {
                reply.send(core.figures(clock.now())).unwrap();
            }
            Command::Reload { force, reply } => {
                let result = match force {
                    Force::Yes => Ok("done".to_owned()),
                    Force::No => Err("config.toml:3:1: it shrinks".to_owned()),
                };
                reply.send(result).unwrap();
            }
            Command::Accept { discovery, reply } => reply.send(Ok(discovery)).unwrap(),
            Command::Compare { text, part, reply } => {
                reply.send(compared(&text, part)).unwrap();
            }
            Command::Upgrade { patience, reply } => {
                reply.send(upgraded(patience)).unwrap();
            }
            Command::Order { request, reply } => {
                reply.send(obey(&request, clock)).unwrap();
            }
            Command::Forecast { request, reply } => {
                let found = core.forecast(clock.now(), &request.order);
                let unknown = |_| OrderRefusal::Unknown("no such region".to_owned());
                reply.send(found.map_err(unknown)).unwrap();
            }
            Command::Orders(reply) => {
                reply.send(core.orders(clock.now())).unwrap();
            }
            Command::Cluster(reply) => {
                reply.send(Some(viewed())).unwrap();
            }
            Command::Revoke { revocation, reply } => {
                let (node, author) = (&revocation.node, &revocation.author);
                reply.send(Ok(format!("{node} by {author}"))).unwrap();
            }
            Command::Push { push, reply } => {
                let told = (push.monitor == "beat").then_some(1);
                reply
                    .send(told.ok_or_else(|| "no such monitor".to_owned()))
                    .unwrap();
            }
            // Asked over a server that declares, in `real`.
            Command::Declared { .. }
            | Command::Objects(_)
            | Command::Declare { .. }
            | Command::Agree { .. }
            | Command::Secrets(..)
            | Command::Verify(_)
            | Command::Release { .. } => {}
            Command::Challenge { order, reply } => {
                reply.send(challenged(&order)).unwrap();
            }
        }
    }
}

/// An engine of which one endpoint is drained.
fn drained(now: Moment) -> waypost::engine::Engine {
    let plan = Arc::new(policy::compile(policy::CONFIG));
    let mut core = waypost::engine::Engine::new(plan, Arc::default(), now, 7);
    let order = Order {
        action: Action::Drain,
        scope: "tor-b".to_owned(),
        author: "ada".to_owned(),
        reason: "disks".to_owned(),
    };
    core.handle(now, Input::Order(OrderId(1), order.insisted()));
    core
}

/// What becomes of an upgrade: one that gives the new program two seconds comes to nothing.
fn upgraded(patience: Span) -> Result<String, String> {
    match patience {
        Span(2000) => Err("the new program did not answer in time".to_owned()),
        _ => Ok("process 7 answers now".to_owned()),
    }
}

/// A cluster of which only the name is known.
fn viewed() -> waypost::share::ClusterView {
    let mut view = waypost::share::ClusterView::default();
    view.summary.cluster = "prod".to_owned();
    view
}

/// What comes of a config that is held against the one in force.
fn compared(text: &str, part: ComparedPart) -> Result<ComparedConfig, String> {
    if text.is_empty() {
        return Err("config.toml:1:1: it is empty".to_owned());
    }
    Ok(ComparedConfig {
        text: format!("{} octets, own part {part:?}", text.len()),
        comparison: serde_json::json!({ "result": "allowed" }),
        policy: "1".to_owned(),
        new_policy: "2".to_owned(),
    })
}

fn status() -> Status {
    let slot = |address: &str, age_ms| SlotStatus {
        monitor: "web".into(),
        address: address.into(),
        state: "up".into(),
        age_ms: Some(age_ms),
        certificate_expires: Some(1_800_000_000),
        ..SlotStatus::default()
    };
    let target = |watch: &str, state: &str, share_permille| TargetStatus {
        family: "v4".into(),
        monitors: Vec::from_iter((!watch.is_empty()).then(|| watch.into())),
        watch: watch.into(),
        state: state.into(),
        share_permille,
        slots: vec![slot("192.0.2.10:443", 1500), slot("192.0.2.10:443", 2500)],
        ..TargetStatus::default()
    };
    let endpoint = EndpointStatus {
        name: "fra-\"1\"".into(),
        provider: "hetzner".into(),
        targets: vec![
            target("web", "healthy", 1000),
            target("web+db", "ramping", 200),
            target("", "unmonitored", 1000),
        ],
        ..EndpointStatus::default()
    };
    Status {
        generation: 42,
        table_age_ms: 1500,
        zones: vec![ZoneStatus {
            name: "example.org".into(),
            names: 7,
            serial: Some(2026),
            ..ZoneStatus::default()
        }],
        regions: vec![RegionStatus {
            name: "eu".into(),
            endpoints: vec![endpoint],
            ..RegionStatus::default()
        }],
        services: vec![ServiceStatus {
            name: "api".into(),
            fail_open: true,
            ..ServiceStatus::default()
        }],
        ..Status::default()
    }
}

#[test]
fn challenges_are_listed_and_refusals_told() {
    let rig = Rig::start(Engine::Answers);
    let name = "name=_acme-challenge.www.example.org";
    for (method, path, status, words) in [
        ("GET", "/api/v1/acme".to_owned(), 200, r#""challenges":[]"#),
        (
            "POST",
            format!("/api/v1/acme?{name}&value=x"),
            503,
            "no zone came of it",
        ),
        (
            "DELETE",
            format!("/api/v1/acme?{name}"),
            404,
            "no such value",
        ),
        ("DELETE", "/api/v1/acme".to_owned(), 400, "name is missing"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let Response {
            status: found,
            body,
            ..
        } = rig.order(&request);
        assert!(
            found == status && body.contains(words),
            "{method} {path}: {found} {body}"
        );
    }
}

#[test]
fn health_and_status_are_told() {
    let rig = Rig::start(Engine::Answers);
    assert_eq!(rig.get("/healthz").status, 200);
    let response = rig.get("/api/v1/status");
    assert_eq!(response.status, 200);
    assert!(response.head.contains("content-type: application/json"));
    let found: Status = serde_json::from_str(&response.body).unwrap();
    assert_eq!(found, status());
}

#[test]
fn health_is_told_without_a_word_of_the_engine() {
    let rig = Rig::start(Engine::IsBusy);
    let response = rig.get("/healthz");
    assert_eq!(response.status, 200, "{}", response.body);
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["status"], "ok");
    assert!(body["uptime_ms"].is_u64(), "{body}");
    assert_eq!(rig.get("/api/v1/status").status, 503);
}

#[test]
fn a_silent_engine_is_unhealthy_and_metrics_go_on() {
    let rig = Rig::start(Engine::IsSilent);
    for path in ["/healthz", "/api/v1/status"] {
        let response = rig.get(path);
        assert_eq!(response.status, 503, "{path}");
        assert!(error_of(&response).contains("does not answer"));
    }
    let metrics = rig.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("\nwaypost_engine_responding 0\n"));
    assert!(!metrics.body.contains("waypost_table_generation"));
}

#[test]
fn readiness_waits_for_the_first_table() {
    let rig = Rig::start(Engine::Answers);
    assert_eq!(rig.get("/readyz").status, 503);
    assert_eq!(
        rig.get("/api/v1/explain?name=a.example&client=192.0.2.1")
            .status,
        503
    );
    rig.publish(3);
    let response = rig.get("/readyz");
    assert_eq!(response.status, 200);
    assert!(response.body.contains("\"generation\":3"));
}

#[test]
fn readiness_ends_with_the_engine_and_not_with_its_haste() {
    for (engine, status) in [
        (Engine::Answers, 200),
        (Engine::IsSilent, 200),
        (Engine::HasEnded, 503),
    ] {
        let rig = Rig::start(engine);
        rig.publish(3);
        // A status, or none within a second, comes after the engine had its turn.
        rig.get("/api/v1/status");
        let response = rig.get("/readyz");
        assert_eq!(response.status, status, "{}", response.body);
        if status == 503 {
            assert!(error_of(&response).contains("the engine has ended"));
            assert_eq!(rig.get("/healthz").status, 503);
        }
    }
}

#[test]
fn a_browser_led_here_by_another_name_reads_nothing() {
    let rig = Rig::start(Engine::Answers);
    let by = |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        rig.request(&request).status
    };
    assert_eq!(by("evil.example", "/api/v1/status"), 421);
    assert_eq!(by("waypost.example:8053", "/metrics"), 200);
    assert_eq!(by(&rig.address.to_string(), "/api/v1/status"), 200);
}

#[test]
fn explanations_come_from_the_published_table() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(3);
    let ask = "/api/v1/explain?name=api.example.org&client=192.0.2.1";
    let response = rig.get(ask);
    assert_eq!(response.status, 200, "{}", response.body);
    let found: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(found["generation"], 3);
    assert_eq!(found["chain"]["kind"], "steered");
    let text = rig.get(&format!("{ask}&format=text&down=eu"));
    assert!(text.head.contains("content-type: text/plain"));
    assert!(text.body.contains("supposed down: eu"), "{}", text.body);
    for (more, words) in [
        ("&down=mars", "no region, endpoint or provider"),
        ("&name=a.example", "none of our zones"),
    ] {
        let response = rig.get(&format!("{ask}{more}"));
        assert_eq!(response.status, 404);
        assert!(error_of(&response).contains(words), "{}", response.body);
    }
    assert_eq!(rig.get(&format!("{ask}&type=BOGUS")).status, 400);
}

#[test]
fn reload_is_a_post_with_its_outcome() {
    let rig = Rig::start(Engine::Answers);
    let post = |query: &str, header: &str| {
        rig.order(&format!(
            "POST /api/v1/reload{query} HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: 0\r\n\r\n"
        ))
    };
    let refused = post("", "");
    assert_eq!(refused.status, 422);
    assert_eq!(error_of(&refused), "config.toml:3:1: it shrinks");
    let done = post("?force=true", "");
    assert_eq!(
        (done.status, done.body.trim()),
        (200, r#"{"result":"done"}"#)
    );
    assert_eq!(post("", "Origin: http://evil.example\r\n").status, 403);
    assert_eq!(post("?force=perhaps", "").status, 400);
    let response = rig.get("/api/v1/reload");
    assert_eq!(response.status, 405);
    assert!(response.head.contains("allow: post"));
}

#[test]
fn an_upgrade_is_a_post_with_its_outcome() {
    let rig = Rig::start(Engine::Answers);
    let post = |query: &str, header: &str| {
        rig.order(&format!(
            "POST /api/v1/upgrade{query} HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: 0\r\n\r\n"
        ))
    };
    let done = post("", "");
    assert_eq!(
        (done.status, done.body.trim()),
        (200, r#"{"result":"process 7 answers now"}"#)
    );
    let late = post("?timeout_ms=2000", "");
    assert_eq!(late.status, 422);
    assert!(error_of(&late).contains("in time"), "{}", late.body);
    assert_eq!(post("?timeout_ms=soon", "").status, 400);
    assert_eq!(post("", "Origin: http://evil.example\r\n").status, 403);
    assert_eq!(rig.get("/api/v1/upgrade").status, 405);
}

#[test]
fn an_order_is_a_post_and_reaches_the_engine_whole() {
    let order = |engine: Engine, query: &str, header: &str| {
        Rig::start(engine).order(&format!(
            "POST /api/v1/orders?{query} HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: 0\r\n\r\n"
        ))
    };
    let whole = "action=drain&scope=eu+west&author=ops&reason=disks%2C+again";
    let done = order(Engine::Answers, whole, "");
    assert_eq!(done.status, 200, "{}", done.body);
    let found: serde_json::Value = serde_json::from_str(&done.body).unwrap();
    let expected = serde_json::json!({
        "result": "draining fra",
        "endpoints": ["fra"],
        "order": {
            "action": "drain",
            "value": null,
            "scope": "eu west",
            "author": format!("ops (user {})", user()),
            "reason": "disks, again",
            "given_at": null,
            "from": null,
            "until": null,
        },
        "held_by": [],
    });
    assert_eq!(found, expected);
    for (query, status, words) in [
        ("action=approve&scope=na", 409, "nothing waits"),
        ("action=undrain&scope=mars", 404, "no such region"),
        ("action=drain&scope=risky", 409, "would have nothing"),
        ("action=drain&scope=risky&force=true", 404, "no such region"),
        ("action=drain&scope=window&from=1h&for=2m", 422, "120000"),
        (
            "action=farce&scope=eu",
            400,
            "approve, refuse, drain, undrain, force",
        ),
        ("scope=eu", 400, "action is missing"),
        ("action=drain&scope=eu&reason=a%0Ab", 400, "one line"),
        ("action=drain&scope=eu&author=", 400, "author is empty"),
    ] {
        let query = &match query.contains("author") {
            true => query.to_owned(),
            false => format!("{query}&author=ops"),
        };
        let response = order(Engine::Answers, query, "");
        assert_eq!(response.status, status, "{query}");
        let error = error_of(&response);
        assert!(error.contains(words), "{query}: {error}");
    }
    let foreign = "Origin: http://evil.example\r\n";
    assert_eq!(order(Engine::Answers, whole, foreign).status, 403);
    assert_eq!(order(Engine::IsSilent, whole, "").status, 503);
    assert_eq!(order(Engine::HasEnded, whole, "").status, 503);
    let nameless = order(Engine::Answers, "action=drain&scope=eu+west", "");
    // The connection tells who it is.
    assert_eq!(nameless.status, 200);
    assert!(nameless.body.contains(&format!("user {}", user())));
}

#[test]
fn orders_are_listed_with_what_is_left_of_their_endpoints() {
    let rig = Rig::start(Engine::Answers);
    let listed = rig.get("/api/v1/orders");
    assert_eq!(listed.status, 200, "{}", listed.body);
    let found: serde_json::Value = serde_json::from_str(&listed.body).unwrap();
    let order = &found["orders"][0];
    assert_eq!(order["scope"], "tor-b");
    assert_eq!(
        (&order["state"], &order["until"]),
        (&"in_force".into(), &serde_json::Value::Null)
    );
    let given = order["given_at"].as_str().unwrap();
    assert!(given.ends_with('Z') && given.len() == 20, "{given}");
    let endpoints = serde_json::json!([{ "name": "tor-b", "share_permille": 500 }]);
    assert_eq!(order["endpoints"], endpoints);
    assert_eq!(found["history"], serde_json::json!([]));
    assert_eq!(
        Rig::start(Engine::IsSilent).get("/api/v1/orders").status,
        503
    );
}

#[test]
fn a_dry_run_says_who_would_move_and_what_would_be_lost() {
    let rig = Rig::start(Engine::Answers);
    let ask = |query: &str| {
        let request = format!(
            "POST /api/v1/orders?{query}&dry_run=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        );
        rig.request(&request)
    };
    let response = ask("action=drain&scope=toronto");
    assert_eq!(response.status, 200, "{}", response.body);
    let found: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(found["endpoints"], serde_json::json!(["tor-a", "tor-b"]));
    let damage = found["damage"][0].as_str().unwrap();
    assert!(
        damage.starts_with("data (v4) would have no healthy endpoint for clients of toronto"),
        "{damage}"
    );
    let services = found["services"].as_array().unwrap();
    let api = services
        .iter()
        .find(|own| own["service"] == "api" && own["family"] == "v4");
    let regions = api.unwrap()["regions"].as_array().unwrap();
    let eu = regions
        .iter()
        .find(|own| own["region"] == "toronto")
        .unwrap();
    assert_eq!(eu["after_permille"], 0);
    assert_eq!(
        eu["before_permille"],
        api.unwrap()["moved_permille"],
        "all of them, and nobody else"
    );
    assert!(eu["before_permille"].as_u64().unwrap() > 50, "{eu}");
    let sum = |key: &str| {
        regions
            .iter()
            .map(|own| own[key].as_u64().unwrap())
            .sum::<u64>()
    };
    assert!(
        (998..=1002).contains(&sum("before_permille"))
            && (998..=1002).contains(&sum("after_permille"))
    );
    let harmless = ask("action=drain&scope=kef-a");
    let found: serde_json::Value = serde_json::from_str(&harmless.body).unwrap();
    assert_eq!(found["damage"], serde_json::json!([]));
    assert_eq!(ask("action=drain&scope=mars").status, 404);
    assert_eq!(ask("action=undrain&scope=toronto&author=ada").status, 400);
    let listed: serde_json::Value = serde_json::from_str(&rig.get("/api/v1/orders").body).unwrap();
    assert_eq!(
        listed["orders"].as_array().unwrap().len(),
        1,
        "nothing was ordered"
    );
}

#[test]
fn bad_requests_get_errors_in_json() {
    let rig = Rig::start(Engine::Answers);
    for (path, status, words) in [
        ("/nothing", 404, "nothing at /nothing"),
        ("/api/v1/explain", 400, "name is missing"),
        ("/api/v1/explain?name=a..b", 400, "empty label"),
        ("/api/v1/explain?name=a.example", 400, "client is missing"),
        (
            "/api/v1/explain?name=a.example&client=me",
            400,
            "not an IP address",
        ),
        (
            "/api/v1/explain?name=a.example&clown=1",
            400,
            "clown is not known",
        ),
    ] {
        let response = rig.get(path);
        assert_eq!(response.status, status, "{path}");
        let error = error_of(&response);
        assert!(error.contains(words), "{path}: {error}");
    }
    for request in [
        "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)),
    ] {
        let status = rig.request(&request).status;
        assert!((400..500).contains(&status), "{status} for {request:.20}");
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let rig = Rig::start(Engine::Answers);
    for (path, kind) in [
        ("/", "text/html"),
        ("/app.css", "text/css"),
        ("/app.js", "text/javascript"),
        ("/world.json", "application/json"),
    ] {
        let response = rig.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.head.contains(&format!("content-type: {kind}")));
        assert!(response.head.contains("default-src 'none'"));
        // Names of XML's vocabularies look like addresses, and nobody goes there.
        let body = response.body.replace("http://www.w3.org/", "");
        assert!(
            !body.contains("http://") && !body.contains("https://"),
            "{path}"
        );
    }
    let head = rig.request("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(!head.head.contains("content-length: 0"));
}

/// An engine of four regions, of which three endpoints have been probed; one of them is down for one service alone.
fn probed() -> waypost::engine::Engine {
    let text = policy::with(&[(
        "[services.node]",
        "[monitors.deep]\ntype = \"tcp\"\nport = 81\n[services.node]",
    )]);
    let node = text.rfind("monitors = [\"web\"]").unwrap();
    let text =
        text[..node].to_owned() + &text[node..].replacen("[\"web\"]", "[\"web\", \"deep\"]", 1);
    let plan = Arc::new(policy::compile(&text));
    let mut core = waypost::engine::Engine::new(Arc::clone(&plan), Arc::default(), Moment(0), 7);
    let slots = plan.slots.iter().enumerate();
    let slots: Vec<(SlotId, u16)> = slots
        .filter(|(_, slot)| slot.address.ip().to_string() != "192.0.2.40")
        .map(|(place, slot)| (SlotId::from_index(place), slot.address.port()))
        .collect();
    for at in 1..=4 {
        for (slot, port) in &slots {
            let outcome = match port {
                81 => ProbeResult::Fail(Cause::Refused),
                _ => ProbeResult::Pass,
            };
            let report = Report {
                outcome,
                timing: Timing::default(),
                certificate_expires: Some(1_800_000_000 + u64::from(*port)),
                value: None,
            };
            core.handle(Moment(at * 1000), Input::Reported(*slot, report));
            while core.poll().is_some() {}
        }
    }
    core
}

#[test]
fn metrics_show_the_worst_of_an_endpoint_once() {
    let metrics = Metrics::new(Clock::start());
    let core = probed();
    let text = metrics.render(Some(&core.figures(Moment(6500))));
    let fra = r#"region="frankfurt",provider="acme",endpoint="fra-a""#;
    let sin = r#"region="singapore",provider="bolt",endpoint="sin-a""#;
    for line in [
        format!(r#"waypost_endpoint_state{{{fra},family="v4",state="down"}} 1"#),
        format!(r#"waypost_endpoint_state{{{fra},family="v6",state="down"}} 1"#),
        format!(r#"waypost_endpoint_state{{{sin},family="v4",state="unproven"}} 1"#),
        format!(r#"waypost_endpoint_share_ratio{{{fra},family="v4"}} 0"#),
        format!(r#"waypost_endpoint_up{{{fra},family="v4"}} 0"#),
        format!(r#"waypost_endpoint_up{{{sin},family="v4"}} 1"#),
        format!("waypost_endpoint_unwatched{{{fra}}} 0"),
        format!("waypost_endpoint_probe_failures_total{{{fra}}} 0"),
        format!("waypost_probe_age_seconds{{{fra}}} 2.5"),
        format!("waypost_certificate_expiry_timestamp_seconds{{{fra}}} 1800000080"),
        r#"waypost_region_endpoints{region="frankfurt",state="down"} 2"#.to_owned(),
        r#"waypost_region_endpoints{region="toronto",state="healthy"} 2"#.to_owned(),
        r#"waypost_service_endpoints{service="api"} 6"#.to_owned(),
        r#"waypost_service_endpoints_up{service="api"} 6"#.to_owned(),
        r#"waypost_service_endpoints{service="node"} 3"#.to_owned(),
        r#"waypost_service_endpoints_up{service="node"} 1"#.to_owned(),
        r#"waypost_fail_open{service="api"} 0"#.to_owned(),
        r#"waypost_all_down{service="node"} 1"#.to_owned(),
        "waypost_doubting 0".to_owned(),
    ] {
        let count = text.lines().filter(|found| **found == line).count();
        assert_eq!(count, 1, "{line} in\n{text}");
    }
    assert!(
        !text.contains(&format!("waypost_probe_age_seconds{{{sin}")),
        "{text}"
    );
    check_exposition(&text);
    check_with_promtool(&text);
}

#[test]
fn the_config_says_whose_series_are_written() {
    let metrics = Metrics::new(Clock::start());
    let mut figures = probed().figures(Moment(5000));
    let mut endpoints = |series| {
        let mut plan = policy::compile(policy::CONFIG);
        plan.control.endpoint_series = series;
        // What the other plan says of slots and targets stays.
        let own = probed();
        let old = own.figures(Moment(5000)).plan;
        (plan.targets, plan.slots) = (old.targets.clone(), old.slots.clone());
        (plan.services, plan.monitors) = (old.services.clone(), old.monitors.clone());
        figures.plan = Arc::new(plan);
        let text = metrics.render(Some(&figures));
        assert!(
            text.contains("waypost_region_endpoints{region=\"toronto\",state=\"healthy\"} 2\n")
        );
        assert!(text.contains("waypost_service_endpoints_up{service=\"node\"} 1\n"));
        check_exposition(&text);
        let names = ["fra-a", "fra-b", "kef-a", "tor-a", "tor-b", "sin-a"];
        names.map(|name| text.contains(&format!("endpoint=\"{name}\"")))
    };
    assert_eq!(endpoints(EndpointSeries::All), [true; 6]);
    let down = [true, true, false, false, false, false];
    assert_eq!(endpoints(EndpointSeries::NotHealthy), down);
    assert_eq!(endpoints(EndpointSeries::None), [false; 6]);
}

#[test]
fn metrics_come_in_the_form_that_is_asked_for() {
    let rig = Rig::start(Engine::Answers);
    let text = rig.get("/metrics");
    assert!(
        text.head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        text.head
    );
    assert!(!text.head.contains("content-encoding"));
    let open = rig.request(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
    );
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        open.head
    );
    assert!(open.body.ends_with("\n# EOF\n"), "{}", open.body);
    assert!(open.body.contains("# TYPE waypost_reloads counter\n"));
    assert!(open.body.contains("# TYPE waypost_config info\n"));
    assert!(
        open.body
            .contains("# UNIT waypost_table_age_seconds seconds\n")
    );
    let mut stream = TcpStream::connect(rig.metrics_address).unwrap();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    .unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    let end = octets
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&octets[..end]).to_ascii_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(head.contains("vary: accept, accept-encoding"), "{head}");
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&octets[end + 4..])
        .read_to_string(&mut unpacked)
        .unwrap();
    check_exposition(&unpacked);
    assert!(unpacked.contains("waypost_engine_responding 1\n"));
}

#[test]
fn a_third_scrape_waits_for_its_turn() {
    let metrics = Metrics::new(Clock::start());
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (one, two) = (metrics.admit_scrape().await, metrics.admit_scrape().await);
        assert!(one.is_some() && two.is_some());
        let soon = Duration::from_millis(50);
        assert!(
            tokio::time::timeout(soon, metrics.admit_scrape())
                .await
                .is_err()
        );
        drop(one);
        assert!(metrics.admit_scrape().await.is_some());
    });
}

#[test]
fn a_refused_config_shows_as_a_gauge() {
    let metrics = Metrics::new(Clock::start());
    let mut figures = probed().figures(Moment(5000));
    for (refused, line) in [
        (false, "\nwaypost_config_refused 0\n"),
        (true, "\nwaypost_config_refused 1\n"),
    ] {
        figures.refused = refused;
        assert!(metrics.render(Some(&figures)).contains(line));
    }
}

#[test]
fn everything_that_is_counted_is_exposed() {
    let clock = Clock::start();
    let metrics = Metrics::new(clock);
    let table = serving::table(1);
    observe_everything(&metrics, &table);
    let text = metrics.render(Some(&probed().figures(Moment(5000))));
    let probe = r#"region="eu",monitor="web""#;
    for line in [
        format!(r#"waypost_probe_duration_seconds_bucket{{{probe},phase="connect",le="0.0025"}} 1"#),
        format!(r#"waypost_probe_duration_seconds_bucket{{{probe},phase="connect",le="0.001"}} 0"#),
        format!(r#"waypost_probe_duration_seconds_count{{{probe},phase="total"}} 5000"#),
        format!(r#"waypost_probe_failures_total{{{probe},cause="status"}} 4999"#),
        r#"waypost_notices_total{event="doubt"} 1"#.to_owned(),
        r#"waypost_reloads_total{result="refused"} 1"#.to_owned(),
        r#"waypost_reloads_total{result="applied"} 0"#.to_owned(),
        "waypost_table_build_seconds_count 1".to_owned(),
        "waypost_connections{transport=\"tcp\"} 3".to_owned(),
        r#"waypost_queries_total{service="api",region="eu",reason="fail_open",rcode="NOERROR",transport="udp"} 3"#.to_owned(),
        r#"waypost_queries_total{service="",region="",reason="badvers",rcode="BADVERS",transport="tcp"} 1"#.to_owned(),
        r#"waypost_fail_open_answers_total{service="api"} 3"#.to_owned(),
        r#"waypost_responses_truncated_total{transport="udp"} 3"#.to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    check_exposition(&text);
    check_with_promtool(&text);
}

/// Some of everything; the first of the probes passes, the others fail.
fn observe_everything(metrics: &Metrics, table: &Table) {
    let mut report = Report {
        outcome: ProbeResult::Pass,
        timing: Timing {
            connect_us: 2000,
            total_us: 9000,
            ..Timing::default()
        },
        certificate_expires: None,
        value: None,
    };
    for _ in 0..5000 {
        metrics.observe_probe(ProbeLabels::of(&table.plan, SlotId(0)), &report);
        report.outcome = ProbeResult::Fail(Cause::Status(503));
        report.timing.connect_us = 0;
    }
    metrics.notice(&Notice::Doubt {
        active: true,
        because: Sense::MostFail,
        failing_permille: 900,
    });
    metrics.reload(ReloadResult::Refused);
    metrics.published(table, Duration::from_micros(300));
    metrics.connections(Transport::Tcp, 3);
    let mut answered = Answered {
        length: 60,
        rcode: 0,
        service: Some(ServiceId(0)),
        region: Some(RegionId(0)),
        asked: None,
        reason: Reason::FailOpen,
        truncated: true,
        counted: Counted::NOTHING,
    };
    // Counters of threads that are gone go on to count.
    for _ in 0..3 {
        let mut counters = metrics.query_counters(&table.plan, Transport::Udp);
        counters.count(&answered);
        drop(counters);
        assert!(metrics.render(None).contains("waypost_queries_total{"));
    }
    answered = Answered {
        rcode: 16,
        service: None,
        region: None,
        reason: Reason::Badvers,
        truncated: false,
        ..answered
    };
    let mut counters = metrics.query_counters(&table.plan, Transport::Tcp);
    counters.count(&answered);
}

/// Asks Prometheus's own checker, where it is installed.
fn check_with_promtool(text: &str) {
    let spawned = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else { return };
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let done = promtool.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaints}\n{text}");
}

#[test]
fn half_sent_requests_keep_nobody_out() {
    let rig = Rig::start(Engine::Answers);
    let half_sent: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(rig.address).unwrap();
            // Some are closed by the server before they have said anything.
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc");
            stream
        })
        .collect();
    // Below the time after which the server gives up waiting for a request.
    let clock = Clock::start();
    assert_eq!(rig.get("/healthz").status, 200);
    assert!(clock.now() < Moment(3000), "{:?}", clock.now());
    drop(half_sent);
    drop(rig.runtime);
}

/// Every sample belongs to a family that was described just before, and stands once.
fn check_exposition(text: &str) {
    let (mut seen, mut family) = (std::collections::BTreeSet::new(), "");
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
            assert!(text.contains(&format!("# HELP {family} ")), "{family}");
            assert!(seen.insert(rest), "{family} stands twice");
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(series.starts_with(family), "{series} under {family}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(series), "{series} stands twice");
        }
    }
}

/// The user that the tests run as.
fn user() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid());
    user.unwrap().unwrap().name
}

fn drain(rig: &Rig, secret: &str, scope: &str) -> Response {
    rig.with_token(
        secret,
        "POST",
        &format!("/api/v1/orders?action=drain&scope={scope}"),
    )
}

#[test]
fn nobody_changes_anything_without_a_proof() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(3);
    for (method, path) in [
        ("POST", "/api/v1/reload?force=true"),
        ("POST", "/api/v1/orders?action=drain&scope=eu+west"),
        (
            "POST",
            "/api/v1/acme?name=_acme-challenge.example.org&value=x",
        ),
        ("DELETE", "/api/v1/acme?name=_acme-challenge.example.org"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let refused = rig.request(&request);
        assert_eq!(refused.status, 401, "{}", refused.body);
        assert!(refused.head.contains("www-authenticate: bearer"));
        assert!(
            refused
                .head
                .contains("content-type: application/problem+json")
        );
        let forged = rig.with_token("wpt_forged", method, path);
        assert_eq!(forged.status, 401, "{}", forged.body);
    }
    assert_eq!(
        rig.with_token("wpt_forged", "GET", "/api/v1/status").status,
        401
    );
    assert_eq!(rig.get("/api/v1/status").status, 200);
    let lines = rig.audit(8);
    assert!(lines.iter().all(|line| line["outcome"] == "refused"));
    assert_eq!(
        (&lines[2]["identity"], &lines[2]["way"]),
        (&"anybody".into(), &"http".into())
    );
}

#[test]
fn a_role_does_what_it_is_for_and_a_scope_covers_every_endpoint() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(3);
    let reload = |secret: &str| {
        rig.with_token(secret, "POST", "/api/v1/reload?force=true")
            .status
    };
    assert_eq!([ADMIN, OPS, HOOK].map(reload), [200, 403, 403]);
    // The only endpoint of region eu is at hetzner; the stand-in knows none of them.
    for (secret, scope, status) in [(OPS, "fra", 404), (OPS, "eu", 404), (HOOK, "fra", 403)] {
        assert_eq!(
            drain(&rig, secret, scope).status,
            status,
            "{secret} {scope}"
        );
    }
    let mut plan = serving::plan();
    plan.control.access = access(rig.folder.path());
    plan.control.access.tokens[1].grant.scope = vec![ScopePattern::parse("provider:ovh").unwrap()];
    rig.published
        .get()
        .unwrap()
        .publish(serving::table_of(4, plan));
    let refused = drain(&rig, OPS, "eu");
    assert_eq!(refused.status, 403, "a reload takes effect at once");
    assert!(
        error_of(&refused).contains("also for fra"),
        "{}",
        refused.body
    );
    let challenge = "/api/v1/acme?name=_acme-challenge.example.org&value=x";
    assert_eq!(
        rig.with_token(HOOK, "POST", challenge).status,
        503,
        "it came to the zones"
    );
    assert_eq!(rig.with_token(OPS, "POST", challenge).status, 403);
}

#[test]
fn a_reporter_reports_within_its_scope_and_sees_nothing() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(3);
    let push = |secret: &str, query: &str| {
        let path = format!("/api/v1/push?{query}");
        rig.with_token(secret, "POST", &path).status
    };
    for (secret, query, status) in [
        (BEAT, "monitor=beat&endpoint=fra&status=down&value=3.5", 200),
        (OPS, "monitor=beat&endpoint=fra", 200),
        (ADMIN, "monitor=web&endpoint=fra", 404),
        (HOOK, "monitor=beat&endpoint=fra", 403),
        // One that is not there is as one that is not covered.
        (BEAT, "monitor=beat&endpoint=nowhere", 403),
        (BEAT, "monitor=beat&endpoint=fra&status=well", 400),
        ("wpt_forged", "monitor=beat&endpoint=fra", 401),
    ] {
        assert_eq!(push(secret, query), status, "{secret} {query}");
    }
    for path in [
        "/api/v1/status",
        "/api/v1/audit",
        "/api/v1/orders",
        "/metrics",
    ] {
        assert_eq!(rig.with_token(BEAT, "GET", path).status, 403, "{path}");
    }
    assert_eq!(drain(&rig, BEAT, "fra").status, 403);
}

#[test]
fn a_change_stands_in_the_log_before_it_is_made() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(3);
    let path = "/api/v1/orders?action=drain&scope=eu+west&author=ada&reason=disks";
    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(rig.order(&request).status, 200);
    let lines = rig.audit(2);
    let author = format!("ada (user {})", user());
    for (line, outcome) in lines.iter().zip(["begun", "done"]) {
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["identity"], format!("user {}", user()));
        assert_eq!(
            (&line["way"], &line["role"]),
            (&"unix".into(), &"admin".into())
        );
        assert_eq!(
            (&line["what"]["scope"], &line["what"]["author"]),
            (&"eu west".into(), &author.as_str().into())
        );
        assert_eq!(line["reason"], "disks");
    }
    assert_eq!(lines[1]["begun"], 1);
    assert_eq!(lines[1]["detail"], "draining fra");
    let head = rig.get("/api/v1/audit");
    let head: serde_json::Value = serde_json::from_str(&head.body).unwrap();
    assert_eq!(
        (&head["seq"], &head["hash"]),
        (&2.into(), &lines[1]["hash"])
    );
}

#[test]
fn a_change_that_cannot_be_recorded_is_not_made() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(3);
    std::fs::remove_file(rig.audit_path()).unwrap();
    // A full disk: every write fails.
    std::os::unix::fs::symlink("/dev/full", rig.audit_path()).unwrap();
    for (path, method) in [
        ("/api/v1/reload?force=true", "POST"),
        ("/api/v1/orders?action=drain&scope=eu+west", "POST"),
        (
            "/api/v1/acme?name=_acme-challenge.example.org&value=x",
            "POST",
        ),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let refused = rig.order(&request);
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(
            error_of(&refused).contains("cannot be recorded"),
            "{}",
            refused.body
        );
    }
    // Refused they are all the same.
    assert_eq!(drain(&rig, HOOK, "eu").status, 403);
    std::fs::remove_file(rig.audit_path()).unwrap();
    let request = "POST /api/v1/reload?force=true HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(rig.order(request).status, 200);
    let lines = std::fs::read_to_string(rig.audit_path()).unwrap();
    assert!(
        lines.starts_with("{\"seq\":1,") && lines.lines().count() == 2,
        "{lines}"
    );
}

#[test]
fn a_flood_of_refusals_fills_no_disk() {
    let rig = Rig::start(Engine::Answers);
    let refused: Vec<u16> = (0..50)
        .map(|_| drain(&rig, "wpt_guess", "eu").status)
        .collect();
    assert_eq!(refused.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(refused.last(), Some(&429));
    rig.audit(10);
    // Whoever has a proof is let in all the same.
    assert_eq!(drain(&rig, ADMIN, "eu+west").status, 200);
}

#[test]
fn metrics_alone_are_open_where_they_are_alone() {
    let rig = Rig::start(Engine::Answers);
    let ask = |method: &str, path: &str| {
        let stream = TcpStream::connect(rig.metrics_address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: anything.example\r\nAuthorization: Bearer {ADMIN}\r\n\r\n"
        );
        exchange(stream, &request).status
    };
    assert_eq!(ask("GET", "/metrics"), 200);
    assert_eq!(ask("GET", "/healthz"), 200);
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/v1/status"),
        ("POST", "/api/v1/reload"),
        ("POST", "/api/v1/orders?action=drain&scope=eu"),
    ] {
        assert!([404, 421].contains(&ask(method, path)), "{method} {path}");
    }
}

fn error_of(response: &Response) -> String {
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    body["detail"].as_str().unwrap().to_owned()
}

/// Reads server-sent events until some text has come.
fn read_events(rig: &Rig, last: &str, until: &str) -> String {
    let mut stream = TcpStream::connect(rig.address).unwrap();
    let last = match last {
        "" => String::new(),
        last => format!("Last-Event-ID: {last}\r\n"),
    };
    write!(
        stream,
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n"
    )
    .unwrap();
    let mut text = Vec::new();
    let mut octets = [0; 4096];
    while !String::from_utf8_lossy(&text).contains(until) {
        let read = stream.read(&mut octets).unwrap();
        let so_far = String::from_utf8_lossy(&text);
        assert!(read > 0, "ended before {until}: {so_far}");
        text.extend(&octets[..read]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_page_is_told_the_whole_once_and_goes_on_where_it_was() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(7);
    let text = read_events(&rig, "", "\"generation\":");
    let head = text.to_ascii_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{text}");
    assert!(text.contains("event: whole"), "{text}");
    for piece in ["\"e/fra-", "\"h\":"] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
    let is_aged = text.contains("age_ms") || text.contains("took_us");
    assert!(!is_aged, "moments, not ages: {text}");
    // Whoever comes back is told nothing twice; of another server's messages nobody knows.
    let id = text
        .split("id: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let again = read_events(&rig, id.unwrap(), "data: ");
    assert!(!again.contains("event: whole"), "{again}");
    read_events(&rig, "1-1", "event: whole");
}

#[test]
fn too_many_pages_are_told_so_and_others_are_served() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(7);
    let open = || {
        let mut stream = TcpStream::connect(rig.address).unwrap();
        let request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        (head.ends_with(b" 200"), stream)
    };
    let pages: Vec<_> = (0..waypost::base::limits::LIVE_READERS)
        .map(|_| open())
        .collect();
    assert!(pages.iter().all(|(is_served, _)| *is_served));
    assert_eq!(rig.get("/api/v1/events").status, 503);
    assert_eq!(rig.get("/api/v1/status").status, 200);
    drop(pages);
    let is_freed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        open().0
    });
    assert!(is_freed, "a page that is gone leaves its place");
}

#[test]
fn the_map_says_who_serves_which_country() {
    let rig = Rig::start(Engine::Answers);
    assert_eq!(rig.get("/api/v1/map").status, 503, "there is no table yet");
    rig.publish(7);
    let map = |query: &str| -> serde_json::Value {
        let response = rig.get(&format!("/api/v1/map{query}"));
        assert_eq!(response.status, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    };
    let now = map("");
    let countries = now["countries"].as_array().unwrap();
    assert!(countries.len() > 200, "{}", countries.len());
    for own in countries {
        let parts = own["regions"].as_array().unwrap().iter();
        let sum: u64 = parts
            .map(|part| part["share_permille"].as_u64().unwrap())
            .sum();
        assert!((995..=1005).contains(&sum), "{own}");
    }
    // The map and the explanation of a country's client tell the same story.
    let name = serving::plan().services[0].hostnames[0].to_string();
    for own in countries.iter().step_by(29) {
        let client = own["client"].as_str().unwrap();
        let explained = rig.get(&format!("/api/v1/explain?name={name}&client={client}"));
        let explained: serde_json::Value = serde_json::from_str(&explained.body).unwrap();
        let chain = &explained["chain"];
        assert_eq!(chain["place"]["country"], own["country"], "{client}");
        let mut parts = own["regions"].as_array().unwrap().iter();
        assert!(parts.any(|part| part["region"] == chain["region"]), "{own}");
    }
    let region = now["regions"][0]["region"].as_str().unwrap();
    let without = map(&format!("?down={region}"));
    assert_eq!(without["supposed"], serde_json::json!([region]));
    assert_eq!(rig.get("/api/v1/map?down=nowhere").status, 404);
    assert_eq!(rig.get("/api/v1/map?service=none").status, 404);
}

#[test]
fn whoever_asks_is_told_who_that_is_and_operators_read_the_log() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(7);
    let told = |response: Response| -> serde_json::Value {
        assert_eq!(response.status, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    };
    let anybody = told(rig.get("/api/v1/whoami"));
    assert_eq!(anybody["identity"], "anybody");
    assert_eq!(anybody["may_order"], false);
    let expected = serde_json::json!({
        "identity": "token ops", "role": "operator", "way": "http",
        "scope": ["provider:hetzner"], "may_order": true, "may_govern": false, "may_play": false,
    });
    assert_eq!(told(rig.with_token(OPS, "GET", "/api/v1/whoami")), expected);
    let path = "/api/v1/audit/lines?last=1";
    assert_eq!(rig.get(path).status, 401);
    assert_eq!(rig.with_token(HOOK, "GET", path).status, 403);
    rig.with_token(ADMIN, "POST", "/api/v1/reload");
    let log = told(rig.with_token(OPS, "GET", path));
    let lines = log["lines"].as_array().unwrap();
    assert_eq!(
        (lines.len(), &lines[0]["what"]["action"]),
        (1, &"reload".into())
    );
}

#[test]
fn viewers_see_the_cluster_and_admins_revoke_a_node() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(7);
    let view: serde_json::Value = serde_json::from_str(&rig.get("/api/v1/cluster").body).unwrap();
    assert_eq!(view["summary"]["cluster"], "prod");
    let path = "/api/v1/cluster/revoke?node=tor1&author=ada";
    assert_eq!(rig.with_token(OPS, "POST", path).status, 403);
    let done = rig.with_token(ADMIN, "POST", path);
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.body.contains("tor1 by ada ("), "{}", done.body);
    for wrong in ["", "?node=", "?node=tor1&nodes=2"] {
        let path = format!("/api/v1/cluster/revoke{wrong}");
        assert_eq!(rig.with_token(ADMIN, "POST", &path).status, 400, "{wrong}");
    }
}

#[test]
fn a_config_is_compared_for_admins_alone() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(7);
    let compare = |secret: &str, text: &str, query: &str| {
        let length = text.len();
        rig.request(&format!(
            "POST /api/v1/plan{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nContent-Length: {length}\r\n\r\n{text}"
        ))
    };
    for (secret, text, query, status, words) in [
        (OPS, "[server]", "", 403, "takes role admin"),
        (ADMIN, "[server]", "", 200, "8 octets, own part Written"),
        (ADMIN, "[server]", "?own_part=kept", 200, "own part Kept"),
        (
            ADMIN,
            "[server]",
            "?own_part=no",
            400,
            "`kept` or `written`",
        ),
        (ADMIN, "[server]", "?part=kept", 400, "unknown parameter"),
        (ADMIN, "", "", 422, "it is empty"),
    ] {
        let response = compare(secret, text, query);
        assert_eq!(response.status, status, "{}", response.body);
        assert!(response.body.contains(words), "{}", response.body);
    }
    assert_eq!(rig.get("/api/v1/plan").status, 405);
}

#[test]
fn the_timeline_begins_with_the_start() {
    let rig = Rig::start(Engine::Answers);
    rig.publish(7);
    let history = |query: &str| -> serde_json::Value {
        let response = rig.get(&format!("/api/v1/history{query}"));
        serde_json::from_str(&response.body).unwrap()
    };
    let is_told = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        history("")["events"][0]["text"] == "waypost 1.0 started"
    });
    assert!(is_told, "{}", history(""));
    let later = history("?from=2100-01-01T00:00:00Z");
    assert_eq!(later["events"], serde_json::json!([]));
    assert_eq!(rig.get("/api/v1/history?from=noon").status, 400);
    assert_eq!(rig.get("/api/v1/endpoint?name=nobody").status, 404);
    assert_eq!(rig.get("/api/v1/endpoint").status, 400);
}
