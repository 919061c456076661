//! Nothing is lost under load: not when backends are killed, not on SIGHUP, not on a graceful stop.
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use waypost::dns::{Name, ask};

use crate::mmdb;
use crate::world::{World, request, state_of, wait_for};

/// What a client heard.
#[derive(Debug, Default)]
struct Heard {
    asked: u32,
    lost: u32,
    wrong: Vec<String>,
}

/// Asks one question after the other until told to stop; a lost one is asked no second time.
fn ask_until(stop: &AtomicBool, socket: &UdpSocket, subnet: &str) -> Heard {
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let question = ask::Question {
        name: Name::parse("api.example.org").unwrap(),
        rtype: 1,
        wants: vec![ask::Want::Subnet(subnet.parse().unwrap(), 24)],
    };
    let mut heard = Heard::default();
    let mut buffer = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        // A load, and not all that two cores can do: what is done beside answers has the lowest priority.
        thread::sleep(Duration::from_micros(200));
        let id = u16::try_from(heard.asked % 65_536).unwrap();
        socket.send(&ask::encode(id, &question)).unwrap();
        heard.asked += 1;
        match socket
            .recv(&mut buffer)
            .ok()
            .and_then(|length| ask::decode(&buffer[..length]))
        {
            None => heard.lost += 1,
            Some(reply) if reply.id == id && reply.rcode == 0 && reply.addresses().count() == 1 => {
            }
            Some(reply) => heard.wrong.push(format!("{reply:?}")),
        }
    }
    heard
}

/// Clients of both regions asking at once, while `act` goes on; none may lose anything.
fn under_load(act: impl FnOnce()) -> u32 {
    let stop = Arc::new(AtomicBool::new(false));
    let server = SocketAddr::from(([127, 0, 0, 20], 53));
    let clients: Vec<_> = ["198.51.100.0", "203.0.113.0"]
        .map(|subnet| {
            let (stop, socket) = (stop.clone(), UdpSocket::bind("127.0.0.1:0").unwrap());
            socket.connect(server).unwrap();
            thread::spawn(move || ask_until(&stop, &socket, subnet))
        })
        .into();
    thread::sleep(Duration::from_millis(300));
    act();
    thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    let mut asked = 0;
    for client in clients {
        let heard = client.join().unwrap();
        assert_eq!(heard.lost, 0, "of {} queries", heard.asked);
        assert!(
            heard.wrong.is_empty(),
            "{:?}",
            &heard.wrong[..heard.wrong.len().min(3)]
        );
        asked += heard.asked;
    }
    assert!(asked > 200, "only {asked} queries: no load");
    asked
}

fn all_healthy() -> bool {
    ["fra-one", "fra-two", "tor-one"]
        .iter()
        .all(|name| state_of(name) == "healthy")
}

