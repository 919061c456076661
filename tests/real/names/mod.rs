//! Machines that are known by name, as NSD has their zone and Unbound resolves it: addresses that change, TTLs, failures,
//! names that vanish or lead in circles, restarts, signed zones, aliases and transfers.
use std::process::Command;

use serde_json::Value;

use crate::world::{Process, World, dig, get, wait_for};

mod encrypted;
mod signed;

const NSD: &str = "server:
  ip-address: 127.0.0.10
  port: 53
  username: root
  zonesdir: \".\"
  database: \"\"
  pidfile: \"nsd.pid\"
  xfrdfile: \"xfrd.state\"
  zonelistfile: \"zone.list\"
remote-control:
  control-enable: no
zone:
  name: cdn.test.
  zonefile: cdn.zone
";

pub(super) const UNBOUND: &str = "server:
  interface: 127.0.0.30
  port: 53
  username: \"\"
  chroot: \"\"
  directory: \".\"
  pidfile: \"unbound.pid\"
  use-syslog: no
  do-not-query-localhost: no
  do-ip6: no
  module-config: \"iterator\"
  cache-max-ttl: 3
  cache-max-negative-ttl: 1
  infra-host-ttl: 1
  serve-expired: no
  access-control: 127.0.0.0/8 allow
  local-zone: test. nodefault
  local-zone: 10.in-addr.arpa. nodefault
stub-zone:
  name: cdn.test.
  stub-addr: 127.0.0.10
remote-control:
  control-enable: no
";

/// NSD, Unbound and Waypost, and the zone of the machines.
pub(super) struct Cast {
    pub(super) world: World,
    nsd: Option<Process>,
    _unbound: Process,
}

impl Cast {
    /// With these records of the machines.
    pub(super) fn new(records: &str) -> Self {
        Self::prepared(records, UNBOUND, |_| {})
    }

    /// The same with another resolver, and what that needs.
    pub(super) fn prepared(records: &str, unbound: &str, prepare: impl Fn(&World)) -> Self {
        let world = World::new();
        prepare(&world);
        world.write("nsd.conf", NSD);
        world.write("unbound.conf", unbound);
        world.write("zones/example.org.zone", ZONE);
        let mut cast = Self {
            _unbound: unbound_of(&world),
            world,
            nsd: None,
        };
        cast.set(records);
        cast
    }

    /// Gives the machines other records.
    pub(super) fn set(&mut self, records: &str) {
        self.stop();
        let zone = format!(
            "$TTL 2\n@ SOA ns hostmaster 1 60 60 60 1\n@ NS ns\nns A 127.0.0.10\n{records}"
        );
        self.world.write("cdn.zone", &zone);
        let conf = self.world.path("nsd.conf");
        let mut command = Command::new("/usr/sbin/nsd");
        self.nsd = Some(
            self.world
                .start("nsd", command.arg("-d").arg("-c").arg(conf)),
        );
        wait_for("nsd", || {
            dig(&["@127.0.0.10", "cdn.test", "SOA", "+short"]).contains("hostmaster")
        });
    }

    /// Ends NSD: nobody knows anything of the machines then.
    pub(super) fn stop(&mut self) {
        if let Some(nsd) = self.nsd.take() {
            nsd.end_serving("127.0.0.10:53");
        }
    }
}

fn unbound_of(world: &World) -> Process {
    let conf = world.path("unbound.conf");
    let mut command = Command::new("/usr/sbin/unbound");
    world.start("unbound", command.arg("-d").arg("-c").arg(conf))
}

/// A config with a service of one machine by name and one by address, and more of it.
pub(super) fn config(resolvers: &str, more: &str) -> String {
    format!(
        r#"
[server]
listen = ["127.0.0.20:53"]
[control]
listen = "127.0.0.1:8053"
[geo]
database = "embedded"
[resolvers]
servers = ["{resolvers}"]
private = "serve"
ttl = {{ min = "1s", max = "10s" }}
{more}
"#
    )
}

