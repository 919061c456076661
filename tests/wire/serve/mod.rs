//! The transports over real sockets on loopback.
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::serving::{
    PATIENCE, Rig, ask, ask_tcp, connect, framed, query, read_frame, reply, table, udp,
};

mod flood;
mod transports;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn udp_and_tcp_answer_on_one_port_of_each_family() {
    let rig = Rig::start(&["127.0.0.1:0", "[::1]:0"]);
    for (local, &server) in ["127.0.0.1", "::1"].iter().zip(&rig.addresses) {
        let (answer, source) = ask(&udp(local), server, &query(5, "hello"));
        assert_eq!(answer, reply(5, "hello", 1));
        assert_eq!(source, server);
        let mut stream = TcpStream::connect(server).unwrap();
        stream.write_all(&framed(&query(6, "stream"))).unwrap();
        assert_eq!(read_frame(&mut stream).unwrap(), reply(6, "stream", 1));
    }
    let text = rig.metrics.render(None);
    for line in [
        r#"waypost_queries_total{service="",region="",reason="static",rcode="NOERROR",transport="udp"} 2"#,
        r#"waypost_queries_total{service="",region="",reason="static",rcode="NOERROR",transport="tcp"} 2"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn real_answers_come_over_both_transports() {
    let rig = Rig::start_with(&["127.0.0.1:0"], waypost::answer::answer);
    let client = udp("127.0.0.1");
    for (name, address) in [
        ("\u{3}api\u{7}example\u{3}org", [192, 0, 2, 10]),
        ("\u{3}www\u{7}example\u{3}org", [192, 0, 2, 80]),
    ] {
        let mut query = query(77, name);
        query[5] = 1;
        query.extend([0, 0, 1, 0, 1]);
        let (udp, _) = ask(&client, rig.addresses[0], &query);
        assert_eq!(udp[..4], [0, 77, 0x84, 0], "authoritative, without error");
        assert_eq!(udp[udp.len() - 4..], address, "{name:?}");
        assert_eq!(ask_tcp(HERE, rig.addresses[0], &query), udp);
    }
    let text = rig.metrics.render(None);
    for line in [
        r#"waypost_queries_total{service="api",region="eu",reason="preferred",rcode="NOERROR",transport="udp"} 1"#,
        r#"waypost_queries_total{service="",region="",reason="static",rcode="NOERROR",transport="tcp"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_second_server_on_the_port_is_refused() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let again = waypost::io::serve::Listeners::bind(&rig.addresses, 1);
    let error = again.unwrap_err().to_string();
    assert!(error.contains(&rig.addresses[0].to_string()), "{error}");
}

#[test]
fn a_wildcard_listener_replies_from_the_address_that_was_asked() {
    let rig = Rig::start(&["0.0.0.0:0"]);
    let client = udp("127.0.0.1");
    for address in ["127.0.0.5", "127.0.0.6", "127.0.0.1"] {
        let server: SocketAddr = format!("{address}:{}", rig.port()).parse().unwrap();
        assert_eq!(ask(&client, server, &query(1, "x")).1, server);
    }
    // In one batch as well, where replies leave in groups.
    let servers: BTreeSet<SocketAddr> = (1..=20)
        .map(|last| format!("127.0.0.{last}:{}", rig.port()).parse().unwrap())
        .collect();
    for server in &servers {
        client.send_to(&query(2, "y"), server).unwrap();
    }
    let mut room = [0; 512];
    let sources = servers
        .iter()
        .map(|_| client.recv_from(&mut room).unwrap().1);
    assert_eq!(sources.collect::<BTreeSet<_>>(), servers);
}

#[test]
fn an_ipv6_wildcard_listener_replies_too() {
    let rig = Rig::start(&["[::]:0", "0.0.0.0:0"]);
    let server: SocketAddr = format!("[::1]:{}", rig.port()).parse().unwrap();
    assert_eq!(ask(&udp("::1"), server, &query(1, "x")).1, server);
}

#[test]
fn every_query_of_a_burst_is_answered_once() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let client = udp("127.0.0.1");
    let mut answered = BTreeSet::new();
    for round in 0..20 {
        for index in 0..100 {
            let query = query(round * 100 + index, "burst");
            client.send_to(&query, rig.addresses[0]).unwrap();
        }
        let mut room = [0; 512];
        for _ in 0..100 {
            let length = client.recv(&mut room).unwrap();
            let id = u16::from_be_bytes([room[0], room[1]]);
            assert_eq!(room[..length], reply(id, "burst", 1));
            assert!(answered.insert(id), "query {id} was answered twice");
        }
    }
    assert_eq!(answered.len(), 2000);
}

#[test]
fn a_new_table_serves_the_next_query() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let client = udp("127.0.0.1");
    for generation in 2..5 {
        rig.published.publish(table(generation));
        let expected = reply(1, "x", u8::try_from(generation).unwrap());
        assert_eq!(ask(&client, rig.addresses[0], &query(1, "x")).0, expected);
        assert_eq!(ask_tcp(HERE, rig.addresses[0], &query(1, "x")), expected);
    }
}

