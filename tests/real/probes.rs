//! Probes of nginx: connections that it closes by its own rules, and TLS sessions that it resumes over a change of its
//! certificate.
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::world::{Process, World, get, state_of, wait_for};

/// One endpoint, where nginx listens; the monitor is the test's.
fn config(monitor: &str) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.20:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n\
         [[zones]]\nname = \"example.org\"\nfile = \"zones/example.org.zone\"\n\
         [regions.here]\nlocation = [50.11, 8.68]\n\
         [[regions.here.endpoints]]\nname = \"one\"\nprovider = \"own\"\ntier = 1\naddresses = [\"127.1.0.1\"]\n\
         [monitors.web]\nport = 8080\nhost = \"api.example.org\"\ninterval = \"200ms\"\nnear_interval = \"100ms\"\n\
         timeout = \"200ms\"\nfall = 2\nrise = 2\n{monitor}\n\
         [recoveries.quick]\nsteps = [100]\nevery = \"1s\"\n\
         [services.api]\nhostnames = [\"api.example.org\"]\nmonitors = [\"web\"]\nrecovery = \"quick\"\n"
    )
}

/// nginx in the foreground, with the settings of its one server.
fn nginx(world: &World, server: &str) -> Process {
    let folder = world.path("");
    let folder = folder.display();
    let text = format!(
        "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ log_format kept \"$connection $connection_requests $ssl_session_reused $status\";\n\
         access_log {folder}/access.log kept; client_body_temp_path {folder}; proxy_temp_path {folder};\n\
         fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n\
         server {{ {server} location / {{ return 200 well; }} }} }}\n"
    );
    let path = world.write("nginx.conf", &text);
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(world.path(""));
    let process = world.start("nginx", &mut command);
    wait_for("nginx", || {
        std::net::TcpStream::connect(("127.1.0.1", 8080)).is_ok()
    });
    process
}

/// What nginx has written of each request so far: the words of a line.
fn requests(world: &World) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(world.path("access.log")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    whole.lines().map(words).collect()
}

fn signal(process: &Process, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(process.id(), signal).unwrap();
}

/// Probes that have failed so far.
fn failures() -> Vec<String> {
    let (_, text) = get("/metrics").unwrap();
    let lines = text.lines();
    let failed = lines.filter(|line| line.starts_with("waypost_probe_failures_total{"));
    failed.map(str::to_owned).collect()
}

#[test]
fn connections_are_kept_as_long_as_nginx_lets_them() {
    for (rule, most) in [("keepalive_requests 5;", 5), ("keepalive_timeout 50ms;", 3)] {
        let world = World::new();
        world.write_config();
        world.write("config.toml", &config("type = \"http\"\nreuse = true"));
        let nginx = nginx(&world, &format!("listen 127.1.0.1:8080; {rule}"));
        let _waypost = world.waypost();
        wait_for("many probes", || requests(&world).len() >= 40);
        assert_eq!(state_of("one"), "healthy");
        assert_eq!(failures(), [""; 0], "{rule}");
        let requests = requests(&world);
        let longest = requests.iter().map(|words| words[1].parse().unwrap()).max();
        let longest: u32 = longest.unwrap();
        // Near a flip probes follow each other sooner than the idle connection is closed.
        assert!(longest <= most, "{rule} {requests:?}");
        assert!(
            rule.contains("timeout") || longest == most,
            "{rule} {requests:?}"
        );
        // Another worker, which knows none of the connections.
        signal(&nginx, nix::sys::signal::Signal::SIGHUP);
        let before = requests.len();
        wait_for("probes of the new worker", || {
            self::requests(&world).len() >= before + 10
        });
        assert_eq!(
            failures(),
            [""; 0],
            "{rule}: a reload of nginx is no failure"
        );
        nginx.kill();
        wait_for("the death to be seen", || state_of("one") == "down");
        assert!(
            failures()[0].contains("cause=\"refused\""),
            "{:?}",
            failures()
        );
    }
}

#[test]
fn a_certificate_that_nginx_has_replaced_is_seen_though_sessions_are_resumed() {
    let world = World::new();
    world.write_config();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        world.write("server.pem", &certificate.pem());
        world.write("server.key", &key.serialize_pem());
    };
    issue("api.example.org");
    world.write("roots.pem", &authority.pem());
    // The key of tickets outlives a reload, as it does where several machines share it.
    world.write("ticket.key", &"k".repeat(80));
    let nginx = nginx(
        &world,
        "listen 127.1.0.1:8080 ssl; ssl_certificate server.pem; ssl_certificate_key server.key; \
         ssl_session_ticket_key ticket.key;",
    );
    let monitor = "type = \"https\"\nroots = \"roots.pem\"\nverify_every = \"3s\"";
    world.write("config.toml", &config(monitor));
    let _waypost = world.waypost();
    wait_for("resumed sessions", || {
        requests(&world)
            .iter()
            .filter(|words| words[2] == "r")
            .count()
            >= 5
    });
    assert_eq!(state_of("one"), "healthy");
    assert_eq!(failures(), [""; 0]);
    let whole = || {
        requests(&world)
            .iter()
            .filter(|words| words[2] == ".")
            .count()
    };
    let before = whole();
    wait_for("whole handshakes in between", || whole() > before + 1);
    issue("www.example.org");
    signal(&nginx, nix::sys::signal::Signal::SIGHUP);
    wait_for("the certificate to be seen", || state_of("one") == "down");
    assert!(
        failures()[0].contains("cause=\"certificate_name\""),
        "{:?}",
        failures()
    );
}
