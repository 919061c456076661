//! The controller for Kubernetes, between two API servers and a Waypost; `dig` says what came of it.
//!
//! `api_server.py` is what the controller takes for an API server. `deploy/kubernetes` is built, and its own tests are run, below the
//! target folder of this package.
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::world::{CONFIG, Process, World, ZONE, dig, get, repository, run, token, wait_for};

mod faults;
mod image;
mod many;

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const RESOURCES: &str = "/apis/waypost.dev/v1alpha1/namespaces/team/waypostservices";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const SERVICES: &str = "/api/v1/namespaces/team/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/team/endpointslices";
const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/team/gateways";
/// The API servers of the two clusters; the first has the resources.
const FRA: u16 = 7001;
const TOR: u16 = 7002;
/// Clients in Germany and in Canada.
const GERMAN: &str = "198.51.100.0/24";
const CANADIAN: &str = "203.0.113.0/24";

const DYNAMIC: &str = r#"
[[dynamic.objects]]
kinds = ["service", "monitor"]
names = ["k8s-*"]
tokens = ["kubernetes"]

[[dynamic.objects]]
"#;

/// The controller, built once; its own tests have passed.
fn controller() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(WAYPOST).ancestors().nth(2).unwrap();
        let target = target.join("terraform");
        let manifest = repository("deploy/kubernetes/Cargo.toml");
        for word in ["build", "test"] {
            let output = Command::new(env!("CARGO"))
                .args([word, "--locked", "--manifest-path"])
                .arg(&manifest)
                .env("CARGO_TARGET_DIR", &target)
                .output()
                .unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert!(output.status.success(), "cargo {word}: {text}");
        }
        target.join("debug/waypost-kubernetes")
    })
}

/// The controller takes a file for its config; where it is to run is not there.
pub(crate) fn reads(config: &Path) {
    let arguments = ["orphans", "--config", config.to_str().unwrap()];
    let (said, _) = run(controller().to_str().unwrap(), &arguments);
    assert!(said.contains("cluster here: "), "{said}");
}

/// Two clusters and a Waypost.
struct Stage {
    controller: &'static Path,
    secret: String,
    clusters: Vec<Process>,
    waypost: Option<Process>,
    world: World,
}

impl Stage {
    fn start() -> Self {
        // Before the world: crates may have to be fetched.
        let controller = controller();
        let world = World::new();
        let scope = ["--role", "operator", "--scope", "k8s-*"];
        let (secret, table) = token(&[&["kubernetes"], &scope[..]].concat());
        world.write("config.toml", &format!("{CONFIG}{table}\n{DYNAMIC}"));
        world.write("zones/example.org.zone", ZONE);
        world.write("token", &secret);
        for (name, port) in [("fra", FRA), ("tor", TOR)] {
            let text = json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "own", "users": [{ "name": "own", "user": {} }],
                "clusters": [{ "name": "own", "cluster": { "server": format!("http://127.0.0.1:{port}") } }],
                "contexts": [{ "name": "own", "context": { "cluster": "own", "user": "own" } }],
            });
            world.write(&format!("{name}.yaml"), &text.to_string());
        }
        let folder = world.path("");
        let folder = folder.display();
        let config = json!({
            "waypost": { "control": "http://127.0.0.1:8053", "tokenFile": format!("{folder}token") },
            "lease": { "namespace": "dns", "seconds": 6 }, "home": "fra", "readinessSeconds": 60,
            "clusters": [
                { "name": "fra", "region": "eu-frankfurt", "provider": "hetzner", "kubeconfig": format!("{folder}fra.yaml") },
                { "name": "tor", "region": "na-toronto", "kubeconfig": format!("{folder}tor.yaml"), "gateways": true },
            ],
        });
        world.write("controller.yaml", &config.to_string());
        let mut stage = Self {
            controller,
            secret,
            clusters: Vec::new(),
            waypost: None,
            world,
        };
        stage.clusters.push(stage.cluster(FRA));
        stage.clusters.push(stage.cluster(TOR));
        stage.waypost = Some(stage.world.waypost());
        stage
    }

    /// The API server of a cluster, with all that it had when it ended.
    fn cluster(&self, port: u16) -> Process {
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(repository("tests/real/kubernetes/api_server.py"))
            .arg(port.to_string())
            .arg(self.world.path(&format!("{port}.json")));
        let process = self.world.start(&format!("cluster-{port}"), &mut command);
        wait_for("an API server", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        process
    }

    /// Ends the API server of the second cluster.
    fn end_cluster(&mut self) {
        let mut own = self.clusters.pop().unwrap();
        kill(own.id(), Signal::SIGTERM).unwrap();
        own.wait();
    }

    fn run(&self, identity: &str) -> Process {
        let mut command = Command::new(self.controller);
        command.args(["run", "--config"]);
        command.arg(self.world.path("controller.yaml"));
        command.args(["--identity", identity]);
        self.world
            .start(&format!("controller-{identity}"), &mut command)
    }

    fn install(&self) {
        let yaml = repository("deploy/kubernetes/crds/waypostservices.yaml");
        let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
        let (text, well) = run("/usr/bin/python3", &["-c", script, yaml.to_str().unwrap()]);
        assert!(well, "{text}");
        made(FRA, DEFINITIONS, &serde_json::from_str(&text).unwrap());
    }

    /// The API as an admin has it, over the socket.
    fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let socket = self.world.path("waypost.sock");
        let socket = ["--unix-socket", socket.to_str().unwrap()];
        curl(
            &socket,
            method,
            &format!("http://localhost/api/v1/{path}"),
            None,
            body,
        )
    }

    fn declared(&self, name: &str) -> bool {
        self.admin("GET", &format!("declared/services/{name}"), None)
            .0
            == 200
    }
}

