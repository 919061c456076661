//! Nodes of a cluster that hear each other over NATS: by `nats-server` and the configs of `deploy/nats`, beside peers and without.
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::cluster_orders::{Fleet, NODES, control, private};
use crate::membership::NodeAuthority;
use crate::page;
use crate::world::{Process, World, get_at, repository, wait_for};

const SERVER: &str = "target/nats-python/bin/nats-server";
const HUB: &str = "servers = [\"tls://127.0.0.1:4222\"]";
const LEAF: &str = "servers = [\"nats://127.0.0.1:4223\"]\nnkey = \"sin1.nk\"";
/// A key and its seed, of the documentation of nkeys.
const NKEY: [&str; 2] = [
    "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
    "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
];
/// Where the number of the first record stands in a bundle, at its second octet.
const SEQ: usize = 36;
/// A user of the leaf node that may do there whatever it likes.
const VANDAL: &str = "{ user: \"vandal\", password: \"any\" }";

/// Writes a config of `deploy/nats` as it is here.
fn write_server(world: &World, authority: &NodeAuthority, (file, name): (&str, &str)) {
    authority.issue(&world.path(""), (name, &[name, "127.0.0.1"]), 90, 2099);
    let text = fs::read_to_string(repository(&format!("deploy/nats/{file}"))).unwrap();
    let text = text
        .replace(
            &format!("/etc/nats/{name}/node.pem"),
            &format!("{name}.pem"),
        )
        .replace(
            &format!("/etc/nats/{name}/node-tls.key"),
            &format!("{name}.key"),
        )
        .replace(
            &format!("/etc/nats/{name}/ca.pem"),
            &format!("{name}-ca.pem"),
        )
        .replace("0.0.0.0", "127.0.0.1")
        .replace("nats1.example.net", "127.0.0.1")
        .replace(".prod.", ".test.");
    assert!(!text.contains("/etc/"), "{text}");
    world.write(file, &text);
}

/// Starts a server by a config, and waits until it listens.
fn serve(world: &World, (file, port): (&str, u16)) -> Process {
    let mut command = Command::new(repository(SERVER));
    command.args(["--config", file]);
    let process = world.start(file, &mut command);
    wait_for(file, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    process
}

/// A hub that knows all three nodes.
fn write_hub(world: &World, authority: &NodeAuthority) {
    write_server(world, authority, ("hub.conf", "nats1"));
    edit(world, "hub.conf", ("\"leaf1\"", "\"sin1\""));
}

fn edit(world: &World, file: &str, (from, to): (&str, &str)) {
    let text = fs::read_to_string(world.path(file)).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    world.write(file, &text.replace(from, to));
}

/// A config with NATS alone.
fn without_peers(own: &str, nats: &str) -> String {
    let lines = own.lines().filter(|line| !line.contains(":5354\""));
    let lines: Vec<&str> = lines.collect();
    format!("{}\n[cluster.nats]\n{nats}\n", lines.join("\n"))
}

/// A count of a node's, of all series that begin so.
fn count(number: usize, series: &str) -> u64 {
    let (_, text) = get_at(control(number), "/metrics").unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with(series));
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.sum()
}

fn troubles(number: usize, member: &str, trouble: &str) -> u64 {
    let labels = format!("{{peer=\"{member}\",trouble=\"{trouble}\"}}");
    count(number, &format!("waypost_cluster_troubles_total{labels}"))
}

fn wait_for_status(fleet: &Fleet, number: usize, told: &str) {
    wait_for(&format!("{told} on {}", NODES[number]), || {
        fleet.well(number, &["cluster", "status"]).contains(told)
    });
}

fn wait_for_orders(fleet: &Fleet, number: usize, told: &str) {
    wait_for(&format!("{told} on {}", NODES[number]), || {
        fleet.well(number, &["orders"]).contains(told)
    });
}

