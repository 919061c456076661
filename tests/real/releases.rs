//! Three nodes take the config that they share as signed releases: a good one in waves, a node that was away catches up, one that takes a
//! service away stops at the first node, and what is forged, old or weakening is in force nowhere. Each is asked with dig.
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use waypost::share::AuthorSeal;

use crate::membership::NodeAuthority;
use crate::world::{CONFIG, Process, World, ZONE, dig, get_at, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const NODES: [&str; 3] = ["fra1", "fra2", "tor1"];
const REGIONS: [&str; 3] = ["fra", "fra", "tor"];
const SHARED: &str = "[jurisdictions]";

struct Fleet {
    nodes: Vec<Option<Process>>,
    _backends: Vec<Process>,
    world: World,
    /// The second of the last release.
    last: u64,
}

fn address(number: usize) -> String {
    format!("127.0.0.{}", 61 + number)
}

fn control(number: usize) -> SocketAddr {
    let port = 8070 + u16::try_from(number).unwrap();
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn seed(number: usize) -> [u8; 32] {
    [u8::try_from(number).unwrap() + 70; 32]
}

/// The part of the usual config that the nodes share, with other names of a service.
fn shared(hostnames: &str) -> String {
    let (_, rest) = CONFIG.split_once(SHARED).unwrap();
    let text = format!("{SHARED}{rest}");
    let usual = r#"hostnames = ["api.example.org", "example.org"]"#;
    assert!(text.contains(usual) && text.contains(HASTY));
    // A machine under load answers late, and that is no harm.
    let text = text.replace(HASTY, PATIENT);
    text.replace(usual, &format!("hostnames = [{hostnames}]"))
}

const HASTY: &str = "interval = \"200ms\"\ntimeout = \"150ms\"";
const PATIENT: &str = "interval = \"6s\"\ntimeout = \"5s\"";
const USUAL: &str = r#""api.example.org", "example.org""#;
const ONE_MORE: &str = r#""api.example.org", "example.org", "one.example.org""#;
const TWO_MORE: &str = r#""api.example.org", "example.org", "one.example.org", "two.example.org""#;

fn config(number: usize, admin: &str) -> String {
    let node = NODES[number];
    let (own, _) = CONFIG.split_once(SHARED).unwrap();
    let own = own
        .replace(
            r#"listen = ["127.0.0.20:53", "[::1]:53"]"#,
            &format!(
                "listen = [\"{}:53\"]\nstate = \"state-{node}\"",
                address(number)
            ),
        )
        .replace("test-node", node)
        .replace(
            r#"listen = "127.0.0.1:8053""#,
            &format!("listen = \"{}\"\nsocket = \"{node}.sock\"", control(number)),
        );
    let peers = (0..3).filter(|other| *other != number);
    let peers: Vec<String> = peers
        .map(|other| format!("\"{}:5354\"", address(other)))
        .collect();
    let mut text = format!(
        "include = [\"{node}-shared.toml\"]\n{own}\n[cluster]\nname = \"test\"\nnode = \"{node}\"\nkey = \"{node}.seal\"\n\
         certificate = \"{node}.pem\"\nprivate_key = \"{node}.key\"\nroots = \"{node}-ca.pem\"\nlisten = [\"{}:5354\"]\npeers = [{}]\n\
         distribute = {{ file = \"{node}-shared.toml\", keys = [\"{admin}\"], soak = \"3s\" }}\n",
        address(number),
        peers.join(", ")
    );
    for (number, node) in NODES.iter().enumerate() {
        let key = AuthorSeal::from_seed(&seed(number)).unwrap().key();
        let digits: String = key.0.iter().map(|octet| format!("{octet:02x}")).collect();
        write!(
            text,
            "[[cluster.nodes]]\nname = \"{node}\"\nkey = \"ed25519:{digits}\"\nregion = \"{}\"\nprovider = \"p{number}\"\n",
            REGIONS[number]
        )
        .unwrap();
    }
    text
}

impl Fleet {
    fn start() -> Self {
        let world = World::new();
        let (admin, well) = run(
            WAYPOST,
            &["config", "key", world.path("admin.key").to_str().unwrap()],
        );
        assert!(well, "{admin}");
        let (_, well) = run(
            WAYPOST,
            &["config", "key", world.path("thief.key").to_str().unwrap()],
        );
        assert!(well);
        let authority = NodeAuthority::new();
        for (number, node) in NODES.iter().enumerate() {
            authority.issue(&world.path(""), (node, &[node]), number as u64 + 1, 2099);
            let digits: String = seed(number)
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect();
            let path = world.write(&format!("{node}.seal"), &digits);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            world.write(&format!("{node}.toml"), &config(number, admin.trim()));
            world.write(&format!("{node}-shared.toml"), &shared(USUAL));
        }
        world.write("zones/example.org.zone", ZONE);
        let backends = ["127.1.0.1", "127.1.0.2", "127.2.0.1"];
        let backends = backends.map(|address| world.backend(address)).into();
        let mut fleet = Self {
            nodes: vec![None, None, None],
            _backends: backends,
            world,
            last: 0,
        };
        for number in 0..3 {
            fleet.begin(number);
        }
        for number in 0..3 {
            wait_for("the nodes to hear each other", || {
                let view = get_at(control(number), "/api/v1/cluster");
                let view: Value = serde_json::from_str(&view.unwrap().1).unwrap();
                view["summary"]["nodes"]["heard"] == 3
            });
        }
        fleet
    }

    fn begin(&mut self, number: usize) {
        let node = NODES[number];
        let mut command = Command::new(WAYPOST);
        command.args(["run", "--log", "json", "--config", &format!("{node}.toml")]);
        self.nodes[number] = Some(self.world.start(node, &mut command));
        wait_for(node, || {
            get_at(control(number), "/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    /// Signs a text in a second of its own.
    fn sign(&mut self, (text, key): (&str, &str), options: &[&str]) -> String {
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        wait_for("another second", || now() > self.last);
        let path = self.world.write("text.toml", text);
        let key = self.world.path(key);
        let usual = [
            "--cluster",
            "test",
            "--first",
            "fra1",
            "--key",
            key.to_str().unwrap(),
        ];
        let arguments = [
            &["config", "sign", path.to_str().unwrap()],
            &usual[..],
            options,
        ]
        .concat();
        let (release, well) = run(WAYPOST, &arguments);
        assert!(well, "{release}");
        self.last = now();
        release
    }

    /// `waypost config` on a node, and whether it was well.
    fn ask(&self, number: usize, arguments: &[&str]) -> (String, bool) {
        let config = self.world.path(&format!("{}.toml", NODES[number]));
        let own = ["--config", config.to_str().unwrap()];
        run(WAYPOST, &[&["config"], arguments, &own].concat())
    }

    fn push(&self, number: usize, release: &str) -> (String, bool) {
        let path = self.world.write("release.toml", release);
        self.ask(number, &["push", path.to_str().unwrap()])
    }

    fn status(number: usize) -> Value {
        let (_, view) = get_at(control(number), "/api/v1/cluster").unwrap();
        let view: Value = serde_json::from_str(&view).unwrap();
        view["summary"]["release"].clone()
    }

    fn has(number: usize, name: &str) -> bool {
        let server = format!("@{}", address(number));
        let reply = dig(&[&server, name, "A"]);
        assert!(
            reply.contains("status: "),
            "{name} of {}: {reply}",
            NODES[number]
        );
        reply.contains("status: NOERROR")
    }

    /// The moments at which a node said this of the release of the last version that it was said of.
    fn told(&self, number: usize, event: &str) -> Vec<String> {
        let log = fs::read_to_string(self.world.path(&format!("{}.log", NODES[number]))).unwrap();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines = lines.filter(|line| line.to_string().contains(&format!("\"{event}\"")));
        lines
            .map(|line| line["timestamp"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_release_goes_in_waves_and_one_that_harms_stops_at_the_first() {
    let mut fleet = Fleet::start();

    // What another key has signed, or was changed later, is refused by each, and so is what says where a node listens.
    let forged = fleet.sign((&shared(ONE_MORE), "thief.key"), &[]);
    let good = fleet.sign((&shared(ONE_MORE), "admin.key"), &[]);
    let changed = good.replace("one.example.org", "evil.example.org");
    for number in 0..3 {
        for (text, why) in [(&forged, "key is none"), (&changed, "not good")] {
            let (told, well) = fleet.push(number, text);
            assert!(!well && told.contains(why), "{told}");
        }
    }
    let own = fleet
        .world
        .write("own.toml", "[server]\nlisten = [\"127.0.0.1:53\"]\n");
    let key = fleet.world.path("admin.key");
    let arguments = [
        "config",
        "sign",
        own.to_str().unwrap(),
        "--cluster",
        "test",
        "--first",
        "fra1",
        "--key",
    ];
    let (told, well) = run(
        WAYPOST,
        &[&arguments[..], &[key.to_str().unwrap()]].concat(),
    );
    assert!(!well && told.contains("server.listen"), "{told}");

    // A good one is brought to the last node, and goes in waves all the same.
    let (told, well) = fleet.push(2, &good);
    assert!(well && told.contains("fra1 takes it first"), "{told}");
    for number in [0, 1, 2] {
        wait_for(NODES[number], || Fleet::has(number, "one.example.org"));
    }
    wait_for("all to be sound", || {
        (0..3).all(|number| Fleet::status(number)["state"] == "done")
    });
    let [first, second, third] = [0, 1, 2].map(|number| {
        let [taken, sound] =
            ["release_taken", "release_sound"].map(|event| fleet.told(number, event));
        assert_eq!((taken.len(), sound.len()), (1, 1), "{}", NODES[number]);
        (taken[0].clone(), sound[0].clone())
    });
    assert!(
        first.1 < second.0 && second.1 < third.0,
        "{first:?} {second:?} {third:?}"
    );
    for node in NODES {
        let text = fs::read_to_string(fleet.world.path(&format!("{node}-shared.toml"))).unwrap();
        assert_eq!(text.trim_end(), good.trim_end());
    }

    // An older one is taken by nobody, though it was signed.
    let (told, well) = fleet.push(0, &good);
    assert!(!well && told.contains("here already"), "{told}");

    // A node that is away takes it when it comes back.
    fleet.nodes[2].take().unwrap().kill();
    let next = fleet.sign((&shared(TWO_MORE), "admin.key"), &[]);
    let (told, well) = fleet.push(1, &next);
    assert!(well, "{told}");
    wait_for("the second wave", || Fleet::has(1, "two.example.org"));
    fleet.begin(2);
    wait_for("the node that was away", || {
        Fleet::has(2, "two.example.org")
    });
    wait_for("all to be sound", || {
        (0..3).all(|number| Fleet::status(number)["state"] == "done")
    });
    let (told, well) = fleet.push(2, &good);
    assert!(!well && told.contains("older"), "{told}");

    // One that compiles, and finds nobody up of a service, stops at the first node, which goes back.
    let broken = r#"
[monitors.broken]
type = "http"
port = 8080
path = "/nothing"
interval = "6s"
timeout = "5s"
fall = 2
rise = 2
"#;
    let harmful = shared(TWO_MORE).replace(
        "hostnames = [\"data.example.org\"]\nmonitors = [\"web\"]",
        "hostnames = [\"data.example.org\", \"three.example.org\"]\nmonitors = [\"broken\"]",
    );
    assert!(harmful.contains("three"));
    let harmful = fleet.sign((&format!("{harmful}{broken}"), "admin.key"), &["--force"]);
    let (told, well) = fleet.push(2, &harmful);
    assert!(well, "{told}");
    wait_for("all to have heard that it is halted", || {
        (0..3).all(|number| Fleet::status(number)["state"] == "halted")
    });
    wait_for("the first to go back", || {
        !fleet.told(0, "release_returned").is_empty()
    });
    wait_for("the first to answer as before", || {
        !Fleet::has(0, "three.example.org")
    });
    let (told, well) = fleet.ask(1, &["status"]);
    assert!(!well && told.contains("halted: fra1 worse: "), "{told}");
    for (number, node) in NODES.iter().enumerate() {
        let taken = if number == 0 { 3 } else { 2 };
        // A node that began anew has begun its log anew.
        let taken = if number == 2 { 1 } else { taken };
        assert_eq!(fleet.told(number, "release_taken").len(), taken, "{node}");
        assert!(Fleet::has(number, "data.example.org") && !Fleet::has(number, "three.example.org"));
        let text = fs::read_to_string(fleet.world.path(&format!("{node}-shared.toml"))).unwrap();
        assert_eq!(text.trim_end(), next.trim_end(), "{node}");
    }

    // What takes names away is refused without a word, and is a rollback for all at once with it.
    let weaker = fleet.sign((&shared(USUAL), "admin.key"), &[]);
    let (told, well) = fleet.push(1, &weaker);
    assert!(well, "{told}");
    wait_for("the first to refuse", || {
        let status = Fleet::status(1);
        status["state"] == "halted" && status["reason"].as_str().unwrap().contains("fra1 refused")
    });
    assert!((0..3).all(|number| Fleet::has(number, "two.example.org")));
    let back = fleet.sign((&shared(USUAL), "admin.key"), &["--force", "--rollback"]);
    let (told, well) = fleet.push(1, &back);
    assert!(well, "{told}");
    for (number, name) in NODES.iter().enumerate() {
        wait_for(name, || !Fleet::has(number, "two.example.org"));
        assert!(Fleet::has(number, "api.example.org"));
    }
    wait_for("all to be sound", || {
        (0..3).all(|number| Fleet::status(number)["state"] == "done")
    });
}
