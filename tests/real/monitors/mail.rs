//! `smtp`, and certificates behind STARTTLS, against aiosmtpd.
use std::net::TcpStream;
use std::process::Command;

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail, probe};
use crate::world::{Process, World, wait_for};

/// With TLS on request on port 25, without on 26, and with TLS from the first octet on 465.
const SERVER: &str = r#"
import ssl, time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
class Upgrading(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=context, hostname="mail.example.org")
Controller(Sink(), hostname="127.1.0.1", port=26).start()
Controller(Sink(), hostname="127.1.0.1", port=465, ssl_context=context).start()
Upgrading(Sink(), hostname="127.1.0.1", port=25).start()
print("ready", flush=True)
time.sleep(600)
"#;

fn server(world: &World) -> Process {
    let script = world.write("server.py", SERVER);
    let mut command = Command::new("/usr/bin/python3");
    let process = world.start("mail", command.arg(script));
    wait_for("the mail server", || {
        TcpStream::connect(("127.1.0.1", 25)).is_ok()
    });
    process
}

#[test]
fn a_mail_server_greets_in_clear_and_over_tls_of_both_kinds() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    let _server = server(&world);
    let at = |port: u16| format!("127.1.0.1:{port}").parse().unwrap();
    let smtp = |keys: &str| format!("type = \"smtp\"\n{keys}");
    let roots = "roots = \"roots.pem\"";
    expect(&world, at(26), &smtp(""), Pass);
    expect(&world, at(25), &smtp("hello = \"ns1.example.org\""), Pass);
    let upgraded = smtp(&format!("tls = \"starttls\"\n{roots}"));
    let report = probe(&world, at(25), &upgraded);
    assert_eq!(report.outcome, Pass);
    assert!(
        report.certificate_expires.is_some(),
        "its certificate is watched"
    );
    expect(&world, at(26), &upgraded, fail(Cause::Tls));
    expect(
        &world,
        at(465),
        &smtp(&format!("tls = true\n{roots}")),
        Pass,
    );
    let stranger = smtp(&format!(
        "tls = \"starttls\"\n{roots}\nhost = \"other.example.org\""
    ));
    expect(&world, at(25), &stranger, fail(Cause::CertificateName));
    // The certificate alone.
    let watched = format!("type = \"tls\"\nstarttls = \"smtp\"\n{roots}\nmin_validity = \"7d\"");
    let report = probe(&world, at(25), &watched);
    assert_eq!(report.outcome, Pass);
    assert!(report.certificate_expires.is_some());
    // Who speaks another protocol.
    let other = format!("type = \"tls\"\nstarttls = \"imap\"\n{roots}");
    expect(&world, at(25), &other, fail(Cause::Protocol));
}
