//! `dig` reads static and steered answers over UDP, TCP, IPv4, IPv6 and with ECS.
use crate::world::{World, addresses, dig, state_of, wait_for};

const SERVER: &str = "@127.0.0.20";

fn served(world: &World) -> Vec<crate::world::Process> {
    world.write_config();
    let mut processes: Vec<_> = ["127.1.0.1", "127.1.0.2", "127.2.0.1"]
        .map(|address| world.backend(address))
        .into();
    processes.push(world.waypost());
    wait_for("every endpoint to be healthy", || {
        ["fra-one", "fra-two", "tor-one"]
            .iter()
            .all(|name| state_of(name) == "healthy")
    });
    processes
}

#[track_caller]
fn assert_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn static_answers_are_complete() {
    let world = World::new();
    let _processes = served(&world);
    for transport in ["+notcp", "+tcp"] {
        let mx = dig(&[SERVER, transport, "example.org", "MX"]);
        assert_parts(
            &mx,
            &["status: NOERROR", "flags: qr aa;", "10 mail.example.org."],
        );
        let both = dig(&[SERVER, transport, "mail.example.org", "AAAA"]);
        assert_parts(&both, &["status: NOERROR", "2001:db8::25"]);
        let absent = dig(&[SERVER, transport, "absent.example.org", "A"]);
        assert_parts(
            &absent,
            &["status: NXDOMAIN", "60\tIN\tSOA", "hostmaster.example.org."],
        );
        let nodata = dig(&[SERVER, transport, "mail.example.org", "TXT"]);
        assert_parts(&nodata, &["status: NOERROR", "ANSWER: 0", "60\tIN\tSOA"]);
        let referral = dig(&[SERVER, transport, "deep.sub.example.org", "A"]);
        assert_parts(
            &referral,
            &["ANSWER: 0", "ns.sub.example.org.", "192.0.2.53"],
        );
        assert!(
            !referral.contains(" aa"),
            "a referral has no AA:\n{referral}"
        );
        let wild = dig(&[SERVER, transport, "x.wild.example.org", "TXT"]);
        assert_parts(&wild, &["x.wild.example.org.", "\"any\""]);
        let cased = dig(&[SERVER, transport, "mIxEd.example.org", "TXT"]);
        assert_parts(&cased, &["mIxEd.example.org.", "\"Case Kept\""]);
        let dname = dig(&[SERVER, transport, "a.old.example.org", "A"]);
        assert_parts(
            &dname,
            &[
                "DNAME\tmail.example.org.",
                "CNAME\ta.mail.example.org.",
                "NXDOMAIN",
            ],
        );
        let any = dig(&[SERVER, transport, "mail.example.org", "ANY"]);
        assert_parts(&any, &["HINFO", "RFC8482"]);
        let foreign = dig(&[SERVER, transport, "example.net", "A"]);
        assert_parts(&foreign, &["status: REFUSED"]);
    }
    assert_parts(
        &dig(&[SERVER, "+opcode=2", "example.org"]),
        &["status: NOTIMP"],
    );
    assert_parts(
        &dig(&[SERVER, "+edns=1", "+noednsneg", "example.org"]),
        &["status: BADVERS"],
    );
    assert_parts(
        &dig(&[SERVER, "+nsid", "example.org", "SOA"]),
        &["test-node"],
    );
    assert_parts(
        &dig(&[SERVER, "CH", "TXT", "id.server"]),
        &["\"test-node\""],
    );
    assert_parts(
        &dig(&["@::1", "example.org", "SOA"]),
        &["status: NOERROR", "flags: qr aa;"],
    );
}

#[test]
fn steered_answers_follow_the_client_network() {
    let world = World::new();
    let _processes = served(&world);
    for (subnet, address, scope) in [
        ("198.51.100.7/32", "127.1.0.1", "198.51.100.7/32/"),
        ("203.0.113.0/24", "127.2.0.1", "203.0.113.0/24/"),
        ("2001:4860:4860::/48", "127.2.0.1", "2001:4860:4860::/48/"),
    ] {
        for transport in ["+notcp", "+tcp"] {
            let option = format!("+subnet={subnet}");
            let text = dig(&[SERVER, transport, &option, "api.example.org", "A"]);
            assert_parts(
                &text,
                &["flags: qr aa;", address, &format!("CLIENT-SUBNET: {scope}")],
            );
            let apex = dig(&[SERVER, transport, &option, "+short", "example.org", "A"]);
            assert_eq!(
                addresses(&apex),
                [address.parse::<std::net::IpAddr>().unwrap()]
            );
        }
    }
    let alias = dig(&[SERVER, "+subnet=203.0.113.0/24", "www.example.org", "A"]);
    assert_parts(&alias, &["CNAME\tapi.example.org.", "127.2.0.1"]);
    let other = dig(&[SERVER, "api.example.org", "AAAA"]);
    assert_parts(&other, &["status: NOERROR", "ANSWER: 0", "SOA"]);
}

