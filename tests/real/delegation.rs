//! A resolver reaches a steered name only through an NS delegation in a parent zone, and sees
//! the answer change when real HTTP backends die and come back.
use std::process::Command;

use crate::world::{World, addresses, dig, state_of, wait_for};

const PARENT: &str = "$TTL 60
@ SOA ns hostmaster 1 60 60 60 60
@ NS ns
ns A 127.0.0.10
example NS ns1.example
ns1.example A 127.0.0.20
";

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
  name: org.
  zonefile: parent.zone
";

const UNBOUND: &str = "server:
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
  cache-max-ttl: 2
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no
stub-zone:
  name: org.
  stub-addr: 127.0.0.10
";

fn resolved(name: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.30", "+recurse", "+short", name, "A"]);
    addresses(&text).iter().map(ToString::to_string).collect()
}

#[test]
fn unbound_follows_a_delegation_and_sees_failover_and_recovery() {
    let world = World::new();
    world.write_config();
    world.write("parent.zone", PARENT);
    let nsd = world.write("nsd.conf", NSD);
    let unbound = world.write("unbound.conf", UNBOUND);
    let frankfurt = world.backend("127.1.0.1");
    let _backup = world.backend("127.1.0.2");
    let _toronto = world.backend("127.2.0.1");
    let _waypost = world.waypost();
    let _nsd = world.start(
        "nsd",
        Command::new("/usr/sbin/nsd").arg("-d").arg("-c").arg(nsd),
    );
    let _unbound = world.start(
        "unbound",
        Command::new("/usr/sbin/unbound")
            .arg("-d")
            .arg("-c")
            .arg(unbound),
    );

    wait_for("every endpoint to be healthy", || {
        ["fra-one", "fra-two", "tor-one"]
            .iter()
            .all(|name| state_of(name) == "healthy")
    });
    // The resolver's own address (loopback) lies nowhere, so the order of the config decides.
    wait_for("the primary", || {
        resolved("api.example.org") == ["127.1.0.1"]
    });
    assert_eq!(
        resolved("www.example.org"),
        ["127.1.0.1"],
        "a CNAME in the zone leads to the steered name"
    );
    assert_eq!(resolved("mail.example.org"), ["192.0.2.25"]);

    frankfurt.kill();
    wait_for("the backup", || {
        resolved("api.example.org") == ["127.1.0.2"]
    });
    let _frankfurt = world.backend("127.1.0.1");
    wait_for("the primary again", || {
        resolved("api.example.org") == ["127.1.0.1"] && state_of("fra-one") == "healthy"
    });
}