#[test]
fn three_nodes_agree_by_nats_alone() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    write_hub(&world, &authority);
    let _hub = serve(&world, ("hub.conf", 4222));
    let mut fleet = Fleet::edited(world, &authority, |_, own| without_peers(&own, HUB));
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.1");
    for number in 0..3 {
        wait_for_status(&fleet, number, "vantages 3 of 3  nodes 3 of 3");
        assert_eq!(count(number, "waypost_cluster_nats_connected "), 1);
    }

    // An order is known by all, and a death that a majority sees is ruled by all.
    fleet.well(0, &["drain", "fra-one", "--reason", "disks"]);
    wait_for_orders(&fleet, 0, "known by 3 of 3 nodes");
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.2");
    fleet.well(1, &["undrain", "fra-one"]);
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.1");
    fleet.machines[0].take().unwrap().kill();
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.2");

    // Whoever asks is told by what the others are heard, and of the link.
    let (_, text) = get_at(control(0), "/api/v1/cluster").unwrap();
    let view: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(view["summary"]["nats"]["server"], "nats 127.0.0.1:4222");
    let by = view["nodes"].as_array().unwrap().iter();
    let by = by.filter(|node| node["heard_by"] == "nats");
    assert_eq!(by.count(), 2, "{text}");
    wait_for_status(&fleet, 0, "connected to nats 127.0.0.1:4222 for ");

    // Sound nodes find nothing wrong with each other.
    for (number, member) in [(0, "tor1"), (1, "sin1"), (2, "fra1")] {
        for trouble in ["garbled", "forged", "oversize", "crowded"] {
            assert_eq!(troubles(number, member, trouble), 0, "{member} {trouble}");
        }
    }
}

#[test]
fn a_server_that_was_killed_is_found_again_and_all_catch_up() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    write_hub(&world, &authority);
    let hub = serve(&world, ("hub.conf", 4222));
    let mut fleet = Fleet::edited(world, &authority, |_, own| without_peers(&own, HUB));
    wait_for_status(&fleet, 0, "nodes 3 of 3");
    hub.kill();
    wait_for_status(&fleet, 0, "no NATS server is connected to, for ");
    wait_for_status(&fleet, 0, ": nats 127.0.0.1:4222: ");
    assert_eq!(count(0, "waypost_cluster_nats_connected "), 0);
    let told = fleet.well(0, &["drain", "fra-one"]);
    assert!(told.contains("in force here, known by 1 of 3"), "{told}");
    fleet.wait_for_answer(&[0], "127.1.0.2");
    fleet.wait_for_answer(&[1, 2], "127.1.0.1");

    let hub = serve(&fleet.world, ("hub.conf", 4222));
    fleet.wait_for_answer(&[1, 2], "127.1.0.2");
    wait_for_orders(&fleet, 0, "known by 3 of 3 nodes");

    // Who was away, and has lost its disk, learns from others what was told long before.
    fleet.kill(2);
    fs::remove_dir_all(fleet.world.path("state-sin1")).unwrap();
    fleet.kill(0);
    fleet.begin(2);
    wait_for_orders(&fleet, 2, "drain fra-one");
    fleet.wait_for_answer(&[2], "127.1.0.2");
    drop(hub);
}

#[test]
fn peers_go_on_when_the_server_is_killed() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    write_hub(&world, &authority);
    let hub = serve(&world, ("hub.conf", 4222));
    let fleet = Fleet::edited(world, &authority, |_, own| {
        format!("{own}[cluster.nats]\n{HUB}\n")
    });
    for (number, node) in NODES.iter().enumerate() {
        wait_for(node, || {
            count(number, "waypost_cluster_nats_connected ") == 1
        });
    }
    hub.kill();
    fleet.well(1, &["drain", "fra-one"]);
    wait_for_orders(&fleet, 1, "known by 3 of 3 nodes");
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.2");
    wait_for_status(&fleet, 1, "no NATS server is connected to");
    wait_for_status(&fleet, 1, "nodes 3 of 3");
    wait_for("all to be heard by peers", || {
        let status = fleet.well(1, &["cluster", "status"]);
        status.matches("  peers  ").count() == 2
    });
}