/// The rest of it where nothing else is wanted.
pub(super) const STEERED: &str = r#"
[[zones]]
name = "example.org"
file = "zones/example.org.zone"
[regions.eu]
location = [50.11, 8.68]
[[regions.eu.endpoints]]
name = "cdn"
provider = "cdn-a"
hostname = "www.cdn.test"
flatten = true
[[regions.eu.endpoints]]
name = "own"
provider = "us"
tier = 2
addresses = ["127.9.0.9"]
[monitors.web]
type = "http"
port = 8080
path = "/healthz"
interval = "200ms"
timeout = "150ms"
fall = 2
rise = 2
[recoveries.quick]
steps = [100]
every = "1s"
[services.api]
hostnames = ["api.example.org", "example.org"]
monitors = ["web"]
recovery = "quick"
ttl = { min = "1s", max = "60s" }
"#;

pub(super) const ZONE: &str = "$TTL 300
@   SOA ns1 hostmaster 2026010101 3600 900 604800 1
    NS  ns1
    MX  10 ns1
ns1 A   127.0.0.20
";

/// Addresses of an answer of Waypost, sorted.
pub(super) fn asked(name: &str, kind: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, kind]);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The state of an endpoint; it has none while its name has no address.
fn state_of(endpoint: &str) -> String {
    let Some((200, body)) = get("/api/v1/status") else {
        return String::new();
    };
    let status: Value = serde_json::from_str(&body).unwrap();
    let regions = status["regions"].as_array().unwrap().iter();
    let mut endpoints = regions.flat_map(|region| region["endpoints"].as_array().unwrap());
    let own = endpoints.find(|own| own["name"] == endpoint).unwrap();
    own["targets"][0]["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The status of a name.
pub(super) fn name_status(name: &str) -> Value {
    let Some((200, body)) = get("/api/v1/status") else {
        return Value::Null;
    };
    let status: Value = serde_json::from_str(&body).unwrap();
    let names = status["names"].as_array().unwrap();
    let own = names.iter().find(|own| own["name"] == name);
    own.cloned().unwrap_or_default()
}

fn metric(line: &str) -> Option<f64> {
    let (_, body) = get("/metrics")?;
    let found = body.lines().find_map(|own| own.strip_prefix(line));
    found?.trim().parse().ok()
}

#[test]
fn addresses_follow_the_name_and_the_last_good_ones_outlive_every_failure() {
    let mut cast = Cast::new("www A 127.9.0.1\n");
    let _backends =
        ["127.9.0.1", "127.9.0.2", "127.9.0.3", "127.9.0.9"].map(|own| cast.world.backend(own));
    cast.world
        .write("config.toml", &config("udp://127.0.0.30", STEERED));
    let waypost = cast.world.waypost();
    wait_for("the first address", || {
        asked("api.example.org", "A") == ["127.9.0.1"]
    });
    wait_for("its health", || state_of("cdn") == "healthy");
    assert_eq!(asked("example.org", "A"), ["127.9.0.1"], "at the apex");
    assert_eq!(asked("example.org", "MX"), ["10 ns1.example.org."]);
    assert!(asked("api.example.org", "AAAA").is_empty());
    // Another one, behind an alias, and two at once.
    cast.set("www CNAME edge\nedge A 127.9.0.2\nedge A 127.9.0.3\n");
    wait_for("the other addresses", || {
        asked("api.example.org", "A") == ["127.9.0.2", "127.9.0.3"]
    });
    wait_for("the chain", || {
        name_status("www.cdn.test")["target"] == "edge.cdn.test"
    });
    // Nobody answers: SERVFAIL.
    cast.stop();
    wait_for("the failure", || {
        name_status("www.cdn.test")["fault"] == "failed"
    });
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.2", "127.9.0.3"]);
    assert!(name_status("www.cdn.test")["age_ms"].as_u64().unwrap() > 0);
    let failing = metric(r#"waypost_name_faulty{name="www.cdn.test",fault="failed"}"#);
    assert_eq!(failing, Some(1.0));
    cast.set("other A 127.9.0.1\n");
    wait_for("the name to vanish", || {
        name_status("www.cdn.test")["fault"] == "vanished"
    });
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.2", "127.9.0.3"]);
    cast.set("www CNAME a\na CNAME b\nb CNAME www\n");
    wait_for("the circle", || {
        name_status("www.cdn.test")["fault"] == "loop"
    });
    cast.set("www TXT none\n");
    wait_for("no address", || {
        name_status("www.cdn.test")["fault"] == "no_address"
    });
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.2", "127.9.0.3"]);
    cast.set("www A 127.9.0.1\n");
    wait_for("the first address again", || {
        asked("api.example.org", "A") == ["127.9.0.1"]
    });
    assert!(name_status("www.cdn.test")["fault"].is_null());
    for event in ["name_changed", "name_faulty", "name_well", "names_in_force"] {
        assert!(
            waypost.log().contains(&format!("\"event\":\"{event}\"")),
            "{event}"
        );
    }
    // What is dead behind the name is taken out by its monitors, as any machine.
    cast.set("www A 127.9.0.7\n");
    wait_for("the one with an address", || {
        asked("api.example.org", "A") == ["127.9.0.9"]
    });
    assert_eq!(state_of("cdn"), "down");
}

#[test]
fn a_name_that_never_resolved_is_told_and_nothing_is_denied() {
    let mut cast = Cast::new("other A 127.9.0.1\n");
    let alone = STEERED.replace("tier = 2\n", "tier = 2\nenabled = false\n");
    cast.world
        .write("config.toml", &config("udp://127.0.0.30", &alone));
    let waypost = cast.world.waypost();
    wait_for("the fault", || {
        name_status("www.cdn.test")["fault"] == "vanished"
    });
    for kind in ["A", "AAAA"] {
        let text = dig(&["@127.0.0.20", "api.example.org", kind]);
        assert!(text.contains("status: SERVFAIL"), "{text}");
    }
    assert!(waypost.log().contains("its endpoint is down until it has"));
    let _backend = cast.world.backend("127.9.0.1");
    cast.set("www A 127.9.0.1\n");
    wait_for("its address", || {
        asked("api.example.org", "A") == ["127.9.0.1"]
    });
    let text = dig(&["@127.0.0.20", "api.example.org", "AAAA"]);
    assert!(text.contains("status: NOERROR"), "{text}");
    // Over a restart, while nobody knows the name any more.
    cast.stop();
    drop(waypost);
    let _again = cast.world.waypost();
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.1"], "at once");
    wait_for("the failure", || {
        name_status("www.cdn.test")["fault"] == "failed"
    });
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.1"]);
}

#[test]
fn no_answer_outlives_the_addresses_in_it() {
    let mut cast = Cast::new("www 3 A 127.9.0.1\n");
    let _backend = cast.world.backend("127.9.0.1");
    // Health alone would let an answer stand for ten seconds.
    let slow = STEERED.replace("interval = \"200ms\"", "interval = \"5s\"");
    cast.world
        .write("config.toml", &config("udp://127.0.0.30", &slow));
    let _waypost = cast.world.waypost();
    wait_for("the health of it", || state_of("cdn") == "healthy");
    let ttl = || {
        let text = dig(&["@127.0.0.20", "+noall", "+answer", "api.example.org", "A"]);
        let ttl = text.split_whitespace().nth(1).unwrap_or("99");
        ttl.parse::<u32>().unwrap()
    };
    let mut seen = Vec::new();
    for _ in 0..40 {
        seen.push(ttl());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(seen.iter().all(|ttl| (1..=3).contains(ttl)), "{seen:?}");
    assert!(seen.iter().any(|ttl| *ttl > 1), "{seen:?}");
    cast.stop();
    wait_for("the failure", || {
        name_status("www.cdn.test")["fault"] == "failed"
    });
    assert_eq!(ttl(), 1, "the least that the service allows");
}

#[test]
fn private_addresses_and_names_of_our_own_are_refused() {
    let mut cast = Cast::new("www A 10.1.2.3\nwww A 198.51.100.7\n");
    let strict = config("udp://127.0.0.30", STEERED).replace("private = \"serve\"\n", "");
    cast.world.write("config.toml", &strict);
    let waypost = cast.world.waypost();
    wait_for("the fault", || {
        name_status("www.cdn.test")["fault"] == "private"
    });
    let addresses = || name_status("www.cdn.test")["addresses"].to_string();
    wait_for("the other one", || addresses() == r#"["198.51.100.7"]"#);
    cast.set("www CNAME api.example.org.\n");
    wait_for("the circle through us", || {
        let own = name_status("www.cdn.test");
        own["fault"] == "steered" || own["fault"] == "failed"
    });
    assert_eq!(addresses(), r#"["198.51.100.7"]"#);
    assert!(waypost.log().contains("\"fault\":\"private\""));
}

#[test]
fn a_name_is_answered_as_an_alias_where_one_can_stand() {
    let mut cast = Cast::new("www A 127.9.0.1\n");
    let _backends = ["127.9.0.1", "127.9.0.9"].map(|own| cast.world.backend(own));
    let plain = STEERED.replace("flatten = true\n", "");
    let alias = plain.replace(
        "\"api.example.org\", \"example.org\"",
        "\"api.example.org\"",
    );
    cast.world
        .write("config.toml", &config("udp://127.0.0.30", &alias));
    let waypost = cast.world.waypost();
    for kind in ["A", "AAAA", "TXT"] {
        wait_for(kind, || asked("api.example.org", kind) == ["www.cdn.test."]);
    }
    // One that is dead is no alias any more.
    cast.set("www A 127.9.0.7\n");
    wait_for("the one with an address", || {
        asked("api.example.org", "A") == ["127.9.0.9"]
    });
    drop(waypost);
    cast.set("www A 127.9.0.1\n");
    cast.world
        .write("config.toml", &config("udp://127.0.0.30", &plain));
    let _waypost = cast.world.waypost();
    wait_for("addresses at an apex", || {
        asked("example.org", "A") == ["127.9.0.1"]
    });
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.1"]);
}

#[test]
fn two_networks_by_weight_and_health() {
    let mut cast = Cast::new("one A 127.9.0.1\ntwo A 127.9.0.2\n");
    let first = cast.world.backend("127.9.0.1");
    let _second = cast.world.backend("127.9.0.2");
    let two = STEERED
        .replace("www.cdn.test", "one.cdn.test")
        .replace(
            "addresses = [\"127.9.0.9\"]",
            "hostname = \"two.cdn.test\"\nflatten = true",
        )
        .replace("tier = 2\n", "weight = 50\n");
    cast.world
        .write("config.toml", &config("udp://127.0.0.30", &two));
    let _waypost = cast.world.waypost();
    wait_for("both", || {
        state_of("cdn") == "healthy" && state_of("own") == "healthy"
    });
    let of = |client: u32| {
        let subnet = format!("+subnet=198.{}.{}.0/24", client / 250, client % 250);
        dig(&["@127.0.0.20", "+short", &subnet, "api.example.org", "A"])
            .trim()
            .to_owned()
    };
    let all: Vec<String> = (0..300).map(of).collect();
    let own = all.iter().filter(|own| *own == "127.9.0.1").count();
    let other = all.iter().filter(|own| *own == "127.9.0.2").count();
    assert_eq!(own + other, 300);
    // 2 : 1, within four standard deviations.
    assert!((167..=233).contains(&own), "{own} of 300");
    first.kill();
    wait_for("the other one for all", || {
        (0..20).all(|client| of(client) == "127.9.0.2")
    });
    cast.stop();
}
