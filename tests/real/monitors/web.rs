//! `http` and `https` against nginx: HTTP/2 with and without TLS, mutual TLS, bodies that are sent and that are judged.
use std::net::TcpStream;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail};
use crate::world::{Process, World, wait_for};

/// nginx, whose workers end with it.
struct Nginx(Process);

impl Drop for Nginx {
    fn drop(&mut self) {
        kill(self.0.id(), Signal::SIGTERM).unwrap();
        self.0.wait();
    }
}

/// What it serves: over HTTP/2 without TLS on 8081, HTTP/1.1 on 8082, HTTP/2 over TLS on 8443, HTTP/1.1 over TLS on 8444, and
/// over TLS to clients of the authority only on 8445.
fn nginx(world: &World) -> Nginx {
    let folder = world.path("");
    let folder = folder.display();
    let health = "default_type application/json; gzip on; gzip_types *; gzip_min_length 1; \
         location /healthz { return 200 '{\"status\": \"up\", \"queue\": 12, \"checks\": [{\"db\": true}]}'; } \
         location /post { proxy_pass http://127.1.0.1:8083/; }";
    let tls = "ssl_certificate server.pem; ssl_certificate_key server.key;";
    let text = format!(
        "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};\n\
         fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n\
         server {{ listen 127.1.0.1:8081 http2; {health} }}\n\
         server {{ listen 127.1.0.1:8082; {health} }}\n\
         server {{ listen 127.1.0.1:8083; location / {{ return 200 \"$request_method $content_length\"; }} }}\n\
         server {{ listen 127.1.0.1:8443 ssl http2; {tls} {health} }}\n\
         server {{ listen 127.1.0.1:8444 ssl; {tls} {health} }}\n\
         server {{ listen 127.1.0.1:8445 ssl; {tls} ssl_client_certificate roots.pem; ssl_verify_client on; {health} }}\n\
         }}\n"
    );
    let path = world.write("nginx.conf", &text);
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(world.path(""));
    let process = world.start("nginx", &mut command);
    wait_for("nginx", || TcpStream::connect(("127.1.0.1", 8445)).is_ok());
    Nginx(process)
}

const HEALTH: &str = "path = \"/healthz\"";
const TWO: &str = "path = \"/healthz\"\nhttp_version = \"2\"";

#[test]
fn nginx_is_asked_over_both_versions_by_tls_and_without() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    let _nginx = nginx(&world);
    let at = |port: u16| format!("127.1.0.1:{port}").parse().unwrap();
    let http = |keys: &str| format!("type = \"http\"\n{keys}");
    let https = |keys: &str| format!("type = \"https\"\nroots = \"roots.pem\"\n{keys}");
    expect(&world, at(8081), &http(TWO), Pass);
    expect(&world, at(8082), &http(HEALTH), Pass);
    expect(&world, at(8443), &https(TWO), Pass);
    expect(&world, at(8443), &https(HEALTH), Pass);
    expect(&world, at(8444), &https(HEALTH), Pass);
    // Who speaks the other version only.
    expect(&world, at(8082), &http(TWO), fail(Cause::Protocol));
    expect(&world, at(8081), &http(HEALTH), fail(Cause::Protocol));
    // nginx offers HTTP/1.1 alone, and says so.
    expect(&world, at(8444), &https(TWO), fail(Cause::Tls));
    let missing = "path = \"/absent\"\nhttp_version = \"2\"";
    expect(&world, at(8443), &https(missing), fail(Cause::Status(404)));
    let head = format!("method = \"HEAD\"\n{TWO}");
    expect(&world, at(8443), &https(&head), Pass);
}

#[test]
fn bodies_are_sent_and_what_comes_back_is_judged_over_both_versions() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    let _nginx = nginx(&world);
    for (port, version) in [(8081, "2"), (8082, "1.1")] {
        let at = format!("127.1.0.1:{port}").parse().unwrap();
        let http = |keys: &str| format!("type = \"http\"\nhttp_version = \"{version}\"\n{keys}");
        let post = "path = \"/post\"\nmethod = \"POST\"\nbody = \"ping 12345\"\n";
        expect(
            &world,
            at,
            &http(&format!("{post}expect_body = \"POST 10\"")),
            Pass,
        );
        let wrong = format!("{post}expect_body = \"POST 11\"");
        expect(&world, at, &http(&wrong), fail(Cause::Body));
        for (json, passes) in [
            (
                "{ pointer = \"/status\", equals = \"up\" }, { pointer = \"/queue\", at_most = 12 }",
                true,
            ),
            ("{ pointer = \"/checks/0/db\", equals = true }", true),
            ("{ pointer = \"/queue\", at_most = 11.5 }", false),
            ("{ pointer = \"/error\", exists = false }", true),
            ("{ pointer = \"/checks/1\" }", false),
        ] {
            for headers in ["", "headers = { \"Accept-Encoding\" = \"gzip\" }\n"] {
                let keys = http(&format!("{HEALTH}\n{headers}expect_json = [{json}]"));
                let outcome = if passes { Pass } else { fail(Cause::Body) };
                expect(&world, at, &keys, outcome);
            }
        }
    }
}

#[test]
fn nginx_asks_who_the_probe_is() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    authority.issue("client", "waypost.example.org");
    let _nginx = nginx(&world);
    let at = "127.1.0.1:8445".parse().unwrap();
    let https = format!("type = \"https\"\nroots = \"roots.pem\"\n{HEALTH}\n");
    let known = format!("{https}client_certificate = \"client.pem\"\nclient_key = \"client.key\"");
    expect(&world, at, &known, Pass);
    // nginx takes the handshake, and answers that it wanted a certificate.
    expect(&world, at, &https, fail(Cause::Status(400)));
}
