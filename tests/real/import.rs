//! gdnsd, PowerDNS and Knot on the files of `tests/import`, and what Waypost answers from their translation: the same addresses, for
//! thousands of client networks.
//!
//! All read one geo database. Waypost answers without sockets, from a table in which everything is up; gdnsd is told by its
//! `admin_state` that all is up, and once that one datacenter is down. A name whose answers are drawn is compared by what is
//! drawn from at all, since each server has dice of its own.
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use waypost::dns::text::type_number;
use waypost::dns::{Name, ask};

use crate::imported::{Imported, clients, database, files, translate};
use crate::world::{Process, World, dig, wait_for};

/// Client networks that are asked for.
const CLIENTS: usize = 10_000;
/// Questions that are under way at once.
const BATCH: usize = 64;

/// A peer's address, and a client that asks it.
struct Peer {
    socket: UdpSocket,
}

impl Peer {
    /// Waits until a server answers for a zone.
    fn ready(address: &str, zone: &str) -> Self {
        wait_for(address, || {
            dig(&[&format!("@{address}"), zone, "SOA"]).contains("flags: qr aa")
        });
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .connect(SocketAddr::new(address.parse().unwrap(), 53))
            .unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self { socket }
    }

    /// The addresses that each client network is answered with.
    fn addresses(&self, question: &str, clients: &[(IpAddr, u8)]) -> Vec<BTreeSet<IpAddr>> {
        let (name, rtype) = question.split_once(' ').unwrap();
        let (name, rtype) = (Name::parse(name).unwrap(), type_number(rtype).unwrap());
        let mut all = Vec::new();
        for batch in clients.chunks(BATCH) {
            for (id, (address, prefix)) in (0..).zip(batch) {
                let wants = vec![ask::Want::Subnet(*address, *prefix)];
                let question = ask::Question {
                    name: name.clone(),
                    rtype,
                    wants,
                };
                self.socket.send(&ask::encode(id, &question)).unwrap();
            }
            let mut replies = vec![None; batch.len()];
            let mut buffer = [0; 4096];
            while replies.iter().any(Option::is_none) {
                let length = self.socket.recv(&mut buffer).unwrap();
                let reply = ask::decode(&buffer[..length]).unwrap();
                replies[usize::from(reply.id)] = Some(reply.addresses().collect());
            }
            all.extend(replies.into_iter().flatten());
        }
        all
    }

    /// Each client is told the same addresses by both, and not all clients the same.
    fn agrees(&self, own: &Imported, question: &str) {
        let clients = clients(CLIENTS);
        let mut kinds = BTreeSet::new();
        for (client, theirs) in clients.iter().zip(self.addresses(question, &clients)) {
            let ours = own.addresses(question, *client);
            assert_eq!(ours, theirs, "{question} for {}/{}", client.0, client.1);
            kinds.insert(ours);
        }
        eprintln!(
            "{question}: {CLIENTS} clients agree on {} answers",
            kinds.len()
        );
    }

    /// Both draw from the same addresses, and so many at once.
    fn draws_alike(&self, own: &Imported, question: &str) {
        let clients = clients(CLIENTS);
        let theirs = self.addresses(question, &clients);
        let ours: Vec<_> = clients
            .iter()
            .map(|client| own.addresses(question, *client))
            .collect();
        let kinds = |all: Vec<BTreeSet<IpAddr>>| all.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(kinds(ours), kinds(theirs), "{question}");
    }
}

/// Writes the files of a folder, each changed.
fn write(world: &World, name: &str, change: impl Fn(&str) -> String) {
    for file in files(name) {
        world.write(&file.name, &change(&file.text));
    }
    fs::write(world.path("geo.mmdb"), database()).unwrap();
}

fn folder(world: &World) -> String {
    world
        .path("")
        .display()
        .to_string()
        .trim_end_matches('/')
        .to_owned()
}

fn gdnsd(world: &World) -> Process {
    let folder = folder(world);
    let options = format!(
        "options => {{ listen => 127.0.0.30, run_dir => {folder}/run, state_dir => {folder}/state }}\n"
    );
    write(world, "gdnsd", |text| text.to_owned());
    world.write(
        "config",
        &(options + &fs::read_to_string(world.path("config")).unwrap()),
    );
    world.write(
        "zones/example.test",
        &fs::read_to_string(world.path("example.test")).unwrap(),
    );
    fs::create_dir_all(world.path("geoip")).unwrap();
    fs::write(world.path("geoip/GeoIP2-City.mmdb"), database()).unwrap();
    world.write("state/admin_state", UP);
    let mut command = Command::new("/usr/sbin/gdnsd");
    world.start("gdnsd", command.args(["-c", &folder, "start"]))
}

/// Nothing can be reached from here: whatever gdnsd finds, it is to take all as up.
const UP: &str = "*/web => UP\n*/smtp => UP\n";

