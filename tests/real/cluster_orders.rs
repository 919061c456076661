//! Orders and challenges of three nodes that hear each other over mutual TLS, each with a disk of its own.
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use waypost::share::AuthorSeal;

use crate::drill::tiny_database;
use crate::membership::NodeAuthority;
use crate::world::{CONFIG, Process, World, ZONE, dig, get_at, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
pub(crate) const NODES: [&str; 3] = ["fra1", "tor1", "sin1"];
const CHALLENGE: &str = "_acme-challenge.api.example.org";
const SECRET: &str = "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU=";

/// Three nodes, and the machines that all of them look at.
pub(crate) struct Fleet {
    pub(crate) world: World,
    nodes: [Option<Process>; 3],
    pub(crate) machines: [Option<Process>; 3],
}

impl Fleet {
    fn start() -> Self {
        Self::with("")
    }

    /// Nodes whose configs have more.
    pub(crate) fn with(more: &str) -> Self {
        let edit = |_: &str, own: String| format!("{own}{more}");
        Self::edited(World::new(), &NodeAuthority::new(), edit)
    }

    /// Nodes of a world that an authority vouches for, whose configs somebody has edited.
    pub(crate) fn edited(
        world: World,
        authority: &NodeAuthority,
        edit: impl Fn(&str, String) -> String,
    ) -> Self {
        for (number, node) in (0..).zip(NODES) {
            authority.issue(&world.path(""), (node, &[node]), number + 1, 2099);
            private(&world.path(&format!("{node}.key")));
            let digits = seed(number).iter().fold(String::new(), |mut text, octet| {
                write!(text, "{octet:02x}").unwrap();
                text
            });
            private(&world.write(&format!("{node}.seal"), &digits));
            world.write(&format!("{node}.toml"), &edit(node, config(number)));
        }
        world.write("zones/example.org.zone", ZONE);
        fs::write(world.path("tiny.mmdb"), tiny_database()).unwrap();
        let machines = ["127.1.0.1", "127.1.0.2", "127.2.0.1"];
        let mut fleet = Self {
            machines: machines.map(|address| Some(world.backend(address))),
            nodes: [const { None }; 3],
            world,
        };
        (0..3).for_each(|number| fleet.begin(number));
        for number in 0..3 {
            wait_for("healthy machines", || {
                let (_, status) = get_at(control(number), "/api/v1/status").unwrap_or_default();
                status.matches("\"state\":\"healthy\"").count() >= 3
            });
        }
        fleet
    }

    pub(crate) fn begin(&mut self, number: usize) {
        self.begin_with(number, |_| {});
    }

    /// Starts a node whose command somebody prepares, and waits until it answers.
    pub(crate) fn begin_with(&mut self, number: usize, prepare: impl FnOnce(&mut Command)) {
        let node = NODES[number];
        let mut command = Command::new(WAYPOST);
        let config = self.world.path(&format!("{node}.toml"));
        command
            .args(["run", "--log", "json", "--config"])
            .arg(config);
        prepare(&mut command);
        self.nodes[number] = Some(self.world.start(node, &mut command));
        wait_for(node, || {
            get_at(control(number), "/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    /// Kills a node with SIGKILL.
    pub(crate) fn kill(&mut self, number: usize) {
        self.nodes[number].take().unwrap().kill();
    }

    /// What an operator is told on a node, and the exit code.
    pub(crate) fn say(&self, number: usize, arguments: &[&str]) -> (String, Option<i32>) {
        let mut command = Command::new(WAYPOST);
        let config = self.world.path(&format!("{}.toml", NODES[number]));
        command.args(arguments).arg("--config").arg(config);
        command.env_remove("SUDO_USER").env("USER", "ada");
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    }

    pub(crate) fn well(&self, number: usize, arguments: &[&str]) -> String {
        let (text, code) = self.say(number, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        text
    }

    /// Waits until each of these nodes sends European clients to this machine.
    pub(crate) fn wait_for_answer(&self, numbers: &[usize], address: &str) {
        for number in numbers {
            wait_for(&format!("{} to answer {address}", NODES[*number]), || {
                answer(*number, "+subnet=198.51.100.0/24", "api.example.org", "A") == [address]
            });
        }
    }

    /// Waits until each of these nodes has these texts at the challenge's name.
    fn wait_for_texts(&self, numbers: &[usize], texts: &[&str]) {
        for number in numbers {
            wait_for(&format!("{} to have {texts:?}", NODES[*number]), || {
                answer(*number, "+noedns", CHALLENGE, "TXT") == texts
            });
        }
    }
}

fn seed(number: u64) -> [u8; 32] {
    [u8::try_from(number).unwrap() + 40; 32]
}

pub(crate) fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn control(number: usize) -> SocketAddr {
    let port = 8060 + u16::try_from(number).unwrap();
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn address(number: usize) -> String {
    format!("127.0.0.{}", 30 + number)
}

pub(crate) fn answer(number: usize, option: &str, name: &str, kind: &str) -> Vec<String> {
    let server = format!("@{}", address(number));
    let text = dig(&[&server, "+short", option, name, kind]);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn config(number: u64) -> String {
    let place = usize::try_from(number).unwrap();
    let node = NODES[place];
    let own = CONFIG
        .replace("\"embedded\"", "\"tiny.mmdb\"")
        .replace(
            r#"listen = ["127.0.0.20:53", "[::1]:53"]"#,
            &format!(
                "listen = [\"{}:53\"]\nstate = \"state-{node}\"",
                address(place)
            ),
        )
        .replace("test-node", node)
        .replace(
            r#"listen = "127.0.0.1:8053""#,
            &format!("listen = \"{}\"\nsocket = \"{node}.sock\"", control(place)),
        );
    let peers = (0..3).filter(|other| *other != place);
    let peers: Vec<String> = peers
        .map(|other| format!("\"{}:5354\"", address(other)))
        .collect();
    let mut text = format!(
        r#"{own}
[tsig.certbot]
secret = "{SECRET}"
[acme]
keys = ["certbot"]
expire = "1h"
[cluster]
name = "test"
node = "{node}"
key = "{node}.seal"
certificate = "{node}.pem"
private_key = "{node}.key"
roots = "{node}-ca.pem"
listen = ["{}:5354"]
peers = [{}]
"#,
        address(place),
        peers.join(", ")
    );
    for (number, node) in (0..).zip(NODES) {
        let key = AuthorSeal::from_seed(&seed(number)).unwrap().key();
        let digits: String = key.0.iter().map(|octet| format!("{octet:02x}")).collect();
        write!(
            text,
            "[[cluster.nodes]]\nname = \"{node}\"\nkey = \"ed25519:{digits}\"\nregion = \"r{number}\"\nprovider = \"p{number}\"\n"
        )
        .unwrap();
    }
    text
}

#[test]
fn what_one_node_is_told_all_do_and_none_forgets() {
    let mut fleet = Fleet::start();
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.1");
    let told = fleet.well(0, &["drain", "fra-one", "--reason", "disks"]);
    assert!(told.contains("in force here, known by "), "{told}");
    wait_for("all to know of the drain", || {
        fleet.well(0, &["orders"]).contains("known by 3 of 3 nodes")
    });
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.2");
    let (refused, code) = fleet.say(0, &["drain", "tor-one"]);
    assert_eq!(code, Some(1), "{refused}");
    assert!(
        refused.contains("at most half of the capacity"),
        "{refused}"
    );
    for number in 0..3 {
        fleet.kill(number);
        fleet.begin(number);
        let orders = fleet.well(number, &["orders"]);
        assert!(
            orders.contains("by ada (user root)@fra1: disks"),
            "{orders}"
        );
    }
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.2");
    // Given while one is away, and known by it when it is back, though its disk was lost.
    fleet.kill(2);
    let told = fleet.well(1, &["undrain", "fra-one"]);
    assert!(told.contains("in force here, known by "), "{told}");
    let told = fleet.well(1, &["drain", "tor-one", "--force"]);
    assert!(told.contains("in force here"), "{told}");
    wait_for("the two that live to know of it", || {
        let orders = fleet.well(1, &["orders"]);
        orders.contains("drain tor-one") && orders.contains("known by 2 of 3")
    });
    // Whoever waits until a drain is complete does not wait for the one that is away.
    let told = fleet.well(1, &["drain", "tor-one", "--force", "--wait"]);
    let away = "known by 2 of 3 nodes, sin1 is away";
    assert!(told.contains(away), "{told}");
    fs::remove_dir_all(fleet.world.path("state-sin1")).unwrap();
    fleet.begin(2);
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.1");
    wait_for("the third to know of the drain", || {
        let orders = fleet.well(2, &["orders"]);
        orders.contains("drain tor-one") && orders.contains("known by 3 of 3")
    });
}

#[test]
fn a_challenge_that_is_set_on_one_node_is_answered_by_all() {
    let mut fleet = Fleet::start();
    fleet.well(0, &["acme", "add", CHALLENGE, "one"]);
    fleet.wait_for_texts(&[0, 1, 2], &["\"one\""]);
    update(1, &format!("update add {CHALLENGE} 60 TXT two"));
    fleet.wait_for_texts(&[0, 1, 2], &["\"one\"", "\"two\""]);
    fleet.kill(2);
    update(1, &format!("update delete {CHALLENGE} TXT \"one\""));
    fleet.wait_for_texts(&[0, 1], &["\"two\""]);
    fleet.begin(2);
    fleet.wait_for_texts(&[2], &["\"two\""]);
    fleet.well(2, &["acme", "remove", CHALLENGE]);
    fleet.wait_for_texts(&[0, 1, 2], &[]);
}

/// Sends a signed update to a node.
fn update(number: usize, line: &str) {
    use std::io::Write;
    let key = format!("hmac-sha256:certbot:{SECRET}");
    let mut child = Command::new("nsupdate")
        .args(["-t", "5", "-r", "0", "-y", &key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start nsupdate: {error}; tests/run installs it"));
    let script = format!(
        "server {}\nzone example.org\n{line}\nsend\n",
        address(number)
    );
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

/// Every node compares a config with what it runs, one that is not asked is like one of the same policy, and one that is away is named.
#[test]
fn a_config_is_planned_against_every_node() {
    let made = Command::new(WAYPOST)
        .args(["token", "new", "planner", "--role", "admin"])
        .output();
    let made = String::from_utf8(made.unwrap().stdout).unwrap();
    let table = made.find("[tokens.planner]").unwrap();
    // The last table of a config is that of the last node, which says where its control API is.
    let control = format!("control = \"http://{}\"\n{}", control(2), &made[table..]);
    let mut fleet = Fleet::with(&control);
    let token = fleet.world.write("token", &made);
    let plan = |fleet: &Fleet, from: &str, to: &str| {
        let own = fs::read_to_string(fleet.world.path("fra1.toml")).unwrap();
        assert!(own.contains(from));
        let new = fleet.world.write("new.toml", &own.replacen(from, to, 1));
        let token = ["--token-file", token.to_str().unwrap()];
        fleet.say(
            0,
            &[&["plan", new.to_str().unwrap(), "--cluster"], &token[..]].concat(),
        )
    };
    wait_for("all to agree", || {
        let status = fleet.well(0, &["cluster", "status"]);
        status.contains("nodes 3 of 3") && !status.contains("have another config")
    });
    let (text, code) = plan(&fleet, "max = \"2s\"", "max = \"3s\"");
    assert_eq!(code, Some(0), "{text}");
    let sections: Vec<&str> = text.split("== ").skip(1).collect();
    let [fra, sin, tor] = sections[..] else {
        panic!("{text}");
    };
    assert!(
        fra.starts_with("fra1, this: policy ") && fra.contains(", then "),
        "{text}"
    );
    assert!(
        sin.starts_with("sin1, heard: policy ") && sin.contains("the same changes as on fra1"),
        "{text}"
    );
    assert!(
        tor.starts_with("tor1, heard: policy ")
            && tor.contains("as fra1, for it serves by the same policy"),
        "{text}"
    );

    // What may not be on one may not be at all.
    let (text, code) = plan(&fleet, "residency = \"strict\"", "residency = \"prefer\"");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("2 fences widened"), "{text}");
    let (text, code) = plan(&fleet, "[acme]", "[acmes]");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not known of: fra1, sin1, tor1"), "{text}");

    // Nothing was changed by any of it; and one that is away is named.
    fleet.kill(2);
    wait_for("it to be missed", || {
        fleet
            .well(0, &["cluster", "status"])
            .contains("nodes 2 of 3")
    });
    let (text, code) = plan(&fleet, "max = \"2s\"", "max = \"3s\"");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not known of: sin1"), "{text}");
}