/// The page of a node shows by what it hears the others, and how the link to NATS is.
#[test]
fn the_page_shows_the_link_to_nats() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    write_hub(&world, &authority);
    let mut hub = Some(serve(&world, ("hub.conf", 4222)));
    let fleet = Fleet::edited(world, &authority, |_, own| without_peers(&own, HUB));
    let url = format!("http://{}/", control(0));
    let arguments = [&*url, &page::pictures(&fleet.world)];
    page::drive(("nats.mjs", &arguments), &fleet.world.path("."), |what| {
        assert_eq!(what, "kill");
        hub.take().unwrap().kill();
    });
}

/// Files are read anew: a node with a stranger's certificate is let in once it has a good one.
#[test]
fn a_stranger_and_one_that_may_not_publish_are_heard_by_nobody() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    write_hub(&world, &authority);
    let hub = serve(&world, ("hub.conf", 4222));
    let strange = |node: &str, own: String| {
        let nats = match node {
            "sin1" => {
                format!("{HUB}\ncertificate = \"strange.pem\"\nprivate_key = \"strange.key\"")
            }
            _ => HUB.to_owned(),
        };
        without_peers(&own, &nats)
    };
    let issue = |by: &NodeAuthority, folder: &std::path::Path| {
        by.issue(folder, ("strange", &["sin1"]), 3, 2099);
        private(&folder.join("strange.key"));
    };
    issue(&NodeAuthority::new(), &world.path(""));
    let fleet = Fleet::edited(world, &authority, strange);
    wait_for_status(&fleet, 0, "nodes 2 of 3");
    wait_for_status(&fleet, 2, "nodes 1 of 3");
    wait_for("it to be told", || {
        troubles(2, "", "handshake") + troubles(2, "", "broken") > 0
    });
    issue(&authority, &fleet.world.path(""));
    wait_for_status(&fleet, 0, "nodes 3 of 3");

    // One that may not publish hears others, and is heard by none.
    hub.kill();
    let mute = "publish: [\"waypost1.test.*.tor1\", \"waypost1.test.*.tor1.*\"]";
    edit(
        &fleet.world,
        "hub.conf",
        (mute, "publish: { deny: [\">\"] }"),
    );
    let _hub = serve(&fleet.world, ("hub.conf", 4222));
    wait_for("it to be told", || troubles(1, "", "refusing") > 0);
    wait_for_status(&fleet, 0, "nodes 2 of 3");
    let told = fleet.well(1, &["drain", "fra-one"]);
    assert!(told.contains("known by 1 of 3"), "{told}");
    fleet.well(0, &["drain", "fra-two"]);
    wait_for_orders(&fleet, 1, "drain fra-two");
    let orders = fleet.well(0, &["orders"]);
    assert!(!orders.contains("drain fra-one"), "{orders}");
}

/// A client of a server in the clear.
struct Vandal(BufReader<TcpStream>);

impl Vandal {
    fn connect(port: u16) -> Self {
        let mut own = Self(BufReader::new(
            TcpStream::connect(("127.0.0.1", port)).unwrap(),
        ));
        own.send(b"CONNECT {\"verbose\":false,\"user\":\"vandal\",\"pass\":\"any\"}\r\n");
        own.send(b"SUB waypost1.test.news.* 1\r\nPING\r\n");
        own
    }

    fn send(&mut self, octets: &[u8]) {
        self.0.get_mut().write_all(octets).unwrap();
    }

    fn publish(&mut self, subject: &str, payload: &[u8]) {
        self.send(format!("PUB waypost1.test.{subject} {}\r\n", payload.len()).as_bytes());
        self.send(payload);
        self.send(b"\r\n");
    }

