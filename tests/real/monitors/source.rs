//! The address and the interface that probes leave by, as their peer sees it.
use std::net::{TcpListener, UdpSocket};

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{expect, fail};
use crate::world::World;

#[test]
fn probes_leave_by_the_address_and_the_interface_that_the_monitor_names() {
    let world = World::new();
    for (at, source, seen) in [
        ("127.1.0.1:0", "source = \"127.9.9.9\"", "127.9.9.9"),
        (
            "127.1.0.1:0",
            "source = [\"127.9.9.9\", \"2001:db8::9\"]\ninterface = \"lo\"",
            "127.9.9.9",
        ),
        ("[::1]:0", "source = \"127.9.9.9\"", "::1"),
    ] {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        expect(&world, address, &format!("type = \"tcp\"\n{source}"), Pass);
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip().to_string(), seen, "{source}");
    }
    let socket = UdpSocket::bind("127.1.0.1:0").unwrap();
    let keys =
        "type = \"dns\"\nname = \"example.net\"\nsource = \"127.9.9.9\"\ntimeout = \"300ms\"";
    let keys = keys.replace("\ntimeout = \"300ms\"", "");
    let asked = std::thread::scope(|scope| {
        let heard = scope.spawn(|| {
            let mut question = [0; 512];
            let (length, peer) = socket.recv_from(&mut question).unwrap();
            // No server: the reply says so.
            question[2] |= 0x80;
            question[3] = 5;
            socket.send_to(&question[..length], peer).unwrap();
            peer
        });
        expect(
            &world,
            socket.local_addr().unwrap(),
            &keys,
            fail(Cause::Answer),
        );
        heard.join().unwrap()
    });
    assert_eq!(asked.ip().to_string(), "127.9.9.9");
    // What this node does not have is no fault of the endpoint.
    let listener = TcpListener::bind("127.1.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for source in ["source = \"192.0.2.9\"", "interface = \"absent0\""] {
        let keys = format!("type = \"tcp\"\n{source}");
        expect(&world, address, &keys, fail(Cause::Local));
    }
}
