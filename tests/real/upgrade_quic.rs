//! An upgrade under DNS over QUIC, with a stock client.
//!
//! The socket stays, and whoever connects meanwhile is answered: by the old process, or by the new one once the old one reads
//! the socket no more; what comes between the two waits in the socket, or is sent again by the client. A
//! connection that stood before is closed by the old process once its queries are answered.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use crate::upgrade::Upgradable;
use crate::world::{CONFIG, World, ZONE, run, wait_for};

/// The port of DNS over QUIC, as /proc/net/udp has it with the address 127.0.0.20.
const SOCKET: &str = "1400007F:0355";

/// A world whose server speaks QUIC, with a certificate of its own.
fn world() -> World {
    let world = World::new();
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let (text, well) = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "7",
            "-subj",
            "/CN=ns1.example.org",
            "-addext",
            "subjectAltName=DNS:ns1.example.org",
            "-keyout",
            &path("server.key"),
            "-out",
            &path("server.pem"),
        ],
    );
    assert!(well, "{text}");
    let tls = "\n[server.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nlisten_quic = [\"127.0.0.20:853\"]\n";
    world.write("config.toml", &format!("{CONFIG}{tls}"));
    world.write("zones/example.org.zone", ZONE);
    world
}

/// What kdig says of one question on a connection of its own, and whether it was answered.
fn ask(roots: &str) -> (String, bool) {
    let roots = format!("+tls-ca={roots}");
    let (text, well) = run(
        "kdig",
        &[
            "@127.0.0.20",
            "-p",
            "853",
            &roots,
            "+tls-hostname=ns1.example.org",
            // After what asks for TLS: the last word counts.
            "+quic",
            // What is sent while nobody reads the socket may be answered late; a resolver tries again too.
            "+time=4",
            "+retry=4",
            "mail.example.org",
            "A",
        ],
    );
    let is_answer = text.contains("status: NOERROR") && text.contains("192.0.2.25");
    (text, well && is_answer)
}

/// The inode of the server's socket: another socket has another.
fn inode() -> Option<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/udp").unwrap();
    // The second column is the address of the socket's own end; those of clients have it in the third.
    let mut lines = table.lines().map(|line| line.split_whitespace());
    let mut own = lines.find(|line| line.clone().nth(1) == Some(SOCKET))?;
    own.nth(9).map(str::to_owned)
}

#[test]
fn whoever_connects_by_quic_is_answered_before_meanwhile_and_after() {
    let world = world();
    let roots = world.path("server.pem").to_str().unwrap().to_owned();
    let mut server = Upgradable::of(world);
    wait_for("an answer over QUIC", || ask(&roots).1);
    let before = inode();
    assert!(before.is_some(), "the socket is there");
    let (stop, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let clients = [0; 3].map(|_| {
        let (stop, asked, roots) = (Arc::clone(&stop), Arc::clone(&asked), roots.clone());
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let (text, well) = ask(&roots);
                assert!(well, "{text}");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for _ in 0..3 {
        let so_far = asked.load(Ordering::Relaxed);
        server.upgrade_well();
        wait_for("answers of the new process", || {
            asked.load(Ordering::Relaxed) > so_far + 3
        });
        assert_eq!(inode(), before, "it is the same socket");
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    assert!(ask(&roots).1);
}