/// An answer of an API: status and body.
fn curl(
    more: &[&str],
    method: &str,
    url: &str,
    media: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "-w",
        "\n%{http_code}",
        "-X",
        method,
        "-H",
        "X-Test: 1",
    ]);
    command.args(more);
    if let Some(media) = media {
        command.args(["-H", &format!("Content-Type: {media}")]);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    if let Some(body) = body {
        fs::write(file.path(), body.to_string()).unwrap();
        command.arg("--data-binary");
        command.arg(format!("@{}", file.path().display()));
    }
    let output = command.arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (
        status.parse().unwrap(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

fn api(port: u16, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let media = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    curl(
        &[],
        method,
        &format!("http://127.0.0.1:{port}{path}"),
        Some(media),
        body,
    )
}

fn made(port: u16, path: &str, body: &Value) {
    let (status, said) = api(port, "POST", path, Some(body));
    assert!(matches!(status, 200 | 201), "{path}: {status} {said}");
}

fn changed(port: u16, path: &str, body: &Value) {
    let (status, said) = api(port, "PATCH", path, Some(body));
    assert_eq!(status, 200, "{path}: {said}");
}

/// A Service with a load balancer, and its EndpointSlice.
fn service(port: u16, name: &str, address: &str) {
    let own = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": { "type": "LoadBalancer" }, "status": { "loadBalancer": { "ingress": [{ "ip": address }] } } });
    made(port, SERVICES, &own);
    slice(port, name, &[("10.0.0.1", true), ("10.0.0.2", true)]);
}

fn endpoints(all: &[(&str, bool)]) -> Value {
    let all = all.iter();
    all.map(|(address, ready)| json!({ "addresses": [address], "conditions": { "ready": ready } }))
        .collect()
}

fn slice(port: u16, service: &str, all: &[(&str, bool)]) {
    let own = json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": format!("{service}-x"), "labels": { "kubernetes.io/service-name": service } },
        "endpoints": endpoints(all) });
    made(port, SLICES, &own);
}

fn gateway(port: u16, name: &str, address: &str) {
    let own = json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": { "name": name },
        "status": { "addresses": [{ "type": "IPAddress", "value": address }],
            "conditions": [{ "type": "Programmed", "status": "True" }] } });
    made(port, GATEWAYS, &own);
}

fn resource(name: &str, hostname: &str, backends: &Value) -> Value {
    json!({ "apiVersion": "waypost.dev/v1alpha1", "kind": "WaypostService", "metadata": { "name": name },
        "spec": { "hostnames": [hostname], "recovery": "quick", "ttl": { "min": "1s", "max": "2s" },
            "backends": backends, "explain": ["198.51.100.1"] } })
}

/// A service of a load balancer in the first cluster and a gateway in the second.
fn shop() -> Value {
    resource(
        "shop",
        "shop.example.org",
        &json!([
            { "name": "fra", "cluster": "fra", "service": { "name": "shop" } },
            { "name": "tor", "cluster": "tor", "gateway": { "name": "edge" } },
        ]),
    )
}

