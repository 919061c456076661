//! Which certificate is shown when: first in one process, then by the program with its files.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use waypost::answer::Transport;

use super::clients::{TlsClient, exchange, tls};
use crate::identity::{Authority, Issued};
use crate::sample::Ask;
use crate::serving::{PATIENCE, plan, table_of};
use crate::stage::{HERE, Stage};

fn shown(stream: &TlsClient) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_new_certificate_is_shown_at_once_and_open_connections_stay() {
    let stage = Stage::with(plan());
    let query = Ask::new("www.example.org A").packet();
    let at = stage.at(Transport::Tls);
    let mut before = tls(HERE, at, &stage.authority, b"dot").unwrap();
    let expected = exchange(&mut before, &query);
    let renewed = stage.authority.issue();
    let mut next = plan();
    next.server.tls = Some(renewed.everywhere());
    stage.rig.published.publish(table_of(2, next));
    for transport in [Transport::Tls, Transport::Https] {
        let protocol: &[u8] = match transport {
            Transport::Https => b"http/1.1",
            Transport::Udp | Transport::Tcp | Transport::Tls | Transport::Quic => b"dot",
        };
        let after = tls(HERE, stage.at(transport), &stage.authority, protocol).unwrap();
        assert_ne!(shown(&after), shown(&before), "{transport:?}");
        let own = renewed.pair().certified.cert[0].to_vec();
        assert_eq!(shown(&after), own, "{transport:?}");
    }
    assert_eq!(exchange(&mut before, &query), expected);
    // A plan without encrypted transports leaves the last certificate in use.
    stage.rig.published.publish(table_of(3, plan()));
    let after = tls(HERE, at, &stage.authority, b"dot").unwrap();
    assert_ne!(shown(&after), shown(&before));
}

/// The program with its files in a folder.
struct Program {
    child: Child,
    folder: tempfile::TempDir,
    tls: std::net::SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> std::net::SocketAddr {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap()
}

impl Program {
    fn start(issued: &Issued) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (dns, tls) = (free_port(), free_port());
        let config = include_str!("../../support/world.toml");
        let listen = r#"listen = ["127.0.0.1:5300"]"#;
        assert!(config.contains(listen), "the config listens elsewhere");
        let config = config.replace(listen, &format!(r#"listen = ["{dns}"]"#));
        let config = format!(
            "{config}\n[server.tls]\nlisten = [\"{tls}\"]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n"
        );
        fs::write(folder.path().join("config.toml"), config).unwrap();
        let zone = include_str!("../../support/world.zone");
        fs::write(folder.path().join("world.zone"), zone).unwrap();
        write(folder.path(), &issued.certificate, &issued.key);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_waypost"))
            .args(["run", "--config"])
            .arg(folder.path().join("config.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self { child, folder, tls };
        program.await_log("answering");
        program
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn await_log(&self, part: &str) {
        let started = Instant::now();
        while !self.log().contains(part) {
            assert!(
                started.elapsed() < 6 * PATIENCE,
                "no {part:?} in\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn write(folder: &Path, certificate: &str, key: &str) {
    fs::write(folder.join("chain.pem"), certificate).unwrap();
    fs::write(folder.join("key.pem"), key).unwrap();
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.join("key.pem"), mode).unwrap();
}

#[test]
fn the_program_takes_renewed_files_and_refuses_what_does_not_belong_together() {
    let authority = Authority::new();
    let [first, second] = [authority.issue(), authority.issue()];
    let program = Program::start(&first);
    let query = Ask::new("mail.example.org A").packet();
    let mut before = tls(HERE, program.tls, &authority, b"dot").unwrap();
    let expected = exchange(&mut before, &query);
    let of = |issued: &Issued| issued.pair().certified.cert[0].to_vec();
    let now = || shown(&tls(HERE, program.tls, &authority, b"dot").unwrap());
    assert_eq!(now(), of(&first));

    write(program.folder.path(), &second.certificate, &first.key);
    program.await_log("is not the key of `chain.pem`");
    program.await_log("reload_refused");
    assert_eq!(now(), of(&first));
    // The connection idles out by itself: it is asked now and then.
    assert_eq!(exchange(&mut before, &query), expected);

    write(program.folder.path(), &second.certificate, &second.key);
    program.await_log("is in force");
    let started = Instant::now();
    while now() != of(&second) {
        assert!(
            started.elapsed() < PATIENCE,
            "the old certificate is still shown"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(exchange(&mut before, &query), expected);
}
