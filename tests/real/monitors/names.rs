//! `dns` against unbound: over UDP, TCP and TLS, with answers that are expected, cut short, and refused.
use std::net::TcpStream;
use std::process::Command;

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail};
use crate::world::{Process, World, wait_for};

/// unbound on 127.1.0.1, ports 53 and 853, with a zone of its own in which nothing else is.
fn unbound(world: &World) -> Process {
    let folder = world.path("");
    let folder = folder.display();
    let long = "x".repeat(250);
    let texts: Vec<String> = (0..8)
        .map(|number| format!("local-data: 'long.example.net. TXT \"{number}{long}\"'\n"))
        .collect();
    let text = format!(
        "server:\n chroot: \"\"\n username: \"\"\n directory: \"{folder}\"\n pidfile: \"{folder}/unbound.pid\"\n\
         use-syslog: no\n do-daemonize: no\n verbosity: 1\n max-udp-size: 512\n\
         interface: 127.1.0.1@53\n interface: 127.1.0.1@853\n tls-port: 853\n\
         tls-service-pem: \"{folder}/server.pem\"\n tls-service-key: \"{folder}/server.key\"\n\
         access-control: 127.0.0.0/8 allow\n\
         access-control: 127.6.6.6/32 refuse\n\
         local-zone: example.net. static\n\
         local-data: \"www.example.net. A 192.0.2.7\"\n\
         local-data: \"www.example.net. A 192.0.2.8\"\n\
         local-data: \"www.example.net. AAAA 2001:db8::7\"\n\
         local-data: \"example.net. MX 10 Mail.example.net.\"\n {}",
        texts.concat()
    );
    let path = world.write("unbound.conf", &text);
    let process = world.start(
        "unbound",
        Command::new("unbound").arg("-d").arg("-c").arg(path),
    );
    wait_for("unbound", || TcpStream::connect(("127.1.0.1", 853)).is_ok());
    process
}

#[test]
fn unbound_is_asked_over_every_transport() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    let _unbound = unbound(&world);
    let (clear, tls) = (
        "127.1.0.1:53".parse().unwrap(),
        "127.1.0.1:853".parse().unwrap(),
    );
    let dns = |keys: &str| format!("type = \"dns\"\n{keys}");
    let www = "name = \"www.example.net\"\nexpect_answers = [\"192.0.2.8\"]\n";
    for transport in ["udp", "tcp"] {
        let keys = dns(&format!("{www}transport = \"{transport}\""));
        expect(&world, clear, &keys, Pass);
    }
    let over_tls = format!("{www}transport = \"tls\"\nroots = \"roots.pem\"\n");
    expect(&world, tls, &dns(&over_tls), Pass);
    let stranger = format!("{over_tls}host = \"other.example.org\"");
    expect(&world, tls, &dns(&stranger), fail(Cause::CertificateName));
    for (keys, outcome) in [
        (
            "name = \"www.example.net\"\nexpect_answers = [\"192.0.2.9\"]",
            fail(Cause::Answer),
        ),
        (
            "name = \"www.example.net\"\nrecord_type = \"AAAA\"\nexpect_answers = [\"2001:DB8:0::7\"]",
            Pass,
        ),
        (
            "name = \"example.net\"\nrecord_type = \"MX\"\nexpect_answers = [\"10 mail.example.net\"]",
            Pass,
        ),
        ("name = \"absent.example.net\"", fail(Cause::Answer)),
        (
            "name = \"absent.example.net\"\nexpect_rcode = [\"NXDOMAIN\"]",
            Pass,
        ),
        (
            "name = \"www.example.net\"\nsource = \"127.6.6.6\"",
            fail(Cause::Answer),
        ),
        (
            "name = \"www.example.net\"\nsource = \"127.6.6.6\"\nexpect_rcode = [\"REFUSED\"]",
            Pass,
        ),
    ] {
        expect(&world, clear, &dns(keys), outcome);
    }
    // Cut short over UDP, whole over TCP.
    let long = format!("7{}", "x".repeat(250));
    let keys = format!(
        "name = \"long.example.net\"\nrecord_type = \"TXT\"\nexpect_answers = [\"{long}\"]"
    );
    expect(&world, clear, &dns(&keys), Pass);
    // Nobody listens.
    let closed = "127.1.0.2:53".parse().unwrap();
    expect(
        &world,
        closed,
        &dns("name = \"www.example.net\""),
        fail(Cause::Refused),
    );
}
