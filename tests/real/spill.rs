//! A region fails, and its clients spill over what the others can carry; what fits nowhere is told.
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use waypost::dns::{Name, ask};

use crate::world::{World, ZONE, get, run, state_of, wait_for};

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 20)), 53);
/// So many client networks of each country are asked for.
const NETWORKS: u16 = 2000;
const EU: &str = "127.1.0.1";
const NA: &str = "127.2.0.1";
const AP: &str = "127.3.0.1";

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.20:53"]

[control]
listen = "127.0.0.1:8053"

[geo]
database = "embedded"
overrides = { "100.0.0.0/8" = "DE", "101.0.0.0/8" = "CA" }

[[zones]]
name = "example.org"
file = "zones/example.org.zone"

[regions.eu]
location = [50.11, 8.68]
serves = ["EU", "AF"]
fallback = ["na", "ap"]
capacity = 100

[[regions.eu.endpoints]]
name = "eu-one"
provider = "one"
addresses = ["127.1.0.1"]

[regions.na]
location = [43.65, -79.38]
serves = ["NA", "SA"]
fallback = ["eu", "ap"]
capacity = 80

[[regions.na.endpoints]]
name = "na-one"
provider = "two"
addresses = ["127.2.0.1"]

[regions.ap]
location = [1.35, 103.8]
serves = ["AS", "OC"]
fallback = ["na", "eu"]
capacity = 100

[[regions.ap.endpoints]]
name = "ap-one"
provider = "three"
addresses = ["127.3.0.1"]

[monitors.web]
type = "http"
port = 8080
path = "/healthz"
interval = "200ms"
timeout = "150ms"
fall = 2
rise = 2

[recoveries.quick]
steps = [50, 100]
every = "1s"

[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
recovery = "quick"
residency = "any"
demand = { eu = 50, na = 50 }
overload = "stay"
ttl = { min = "1s", max = "2s" }

[services.live]
hostnames = ["live.example.org"]
monitors = ["web"]
residency = "any"
regions = ["na"]
demand = "observed"
ttl = { min = "1s", max = "2s" }
"#;

/// Asks for a name as a client of a network; the one address.
fn address(socket: &UdpSocket, name: &str, network: [u8; 4]) -> IpAddr {
    let question = ask::Question {
        name: Name::parse(name).unwrap(),
        rtype: 1,
        wants: vec![ask::Want::Subnet(IpAddr::from(network), 24)],
    };
    let mut buffer = [0; 1500];
    socket.send(&ask::encode(7, &question)).unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    let reply = ask::decode(&buffer[..length]).unwrap();
    assert_eq!(
        (reply.rcode, reply.addresses().count()),
        (0, 1),
        "{reply:?}"
    );
    reply.addresses().next().unwrap()
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_secs(2));
    socket.set_read_timeout(patience).unwrap();
    socket.connect(SERVER).unwrap();
    socket
}

/// Where the clients of `FIRST.x.x.0/24` are sent, permille by address.
fn spread(first: u8) -> BTreeMap<String, u16> {
    let socket = socket();
    let mut counts: BTreeMap<String, u16> = BTreeMap::new();
    for number in 0..NETWORKS {
        let [high, low] = number.to_be_bytes();
        let given = address(&socket, "api.example.org", [first, high, low, 0]);
        *counts.entry(given.to_string()).or_default() += 1;
    }
    counts
        .values_mut()
        .for_each(|count| *count = *count * 10 / (NETWORKS / 100));
    counts
}

