//! `icmp` on loopback: by a socket for echoes, by a raw one, and where neither is allowed.
use caps::{CapSet, Capability};
use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{expect, fail, probe, try_probe};
use crate::world::World;

/// Whom the namespace allows sockets for echoes.
fn allow(groups: &str) {
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", groups).unwrap();
}

#[test]
fn echoes_come_back_by_either_kind_of_socket() {
    let world = World::new();
    for groups in ["1 0", "0 2147483647"] {
        allow(groups);
        for address in ["127.1.0.1:0", "[::1]:0"] {
            let at = address.parse().unwrap();
            let report = probe(&world, at, "type = \"icmp\"");
            assert_eq!(report.outcome, Pass, "{groups} {address}");
            assert!(report.timing.response_us > 0 && report.timing.connect_us == 0);
            expect(&world, at, "type = \"icmp\"\nsize = 1232", Pass);
        }
        // There is no way to it.
        let nowhere = "192.0.2.1:0".parse().unwrap();
        expect(&world, nowhere, "type = \"icmp\"", fail(Cause::Unreachable));
        let from = "type = \"icmp\"\nsource = \"127.9.9.9\"\ninterface = \"lo\"";
        expect(&world, "127.1.0.1:0".parse().unwrap(), from, Pass);
    }
}

#[test]
fn a_process_that_may_send_no_echo_says_what_would_help() {
    let world = World::new();
    allow("1 0");
    caps::drop(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap();
    let unready = try_probe(&world, "127.1.0.1:0".parse().unwrap(), "type = \"icmp\"");
    let unready = unready.unwrap_err();
    assert_eq!(unready[0].monitor, "own");
    for word in ["net.ipv4.ping_group_range", "CAP_NET_RAW"] {
        assert!(unready[0].reason.contains(word), "{unready:?}");
    }
    allow("0 2147483647");
    expect(
        &world,
        "127.1.0.1:0".parse().unwrap(),
        "type = \"icmp\"",
        Pass,
    );
}