    /// Reads on until a node's news come.
    fn news_of(&mut self, node: &str) -> Vec<u8> {
        let mut line = String::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            if line == "PING\r\n" {
                self.send(b"PONG\r\n");
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [first, subject, _, length] = words[..] else {
                continue;
            };
            if first != "MSG" {
                continue;
            }
            let mut payload = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut payload).unwrap();
            if subject.ends_with(node) {
                return payload;
            }
        }
    }
}

#[test]
fn behind_a_leaf_node_a_vandal_harms_nobody() {
    let (world, authority) = (World::new(), NodeAuthority::new());
    write_server(&world, &authority, ("hub.conf", "nats1"));
    write_server(&world, &authority, ("leaf.conf", "leaf1"));
    edit(&world, "leaf.conf", ("127.0.0.1:4222", "127.0.0.1:4223"));
    edit(&world, "leaf.conf", ("PUBLIC_KEY_OF_SIN1", NKEY[0]));
    edit(
        &world,
        "leaf.conf",
        ("users: [", &format!("users: [{VANDAL}")),
    );
    private(&world.write("sin1.nk", NKEY[1]));
    let _hub = serve(&world, ("hub.conf", 4222));
    let leaf = serve(&world, ("leaf.conf", 4223));
    let fleet = Fleet::edited(world, &authority, |node, own| {
        without_peers(&own, if node == "sin1" { LEAF } else { HUB })
    });

    // Orders pass both ways.
    wait_for_status(&fleet, 0, "vantages 3 of 3  nodes 3 of 3");
    fleet.well(2, &["drain", "fra-one"]);
    wait_for_orders(&fleet, 2, "known by 3 of 3 nodes");
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.2");
    fleet.well(0, &["undrain", "fra-one"]);
    fleet.wait_for_answer(&[0, 1, 2], "127.1.0.1");

    // What the leaf node may publish at all is weighed, and the rest never comes.
    let mut vandal = Vandal::connect(4223);
    let mut forged = vandal.news_of("fra1");
    // The number of its first record: what is known already is not verified again.
    forged[SEQ] = 1;
    for subject in ["news.sin1", "ask.sin1.fra1", "give.sin1.fra1"] {
        vandal.publish(subject, b"\xff\xff\xff\xffno records");
    }
    vandal.publish("news.sin1", &vec![0; 300_000]);
    vandal.publish("news.sin1", &forged);
    for subject in ["news.fra1", "news.nobody"] {
        vandal.publish(subject, &forged);
    }
    for number in [0, 1] {
        for trouble in ["garbled", "oversize", "forged"] {
            wait_for(&format!("{trouble} at {}", NODES[number]), || {
                troubles(number, "sin1", trouble) > 0
            });
        }
    }
    wait_for("what came as nobody's", || troubles(2, "", "stranger") > 0);
    for (number, member) in [(0, ""), (1, ""), (1, "fra1")] {
        for trouble in ["garbled", "oversize", "forged", "stranger"] {
            assert_eq!(troubles(number, member, trouble), 0, "{member} {trouble}");
        }
    }

    // A flood is dropped beyond what is taken of one node, and others are heard through it.
    let whole = vec![0; 256 * 1024];
    for _ in 0..100 {
        vandal.publish("news.sin1", &whole);
    }
    wait_for("the flood to be dropped", || {
        troubles(0, "sin1", "crowded") > 0
    });
    fleet.well(0, &["drain", "fra-one"]);
    fleet.wait_for_answer(&[0, 1], "127.1.0.2");
    drop(vandal);
    wait_for_orders(&fleet, 0, "known by 3 of 3 nodes");

    // A leaf node that ends and comes back: what was said meanwhile is heard.
    leaf.kill();
    fleet.well(1, &["undrain", "fra-one"]);
    fleet.wait_for_answer(&[0, 1], "127.1.0.1");
    let _leaf = serve(&fleet.world, ("leaf.conf", 4223));
    fleet.wait_for_answer(&[2], "127.1.0.1");
}
