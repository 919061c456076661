//! Four nodes, two in each of two regions, each in a network of its own: an endpoint that those of one region do not reach is out for
//! the clients of that region, at every node, and for nobody else.
use std::fs;
use std::os::unix::fs::PermissionsExt;

use waypost::share::AuthorSeal;

use crate::anycast::{Place, well};
use crate::membership::NodeAuthority;
use crate::world::{CONFIG, Process, World, ZONE, dig, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const NODES: [(&str, &str); 4] = [
    ("fra1", "eu-frankfurt"),
    ("fra2", "eu-frankfurt"),
    ("tor1", "na-toronto"),
    ("tor2", "na-toronto"),
];
/// Endpoints: the first of Frankfurt, the second there, and that of Toronto.
const FRA_ONE: &str = "10.5.0.101";
const FRA_TWO: &str = "10.5.0.102";
const TOR_ONE: &str = "10.5.0.201";
/// Clients by where the config's overrides say that they are.
const GERMAN: &str = "198.51.100.9";
const CANADIAN: &str = "203.0.113.9";

fn address(node: usize) -> String {
    format!("10.5.0.{}", 11 + node)
}

fn config(number: usize) -> String {
    let (name, _) = NODES[number];
    let own = address(number);
    let others = (0..NODES.len()).filter(|other| *other != number);
    let peers: Vec<String> = others
        .map(|other| format!("\"{}:5354\"", address(other)))
        .collect();
    let config = CONFIG
        .replace(
            "listen = [\"127.0.0.20:53\", \"[::1]:53\"]",
            &format!("listen = [\"{own}:53\"]\nstate = \"state-{name}\""),
        )
        .replace("test-node", name)
        .replace(
            "listen = \"127.0.0.1:8053\"",
            &format!("socket = \"{name}.sock\""),
        )
        .replace("127.1.0.1", FRA_ONE)
        .replace("127.1.0.2", FRA_TWO)
        .replace("127.2.0.1", TOR_ONE)
        // Two processors have a lot to do, and no probe may be late for it.
        .replace("timeout = \"150ms\"", "timeout = \"1s\"")
        .replace("interval = \"200ms\"", "interval = \"1s\"");
    let mut text = format!(
        "{config}\n[cluster]\nname = \"prod\"\nnode = \"{name}\"\nkey = \"{name}.seal\"\ncertificate = \"{name}.pem\"\n\
         private_key = \"{name}.key\"\nroots = \"{name}-ca.pem\"\nlisten = [\"{own}:5354\"]\npeers = [{}]\n",
        peers.join(", ")
    );
    for ((name, region), number) in NODES.iter().zip(1..) {
        let key = AuthorSeal::from_seed(&[number; 32]).unwrap().key().0;
        let key: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
        text += &format!(
            "[[cluster.nodes]]\nname = \"{name}\"\nkey = \"ed25519:{key}\"\nregion = \"{region}\"\nprovider = \"p{number}\"\n"
        );
    }
    text
}

/// Starts a node in a namespace of its own, on the bridge of all.
fn start(world: &World, authority: &NodeAuthority, number: usize) -> (Place, Process) {
    let (name, _) = NODES[number];
    let place = Place::new(world, name);
    let id = place.holder.id();
    well(&format!(
        "ip link add link{number} type veth peer name eth0 netns {id}"
    ));
    well(&format!("ip link set link{number} master fabric up"));
    place.well("ip link set lo up");
    place.well(&format!("ip address add {}/24 dev eth0", address(number)));
    place.well("ip link set eth0 up");
    authority.issue(&world.path(""), (name, &[name]), number as u64 + 1, 2090);
    let seal = format!("{:02x}", number + 1).repeat(32);
    let seal = world.write(&format!("{name}.seal"), &seal);
    fs::set_permissions(seal, fs::Permissions::from_mode(0o600)).unwrap();
    let file = world.write(&format!("{name}.toml"), &config(number));
    let mut server = place.command(WAYPOST);
    server.args(["run", "--log", "json", "--config"]).arg(&file);
    let server = world.start(&format!("{name}-server"), &mut server);
    let file = file.to_str().unwrap();
    wait_for(&format!("{name} to be ready"), || {
        run(WAYPOST, &["ready", "--config", file]).1
    });
    (place, server)
}

/// Waits until every node answers clients of these networks with these endpoints.
fn all_answer(wanted: &[(&str, &str)]) {
    for (node, (name, _)) in NODES.iter().enumerate() {
        for (client, endpoint) in wanted {
            wait_for(&format!("{endpoint} for {client} at {name}"), || {
                let (at, subnet) = (
                    format!("@{}", address(node)),
                    format!("+subnet={client}/32"),
                );
                dig(&[&at, "+short", &subnet, "api.example.org", "A"]).trim() == *endpoint
            });
        }
    }
}

#[test]
fn what_one_region_does_not_reach_is_out_for_its_clients_alone() {
    let world = World::new();
    for words in [
        "ip link add fabric type bridge",
        "ip address add 10.5.0.1/24 dev fabric",
        "ip link set fabric up",
    ] {
        well(words);
    }
    for endpoint in [FRA_ONE, FRA_TWO, TOR_ONE] {
        well(&format!("ip address add {endpoint}/24 dev fabric"));
    }
    world.write("zones/example.org.zone", ZONE);
    let [_one, _two, toronto] = [FRA_ONE, FRA_TWO, TOR_ONE].map(|own| world.backend(own));
    let authority = NodeAuthority::new();
    let nodes = [0, 1, 2, 3].map(|number| start(&world, &authority, number));
    all_answer(&[(GERMAN, FRA_ONE), (CANADIAN, TOR_ONE)]);
    for (_, server) in &nodes {
        wait_for("each to hear all others", || {
            server.log().matches("peer_heard").count() >= 3
        });
    }

    // What those of Frankfurt send to the first endpoint goes to a machine that is not there.
    let lost = format!("{FRA_ONE} lladdr 02:00:00:00:00:99 dev eth0 nud permanent");
    for (place, _) in &nodes[..2] {
        place.well(&format!("ip neighbour replace {lost}"));
    }
    all_answer(&[(GERMAN, FRA_TWO), (CANADIAN, TOR_ONE)]);
    // A node of Toronto, which reaches it, says why.
    let config = world.path("tor1.toml");
    let arguments = ["status", "--json", "--config", config.to_str().unwrap()];
    let why = "for clients of eu-frankfurt: 2 of 2 vantages there see it down; up for the rest";
    wait_for("the reason", || {
        let (told, is_well) = run(WAYPOST, &arguments);
        is_well && told.contains(why)
    });

    // Clients of Toronto who lose their own endpoint are sent where those of Frankfurt are not.
    toronto.kill();
    all_answer(&[(GERMAN, FRA_TWO), (CANADIAN, FRA_ONE)]);

    for (place, _) in &nodes[..2] {
        place.well(&format!("ip neighbour del {FRA_ONE} dev eth0"));
    }
    all_answer(&[(GERMAN, FRA_ONE), (CANADIAN, FRA_ONE)]);
}