#[test]
fn bad_datagrams_get_no_reply_and_stop_nobody() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let client = udp("127.0.0.1");
    let server = rig.addresses[0];
    let mut is_reply = query(1, "x");
    is_reply[2] = 0x80;
    for packet in [
        vec![],
        vec![1, 2, 3],
        is_reply,
        query(2, &"long".repeat(1000)),
        query(3, "!panic"),
    ] {
        client.send_to(&packet, server).unwrap();
    }
    assert_eq!(ask(&client, server, &query(9, "x")).0, reply(9, "x", 1));
    client
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(
        client.recv(&mut [0; 512]).is_err(),
        "only one reply was due"
    );
    let text = rig.metrics.render(None);
    for line in [
        "waypost_dropped_total{cause=\"unanswerable\"} 3",
        "waypost_dropped_total{cause=\"oversize\"} 1",
        "waypost_dropped_total{cause=\"panicked\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn pipelined_queries_are_answered_in_order() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let mut stream = connect(HERE, rig.addresses[0]);
    let queries: Vec<u8> = (0..500)
        .flat_map(|id| framed(&query(id, "pipelined")))
        .collect();
    stream.write_all(&queries).unwrap();
    for id in 0..500 {
        assert_eq!(read_frame(&mut stream).unwrap(), reply(id, "pipelined", 1));
    }
}

#[test]
fn a_query_may_come_octet_by_octet_and_a_reply_be_large() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let mut stream = connect(HERE, rig.addresses[0]);
    stream.set_nodelay(true).unwrap();
    for octet in framed(&query(1, "slowly")) {
        stream.write_all(&[octet]).unwrap();
    }
    assert_eq!(read_frame(&mut stream).unwrap(), reply(1, "slowly", 1));
    stream.write_all(&framed(&query(2, "big"))).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap().len(), 60_016);
    stream
        .write_all(&framed(&query(3, &"z".repeat(50_000))))
        .unwrap();
    assert_eq!(read_frame(&mut stream).unwrap().len(), 50_013);
}

#[test]
fn a_frame_that_is_no_query_ends_the_connection() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    for bad in [framed(b""), framed(b"short"), framed(&query(1, "!panic"))] {
        let mut stream = connect(HERE, rig.addresses[0]);
        stream.write_all(&bad).unwrap();
        assert!(is_closed(&mut stream), "{bad:?}");
    }
    assert_eq!(
        ask_tcp(HERE, rig.addresses[0], &query(2, "x")),
        reply(2, "x", 1)
    );
}

#[test]
fn a_query_that_does_not_end_is_cut_off() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let mut stream = connect(HERE, rig.addresses[0]);
    stream.set_read_timeout(Some(2 * PATIENCE)).unwrap();
    stream.write_all(&framed(&query(1, "half"))[..5]).unwrap();
    assert!(is_closed(&mut stream));
    assert_eq!(count_dropped(&rig, "slow"), 1);
}

#[test]
fn a_peer_that_does_not_read_is_cut_off() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let mut stream = connect(HERE, rig.addresses[0]);
    // More than the kernel holds for both ends.
    for id in 0..400 {
        stream.write_all(&framed(&query(id, "big"))).unwrap();
    }
    let slow = || count_dropped(&rig, "slow");
    let started = Instant::now();
    while slow() == 0 && started.elapsed() < 3 * PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(slow(), 1);
    assert_eq!(
        ask_tcp(HERE, rig.addresses[0], &query(2, "x")),
        reply(2, "x", 1)
    );
}

#[test]
fn idle_connections_from_one_address_do_not_keep_out_a_new_client() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let idle: Vec<TcpStream> = (0..600).map(|_| connect(HERE, rig.addresses[0])).collect();
    expect_new_clients_to_be_served(&rig);
    drop(idle);
}

#[test]
fn connections_of_many_addresses_that_never_read_do_not_keep_out_a_new_client() {
    let rig = Rig::start(&["127.0.0.1:0"]);
    let asks: Vec<u8> = (0..8).flat_map(|id| framed(&query(id, "big"))).collect();
    let greedy: Vec<TcpStream> = (0..600_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let mut stream = connect(Ipv4Addr::new(127, 1, high, low), rig.addresses[0]);
            // The server may have made room already.
            let _ = stream.write_all(&asks);
            stream
        })
        .collect();
    expect_new_clients_to_be_served(&rig);
    drop(greedy);
}

#[test]
fn a_stop_answers_what_has_been_accepted() {
    let mut rig = Rig::start(&["127.0.0.1:0"]);
    let client = udp("127.0.0.1");
    let mut stream = connect(HERE, rig.addresses[0]);
    assert_eq!(
        ask(&client, rig.addresses[0], &query(0, "up")).1.port(),
        rig.port()
    );
    for id in 0..200 {
        let query = query(id, "last");
        client.send_to(&query, rig.addresses[0]).unwrap();
        stream.write_all(&framed(&query)).unwrap();
    }
    let mut late = connect(HERE, rig.addresses[0]);
    late.write_all(&framed(&query(7, "late"))).unwrap();
    rig.stop();
    let mut room = [0; 512];
    for id in 0..200 {
        client.recv(&mut room).unwrap();
        assert_eq!(read_frame(&mut stream).unwrap(), reply(id, "last", 1));
    }
    assert_eq!(read_frame(&mut late).unwrap(), reply(7, "late", 1));
    assert!(is_closed(&mut stream));
    let refused = TcpStream::connect(rig.addresses[0]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

fn expect_new_clients_to_be_served(rig: &Rig) {
    for (id, last) in (1..=20).enumerate() {
        let id = u16::try_from(id).unwrap();
        for from in [HERE, Ipv4Addr::new(127, 9, 9, last)] {
            let answer = ask_tcp(from, rig.addresses[0], &query(id, "new"));
            assert_eq!(answer, reply(id, "new", 1));
        }
    }
    let crowded = count_dropped(rig, "crowded");
    assert!(crowded >= 88, "{crowded} connections made room");
}

fn count_dropped(rig: &Rig, cause: &str) -> u32 {
    let text = rig.metrics.render(None);
    let prefix = format!("waypost_dropped_total{{cause=\"{cause}\"}} ");
    let count = text.lines().find_map(|line| line.strip_prefix(&prefix));
    count.unwrap().parse().unwrap()
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 64];
    match stream.read(&mut rest) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}