#[test]
fn killing_backends_loses_no_answer() {
    let world = World::new();
    world.write_config();
    let mut backends: Vec<_> = ["127.1.0.1", "127.1.0.2", "127.2.0.1"]
        .map(|address| world.backend(address))
        .into();
    let _waypost = world.waypost();
    wait_for("every endpoint to be healthy", all_healthy);
    under_load(|| {
        for (name, backend) in ["fra-one", "fra-two", "tor-one"]
            .iter()
            .zip(backends.drain(..))
        {
            backend.kill();
            wait_for("the failure to be noticed", || state_of(name) == "down");
        }
        let _again = ["127.1.0.1", "127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
        wait_for("every endpoint to be healthy again", all_healthy);
    });
}

#[test]
fn sighup_under_load_loses_no_query_and_a_broken_config_changes_nothing() {
    let world = World::new();
    world.write_config();
    let _backends = ["127.1.0.1", "127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let waypost = world.waypost();
    wait_for("every endpoint to be healthy", all_healthy);
    let plan = || {
        let (_, body) = request("GET", "/api/v1/status").unwrap();
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["plan"].to_string()
    };
    let before = plan();
    under_load(|| {
        for round in 0..5 {
            let zone = crate::world::ZONE.replace("2026010101", &format!("202601020{round}"));
            let old = plan();
            world.write("zones/example.org.zone", &zone);
            kill(waypost.id(), Signal::SIGHUP).unwrap();
            wait_for("the new plan", || plan() != old);
            assert!(all_healthy(), "health is kept over a reload");
        }
    });
    let after = plan();
    assert_ne!(before, after);
    world.write("zones/example.org.zone", "@ SOA broken");
    let (status, body) = request("POST", "/api/v1/reload").unwrap();
    assert_ne!(status, 200, "{body}");
    assert!(body.contains("example.org.zone"), "says where: {body}");
    assert_eq!(plan(), after, "a broken zone changes nothing");
    let half: String = crate::world::ZONE
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    world.write("zones/example.org.zone", &half);
    let (_, body) = request("POST", "/api/v1/reload").unwrap();
    assert!(body.contains("max_shrink"), "{body}");
    let (status, _) = request("POST", "/api/v1/reload?force=true").unwrap();
    assert_eq!(status, 200);
    assert_ne!(plan(), after);
}

#[test]
fn a_graceful_stop_answers_what_was_accepted() {
    let world = World::new();
    world.write_config();
    let mut waypost = world.waypost();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect("127.0.0.20:53").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let question = ask::Question {
        name: Name::parse("mail.example.org").unwrap(),
        rtype: 1,
        wants: Vec::new(),
    };
    for id in 0..200 {
        socket.send(&ask::encode(id, &question)).unwrap();
    }
    kill(waypost.id(), Signal::SIGTERM).unwrap();
    let mut buffer = [0; 1500];
    let replies = (0..200)
        .filter(|_| socket.recv(&mut buffer).is_ok())
        .count();
    assert_eq!(replies, 200);
    assert_eq!(waypost.wait(), Some(0), "{}", waypost.log());
}

#[test]
fn a_changed_geo_file_is_taken_up_by_itself_without_a_missed_query() {
    let world = World::new();
    world.write_config();
    let text = crate::world::CONFIG
        .replace("database = \"embedded\"", "database = \"geo.mmdb\"")
        .replace(
            "overrides = { \"198.51.100.0/24\" = \"DE\", \"203.0.113.0/24\" = \"CA\" }\n",
            "",
        );
    world.write("config.toml", &text);
    let write_geo = |ours: &str, theirs: &str| {
        let entries = [
            (
                "198.51.100.0/24",
                serde_json::json!({ "country": { "iso_code": ours } }),
            ),
            (
                "203.0.113.0/24",
                serde_json::json!({ "country": { "iso_code": theirs } }),
            ),
        ];
        let bytes = mmdb::write(&entries, &mmdb::Options::default());
        std::fs::write(world.path("geo.new"), bytes).unwrap();
        std::fs::rename(world.path("geo.new"), world.path("geo.mmdb")).unwrap();
    };
    write_geo("DE", "CA");
    let _backends = ["127.1.0.1", "127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let _waypost = world.waypost();
    wait_for("every endpoint to be healthy", all_healthy);
    let asked = || {
        let text = crate::world::dig(&[
            "@127.0.0.20",
            "+subnet=198.51.100.0/24",
            "+short",
            "api.example.org",
            "A",
        ]);
        crate::world::addresses(&text)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(), ["127.1.0.1"]);
    under_load(|| {
        write_geo("CA", "DE");
        wait_for("the networks to change places", || asked() == ["127.2.0.1"]);
    });
    std::fs::write(world.path("geo.mmdb"), b"half a file").unwrap();
    wait_for("the broken file to be refused", || {
        let (_, text) = request("GET", "/metrics").unwrap();
        text.contains("waypost_reloads_total{result=\"refused\"} 1")
    });
    assert_eq!(asked(), ["127.2.0.1"], "the last good file stays");
}

#[test]
fn a_log_reader_that_is_stuck_or_gone_stops_neither_failover_nor_the_end() {
    let world = World::new();
    world.write_config();
    for gone in [false, true] {
        let frankfurt = world.backend("127.1.0.1");
        let _others = ["127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
        let (reader, mut writer) = std::io::pipe().unwrap();
        // Whole: the next line that is logged finds no room, or no reader.
        writer.write_all(&[b' '; 65_536]).unwrap();
        let reader = (!gone).then_some(reader);
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_waypost"))
            .args(["run", "--config"])
            .arg(world.path("config.toml"))
            .stderr(writer)
            .spawn()
            .unwrap();
        wait_for("every endpoint to be healthy", || {
            request("GET", "/readyz").is_some() && all_healthy()
        });
        frankfurt.kill();
        wait_for("the failure to be noticed", || {
            state_of("fra-one") == "down"
        });
        let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(id, Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
        drop(reader);
    }
}

/// Signals that come before the server is up wait until it is, and do not kill it.
#[test]
fn signals_before_the_server_is_up_do_not_kill_it() {
    let world = World::new();
    world.write_config();
    // So large that the start takes far longer than a look at the process.
    let zone = format!(
        "{}$GENERATE 1-100000 host$ A 192.0.2.1\n",
        crate::world::ZONE
    );
    world.write("zones/example.org.zone", &zone);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .args(["run", "--config"])
        .arg(world.path("config.toml"));
    let waypost = world.start("waypost", &mut command);
    let status = format!("/proc/{}/status", waypost.id());
    // SIGHUP, SIGUSR1 and SIGUSR2 are bits 0, 9 and 11.
    let holds_them_back = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let mut lines = status.lines();
        lines.any(|line| line.starts_with("SigBlk:") && line.ends_with("a01"))
    };
    let begin = std::time::Instant::now();
    while !holds_them_back() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "nothing is held back"
        );
        thread::sleep(Duration::from_millis(1));
    }
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        kill(waypost.id(), signal).unwrap();
    }
    wait_for("waypost to be ready", || {
        request("GET", "/readyz").is_some_and(|(status, _)| status == 200)
    });
    wait_for("both to be heard", || {
        waypost.log().contains("nothing has changed") && waypost.log().contains("SIGUSR1")
    });
}
