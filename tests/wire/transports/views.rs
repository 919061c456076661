//! The same view, whichever way a query comes: chosen by the address that it comes from.
use std::net::Ipv4Addr;

use waypost::answer::Transport;

use super::clients::{Https, ask_quic, exchange, quic_from, tls};
use crate::sample::Ask;
use crate::seen::{CLIENTS, compiled, versions};
use crate::serving::{ask, connect, udp};
use crate::stage::Stage;

#[test]
fn every_transport_shows_a_client_the_same_view() {
    let compiled = compiled();
    let zones = compiled.unsigned();
    let stage = Stage::of(compiled.plan, zones);
    let runtime = &stage.rig.runtime;
    let at = |transport| stage.at(transport);
    for (number, client) in CLIENTS.iter().enumerate() {
        let here: Ipv4Addr = client.parse().unwrap();
        let socket = udp(client);
        let mut tcp = connect(here, at(Transport::Tcp));
        let mut over_tls = tls(here, at(Transport::Tls), &stage.authority, b"dot").unwrap();
        let https = Https::connect_from(here, at(Transport::Https), &stage.authority);
        let mut https = runtime.block_on(https);
        let quic = quic_from(here, at(Transport::Quic), &stage.authority);
        let (_endpoint, quic) = runtime.block_on(quic);
        for question in [
            "www.one.test A",
            "api.one.test A",
            "one.test SOA",
            "nowhere.one.test A",
        ] {
            // Whatever a client subnet says, nobody comes into a view by it.
            for subnet in [None, Some("127.0.0.3"), Some("203.0.113.0")] {
                let asked = Ask::new(question);
                let asked = subnet.map_or(asked.clone(), |own| asked.subnet(own, 32));
                let query = asked.packet();
                for (transport, reply) in [
                    (Transport::Udp, ask(&socket, at(Transport::Udp), &query).0),
                    (Transport::Tcp, crate::serving::exchange(&mut tcp, &query)),
                    (Transport::Tls, exchange(&mut over_tls, &query)),
                    (Transport::Https, runtime.block_on(https.ask(&query))),
                    (Transport::Quic, runtime.block_on(ask_quic(&quic, &query))),
                ] {
                    let found = versions(&reply, [0; 3]);
                    assert!(
                        !found.is_empty(),
                        "{question} of {client} over {transport:?}"
                    );
                    for (version, record) in found {
                        let context =
                            format!("{question} of {client} over {transport:?}: {record:?}");
                        assert_eq!(version, number, "{context}");
                    }
                }
            }
        }
    }
}