#[test]
fn a_region_that_dies_moves_its_clients_inside_their_fence_and_all_down_fails_open() {
    let world = World::new();
    let mut processes = served(&world);
    let ask = |subnet: &str, name: &str| {
        let text = dig(&[SERVER, &format!("+subnet={subnet}"), "+short", name, "A"]);
        addresses(&text)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    processes.remove(2).kill();
    wait_for("Toronto's clients to move", || {
        ask("203.0.113.0/24", "api.example.org") == ["127.1.0.1"]
    });
    // Strict: the only endpoint inside the fence is dead, and still the only answer.
    assert_eq!(ask("203.0.113.0/24", "data.example.org"), ["127.2.0.1"]);
    processes.remove(0).kill();
    wait_for("the backup", || {
        ask("198.51.100.0/24", "api.example.org") == ["127.1.0.2"]
    });
    processes.remove(0).kill();
    wait_for("fail-open", || {
        crate::world::get("/metrics")
            .is_some_and(|(_, text)| text.contains("waypost_fail_open{service=\"api\"} 1"))
    });
    assert_eq!(
        ask("198.51.100.0/24", "api.example.org"),
        ["127.1.0.1"],
        "nearest first, primary first"
    );
    assert_eq!(ask("203.0.113.0/24", "api.example.org"), ["127.2.0.1"]);
    let (_, status) = crate::world::get("/api/v1/status").unwrap();
    assert!(status.contains("\"fail_open\":true"), "{status}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn options_are_heard_or_passed_over() {
    let world = World::new();
    world.write_config();
    let _waypost = world.waypost();
    // What is asked, what the reply says.
    for (question, parts) in [
        (
            &["+nsid", "mail.example.org"][..],
            &["NOERROR", "NSID", "test-node"][..],
        ),
        (&["+cookie", "mail.example.org"], &["NOERROR", "192.0.2.25"]),
        (
            &["+ednsopt=65001:0102", "mail.example.org"],
            &["NOERROR", "192.0.2.25"],
        ),
        (
            &["+dnssec", "mail.example.org"],
            &["NOERROR", "flags: do", "ANSWER: 1,"],
        ),
        (
            &["+dnssec", "sub.example.org"],
            &["NOERROR", "ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2"],
        ),
        (
            &["+subnet=192.0.2.0/24", "mail.example.org"],
            &["NOERROR", "192.0.2.0/24/0"],
        ),
        (
            &["+subnet=2001:db8::/48", "absent.example.org"],
            &["NXDOMAIN", "2001:db8::/48/0"],
        ),
        (
            &["+subnet=192.0.2.0/24", "example.net"],
            &["REFUSED", "192.0.2.0/24/0"],
        ),
        (
            &["+subnet=0", "mail.example.org"],
            &["NOERROR", "CLIENT-SUBNET: 0.0.0.0/0/0"],
        ),
        // A prefix of 33 bits, a scope in a query, bits beyond the prefix, too few octets.
        (
            &["+ednsopt=8:00012100C0000200", "mail.example.org"],
            &["FORMERR", "ANSWER: 0"],
        ),
        (
            &["+ednsopt=8:00011818C00002", "mail.example.org"],
            &["FORMERR", "ANSWER: 0"],
        ),
        (
            &["+ednsopt=8:00011400C0001F", "mail.example.org"],
            &["FORMERR", "ANSWER: 0"],
        ),
        (
            &["+ednsopt=8:00011800C000", "mail.example.org"],
            &["FORMERR", "ANSWER: 0"],
        ),
        (
            &["+edns=1", "+noednsneg", "mail.example.org"],
            &["BADVERS", "version: 0", "ANSWER: 0"],
        ),
        (
            &["+header-only", "+edns=0", "+nocookie"],
            &["FORMERR", "QUERY: 0", "version: 0"],
        ),
        (
            &["CH", "TXT", "hostname.bind"],
            &["NOERROR", "0\tCH\tTXT\t\"test-node\""],
        ),
        (&["CH", "TXT", "version.server"], &["REFUSED"]),
        (&["CH", "A", "example.org"], &["REFUSED"]),
    ] {
        for transport in ["+notcp", "+tcp"] {
            assert_parts(&dig(&[&[SERVER, transport], question].concat()), parts);
        }
    }
}