/// The value of a metric, 0 if it is absent.
fn metric(series: &str) -> f64 {
    let (_, text) = get("/metrics").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

fn load(region: &str) -> f64 {
    metric(&format!("waypost_region_load{{region=\"{region}\"}}"))
}

/// What the running server explains to a client.
fn explain(client: &str) -> String {
    let name = ["explain", "api.example.org", "--client", client];
    let server = ["--control", "http://127.0.0.1:8053"];
    run(
        env!("CARGO_BIN_EXE_waypost"),
        &[&name[..], &server].concat(),
    )
    .0
}

/// Asks for the observed service, 20 times a second, until told to stop.
fn ask_live(stop: &AtomicBool) {
    let socket = socket();
    while !stop.load(Ordering::Relaxed) {
        address(&socket, "live.example.org", [101, 0, 0, 0]);
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_region_spills_and_what_fits_nowhere_is_told() {
    let world = World::new();
    world.write("config.toml", CONFIG);
    world.write("zones/example.org.zone", ZONE);
    let eu = world.backend(EU);
    let _na = world.backend(NA);
    let ap = world.backend(AP);
    let waypost = world.waypost();
    for endpoint in ["eu-one", "na-one", "ap-one"] {
        wait_for(endpoint, || state_of(endpoint) == "healthy");
    }
    assert_eq!(spread(100), BTreeMap::from([(EU.to_owned(), 1000)]));
    assert_eq!((load("eu"), load("na"), load("ap")), (50.0, 50.0, 0.0));

    eu.kill();
    wait_for("eu-one to be down", || state_of("eu-one") == "down");
    wait_for("a table without it", || load("eu") < 1.0);
    // 50 are displaced; where 80 fit and 50 live, 30 of them find room, and 20 go on.
    assert_eq!((load("na"), load("ap")), (80.0, 20.0));
    let displaced = spread(100);
    let (near, far) = (displaced[NA], displaced[AP]);
    assert!(
        (550..650).contains(&near) && near + far >= 999,
        "{displaced:?}"
    );
    assert_eq!(
        spread(101),
        BTreeMap::from([(NA.to_owned(), 1000)]),
        "residents stay"
    );
    assert!(!waypost.log().contains("\"event\":\"overload\""));
    let explained = explain("100.0.0.1");
    assert!(explained.contains("; carries 80 of 80\n"), "{explained}");

    // Who asks for a service is observed, and takes up room as well.
    let stop = Arc::new(AtomicBool::new(false));
    let live = thread::spawn({
        let stop = Arc::clone(&stop);
        move || ask_live(&stop)
    });
    wait_for("demand to be observed", || {
        metric("waypost_demand{service=\"live\"}") > 2.0
    });
    wait_for("room to be made for it", || load("ap") > 22.0);
    let observed = metric("waypost_demand{service=\"live\"}");
    assert!(observed < 30.0, "{observed} a second");
    assert!((79.0..=80.0).contains(&load("na")), "{}", load("na"));
    stop.store(true, Ordering::Relaxed);
    live.join().unwrap();

    ap.kill();
    wait_for("ap-one to be down", || state_of("ap-one") == "down");
    let overloaded = || metric("waypost_overloaded_demand{service=\"api\"}");
    wait_for("overload", || overloaded() >= 20.0);
    assert_eq!(
        spread(100),
        BTreeMap::from([(NA.to_owned(), 1000)]),
        "it stays"
    );
    wait_for("a line of it", || {
        waypost.log().contains("\"event\":\"overload\"")
    });
    let _ap = world.backend(AP);
    wait_for("the end of it", || overloaded() < 0.1);
    wait_for("a line of that", || {
        waypost.log().contains("\"event\":\"overload_over\"")
    });
}

/// An order that the operator ada gives; what is said, and the exit code.
fn order(world: &World, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(arguments)
        .args(["--author", "ada", "--config"])
        .arg(world.path("config.toml"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

/// Everybody still finds a healthy machine, and yet what is left is too little.
#[test]
fn a_drain_that_asks_more_of_the_rest_than_it_carries_needs_a_word() {
    let world = World::new();
    // Of the 50 of eu, 30 fit where 50 of 80 are taken, and 5 go on; 15 fit nowhere.
    let small = "[regions.ap]\nlocation = [1.35, 103.8]\nserves = [\"AS\", \"OC\"]\nfallback = [\"na\", \"eu\"]\ncapacity = ";
    let large = format!("{small}100\n");
    assert!(CONFIG.contains(&large));
    world.write(
        "config.toml",
        &CONFIG.replace(&large, &format!("{small}5\n")),
    );
    world.write("zones/example.org.zone", ZONE);
    let _machines = [EU, NA, AP].map(|address| world.backend(address));
    let _waypost = world.waypost();
    for endpoint in ["eu-one", "na-one", "ap-one"] {
        wait_for(endpoint, || state_of(endpoint) == "healthy");
    }
    let over = "api would be above capacity: 15 of 100 asked for would fit nowhere";
    let (text, code) = order(&world, &["drain", "eu", "--dry-run"]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "LOST, and refused without --force:",
        over,
        "nothing was changed",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let (text, code) = order(&world, &["drain", "eu"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(over) && text.contains("--force"), "{text}");
    assert_eq!(state_of("eu-one"), "healthy", "nothing was changed");
    let (text, code) = order(&world, &["drain", "eu", "--json"]);
    assert_eq!(code, Some(1), "{text}");
    let problem: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(over), "{text}");
    // What the others can carry takes no word.
    let (text, code) = order(&world, &["drain", "ap", "--dry-run"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("nothing would be lost"), "{text}");
    let (text, code) = order(&world, &["drain", "eu", "--force"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("WARNING: {over}")), "{text}");
    wait_for("eu-one to be drained", || state_of("eu-one") == "drained");
    assert_eq!(
        (load("na"), load("ap")),
        (95.0, 5.0),
        "it stays where it was first sent"
    );
    // It is above capacity now; one more drain that adds nothing to that is refused for nothing.
    let (text, code) = order(&world, &["drain", "eu-one", "--dry-run"]);
    assert_eq!(code, Some(0), "{text}");
}