#[test]
fn gdnsd_answers_as_its_translation_does() {
    let world = World::new();
    let _gdnsd = gdnsd(&world);
    let peer = Peer::ready("127.0.0.30", "example.test");
    let mut own = Imported::of(&translate("gdnsd"));
    for name in ["www", "shop", "www-fra", "mixed", "corp", "pub", "mail"] {
        peer.agrees(&own, &format!("{name}.example.test A"));
    }
    peer.agrees(&own, "pub.example.test AAAA");
    for name in ["front", "cdn"] {
        peer.draws_alike(&own, &format!("{name}.example.test A"));
    }
    // One datacenter down: its clients go where the map says.
    world.write("state/admin_state", &format!("{UP}geoip/www/fra => DOWN\n"));
    let german: (IpAddr, u8) = ("20.0.0.0".parse().unwrap(), 24);
    own.take_down("geoip-www", "fra");
    let after = own.addresses("www.example.test A", german);
    wait_for("gdnsd to take it out", || {
        peer.addresses("www.example.test A", &[german]) == [after.clone()]
    });
    peer.agrees(&own, "www.example.test A");
}

#[test]
fn powerdns_answers_as_its_translation_does() {
    let world = World::new();
    let folder = folder(&world);
    write(&world, "powerdns-geoip", |text| text.to_owned());
    let config = format!(
        "launch=geoip\ngeoip-database-files=mmdb:{folder}/geo.mmdb\ngeoip-zones-file={folder}/geo.yaml\n\
         local-address=127.0.0.31\nlocal-port=53\nedns-subnet-processing=yes\ncache-ttl=0\nquery-cache-ttl=0\n\
         negquery-cache-ttl=0\nloglevel=4\ndisable-syslog=yes\nsecurity-poll-suffix=\n"
    );
    world.write("pdns.conf", &config);
    let mut command = Command::new("/usr/sbin/pdns_server");
    let arguments = [
        format!("--config-dir={folder}"),
        format!("--socket-dir={folder}"),
        "--daemon=no".to_owned(),
        "--guardian=no".to_owned(),
    ];
    let _pdns = world.start("pdns", command.args(arguments));
    let peer = Peer::ready("127.0.0.31", "geo.example.test");
    let own = Imported::of(&translate("powerdns-geoip"));
    peer.agrees(&own, "plain.geo.example.test A");
    peer.agrees(&own, "service.geo.example.test AAAA");
    // Swedes are dealt out.
    peer.draws_alike(&own, "service.geo.example.test A");
    peer.agrees(&own, "fi.eu.service.geo.example.test A");
    peer.agrees(&own, "fi.eu.service.geo.example.test AAAA");
    let drawn: BTreeSet<IpAddr> = ["192.0.2.3", "192.0.2.4"]
        .map(|text| text.parse().unwrap())
        .into();
    let clients = clients(CLIENTS);
    let theirs = peer.addresses("service.geo.example.test A", &clients);
    for (client, theirs) in clients.iter().zip(theirs) {
        let ours = own.addresses("service.geo.example.test A", *client);
        let are_both_drawn = ours.is_subset(&drawn) && theirs.is_subset(&drawn);
        assert!(
            ours == theirs || are_both_drawn,
            "{client:?}: {ours:?}, {theirs:?}"
        );
    }
}

fn knot(world: &World, name: &str) -> Process {
    let folder = folder(world);
    let head = format!(
        "server:\n    rundir: {folder}\n    listen: 127.0.0.32@53\n    edns-client-subnet: on\n\
         database:\n    storage: {folder}/db\ntemplate:\n  - id: default\n    storage: {folder}\n    \
         zonefile-sync: -1\n    journal-content: none\n"
    );
    write(world, name, |text| {
        text.replace(
            "config-file: geo.conf",
            &format!("config-file: {folder}/geo.conf"),
        )
        .replace(
            "geodb-file: GeoLite2-City.mmdb",
            &format!("geodb-file: {folder}/geo.mmdb"),
        )
    });
    let config = fs::read_to_string(world.path("knot.conf")).unwrap();
    let path = world.write("knot.conf", &(head + &config));
    let mut command = Command::new("/usr/sbin/knotd");
    world.start("knot", command.arg("-c").arg(path))
}

#[test]
fn knot_answers_as_its_translation_does() {
    for (name, questions) in [
        (
            "knot-geodb",
            &[
                "foo.example.test A",
                "bar.example.test A",
                "txt.example.test A",
            ][..],
        ),
        (
            "knot-subnet",
            &["foo.example.test A", "foo.example.test AAAA"],
        ),
    ] {
        let world = World::new();
        let _knot = knot(&world, name);
        let peer = Peer::ready("127.0.0.32", "example.test");
        let own = Imported::of(&translate(name));
        for question in questions {
            peer.agrees(&own, question);
        }
    }
}

#[test]
fn knot_draws_as_its_translation_does() {
    let world = World::new();
    let _knot = knot(&world, "knot-weighted");
    let peer = Peer::ready("127.0.0.32", "example.test");
    let own = Imported::of(&translate("knot-weighted"));
    for rtype in ["A", "AAAA"] {
        peer.draws_alike(&own, &format!("foo.example.test {rtype}"));
    }
}