/// The answer for a client's network.
fn answer(hostname: &str, client: &str) -> String {
    let subnet = format!("+subnet={client}");
    dig(&["@127.0.0.20", "+short", &subnet, hostname, "A"])
}

fn wait_for_answer(hostname: &str, client: &str, address: &str) {
    wait_for(&format!("{address} for {client}"), || {
        answer(hostname, client).trim() == address
    });
}

/// A condition of a resource: its status, reason and message.
fn condition(name: &str, kind: &str) -> (String, String, String) {
    let (_, own) = api(FRA, "GET", &format!("{RESOURCES}/{name}"), None);
    let all = own["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = all
        .into_iter()
        .find(|own| own["type"] == kind)
        .unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

fn wait_for_condition(name: &str, kind: &str, status: &str, reason: &str) -> String {
    wait_for(&format!("{kind} of {name}: {status}, {reason}"), || {
        let own = condition(name, kind);
        own.0 == status && own.1 == reason
    });
    condition(name, kind).2
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn services_and_gateways_of_two_clusters_are_endpoints_of_two_regions() {
    let stage = Stage::start();
    let controller = stage.run("one");
    // Without the definition it waits.
    wait_for("a watch that is refused", || {
        controller.log().contains("waypostservices")
    });
    stage.install();
    service(FRA, "shop", "192.0.2.11");
    gateway(TOR, "edge", "192.0.2.22");
    made(FRA, RESOURCES, &shop());
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.11");
    wait_for_answer("shop.example.org", CANADIAN, "192.0.2.22");
    wait_for_condition("shop", "Ready", "True", "Ready");
    wait_for_condition("shop", "Programmed", "True", "Programmed");
    wait_for("an explanation", || {
        let (_, own) = api(FRA, "GET", &format!("{RESOURCES}/shop"), None);
        let told = own["status"]["explain"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        told.starts_with("198.51.100.1: eu-frankfurt") && told.contains("192.0.2.11")
    });
    let (_, own) = api(FRA, "GET", &format!("{RESOURCES}/shop"), None);
    assert_eq!(own["status"]["observedGeneration"], 1);
    assert_eq!(own["status"]["service"], "k8s-team_shop");
    assert_eq!(
        own["metadata"]["finalizers"],
        json!(["waypost.dev/declared"])
    );
    let fields = own["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        fields
            .iter()
            .any(|own| own["manager"] == "waypost-kubernetes" && own["subresource"] == "status")
    );
    // Another's condition is beside those of the controller; theirs are not for others.
    let others = |kind: &str| {
        let own = json!({ "type": kind, "status": "True", "reason": "Other", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
        let mine = json!({ "apiVersion": "waypost.dev/v1alpha1", "kind": "WaypostService", "metadata": { "name": "shop" }, "status": { "conditions": [own] } });
        let url = format!("http://127.0.0.1:{FRA}{RESOURCES}/shop/status?fieldManager=other");
        let media = Some("application/apply-patch+yaml");
        curl(&[], "PATCH", &url, media, Some(&mine)).0
    };
    assert_eq!((others("Other"), others("Ready")), (200, 409));
    let (_, view) = stage.admin("GET", "declared/services/k8s-team_shop", None);
    assert_eq!(view["author"], "waypost-kubernetes (token kubernetes)");
    // Readiness lost, and found again: Waypost moves the clients, and nothing is declared anew.
    let slice = format!("{SLICES}/shop-x");
    let not_ready = endpoints(&[("10.0.0.1", false), ("10.0.0.2", false)]);
    changed(FRA, &slice, &json!({ "endpoints": not_ready }));
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.22");
    wait_for("the readiness in the status", || {
        condition("shop", "Ready").2 == "1 of 2 endpoints are ready"
    });
    assert_eq!(condition("shop", "Other").1, "Other");
    changed(
        FRA,
        &slice,
        &json!({ "endpoints": endpoints(&[("10.0.0.1", false), ("10.0.0.2", true)]) }),
    );
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.11");
    let (_, same) = stage.admin("GET", "declared/services/k8s-team_shop", None);
    assert_eq!(same["revision"], view["revision"]);
    // Watches are closed, and what they saw is too old (410): a new list. Meanwhile another has changed something at Waypost (412).
    let other = json!({ "table": { "hostnames": ["other.example.org"] } });
    assert_eq!(
        stage
            .admin("PUT", "declared/services/k8s-team_taken", Some(&other))
            .0,
        200
    );
    for (word, address) in [("close", "192.0.2.12"), ("compact", "192.0.2.13")] {
        assert_eq!(api(FRA, "POST", &format!("/_test/{word}"), None).0, 200);
        let ingress = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": address }] } } });
        changed(FRA, &format!("{SERVICES}/shop"), &ingress);
        wait_for_answer("shop.example.org", GERMAN, address);
    }
    // A spec that changes is a new generation; the pods themselves take the load balancer's place.
    let backends = json!([{ "name": "fra", "cluster": "fra", "service": { "name": "shop", "addresses": "Endpoints" }, "weight": 7 }]);
    changed(
        FRA,
        &format!("{RESOURCES}/shop"),
        &json!({ "spec": { "backends": backends } }),
    );
    wait_for_answer("shop.example.org", CANADIAN, "10.0.0.2");
    wait_for("the generation", || {
        let (_, own) = api(FRA, "GET", &format!("{RESOURCES}/shop"), None);
        own["status"]["observedGeneration"] == 2 && own["status"]["endpoints"][0]["ready"] == 1
    });
    // What the API server itself refuses, what the controller does, what Waypost does, and what is somebody else's: nobody else is held up.
    let (status, said) = api(
        FRA,
        "POST",
        RESOURCES,
        Some(&resource("none", "none.example.org", &json!([]))),
    );
    assert_eq!(status, 422, "{said}");
    let of =
        |cluster: &str| json!([{ "name": "a", "cluster": cluster, "service": { "name": "shop" } }]);
    made(
        FRA,
        RESOURCES,
        &resource("lost", "lost.example.org", &of("none")),
    );
    made(
        FRA,
        RESOURCES,
        &resource("mail", "mail.example.org", &of("fra")),
    );
    made(
        FRA,
        RESOURCES,
        &resource("taken", "other.example.org", &of("fra")),
    );
    made(
        FRA,
        RESOURCES,
        &resource("well", "well.example.org", &of("fra")),
    );
    wait_for_answer("well.example.org", GERMAN, "192.0.2.13");
    let told = wait_for_condition("lost", "Accepted", "False", "Invalid");
    assert!(told.contains("knows no cluster none"), "{told}");
    let told = wait_for_condition("mail", "Programmed", "False", "Refused");
    assert!(
        told.contains("`mail.example.org` is steered and has a static A as well"),
        "{told}"
    );
    let told = wait_for_condition("taken", "Programmed", "False", "Conflict");
    assert!(told.contains("declared by"), "{told}");
    for name in ["shop", "mail", "taken", "well", "lost"] {
        assert_eq!(
            api(FRA, "DELETE", &format!("{RESOURCES}/{name}"), None).0,
            200
        );
    }
    wait_for("the resources to be gone", || {
        let (_, own) = api(FRA, "GET", RESOURCES, None);
        own["items"] == json!([])
    });
    assert_eq!(answer("well.example.org", GERMAN), "");
    assert!(!stage.declared("k8s-team_shop") && stage.declared("k8s-team_taken"));
    // No more is asked of the API servers than the chart lets the controller do.
    let (_, used) = api(FRA, "POST", "/_test/used", None);
    let (_, also) = api(TOR, "POST", "/_test/used", None);
    assert_eq!(allowed_not(&[used, also]), [""; 0]);
}

/// Requests for which the chart has no rule.
fn allowed_not(used: &[Value]) -> Vec<String> {
    let rules =
        fs::read_to_string(repository("deploy/helm/waypost/templates/controller.yaml")).unwrap();
    let rules = rules.replace("{{ $config.lease.name | quote }}", "\"waypost-kubernetes\"");
    let used = used.iter().flat_map(|own| own.as_array().unwrap());
    let word = |own: &Value, at: usize| own[at].as_str().unwrap().to_owned();
    let missing = used.filter(|own| {
        let [verb, group, resource, name] = [0, 1, 2, 3].map(|at| word(own, at));
        !rules.lines().any(|line| {
            line.contains(&format!("apiGroups: [\"{group}\"]"))
                && line.contains(&format!("resources: [\"{resource}\"]"))
                && line.contains(&format!("\"{verb}\""))
                && line
                    .split_once("resourceNames: [")
                    .is_none_or(|own| own.1.starts_with(&format!("\"{name}\"]")))
        })
    });
    missing.map(Value::to_string).collect()
}
