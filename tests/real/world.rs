//! A network namespace, a folder, and programs in them.
use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A private network and a folder; both go when it is dropped.
pub(crate) struct World {
    folder: TempDir,
}

thread_local! {
    /// The control socket of this thread's world.
    static SOCKET: RefCell<PathBuf> = RefCell::default();
}

/// A program that is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl World {
    /// Moves this thread, and what it starts, into a new network namespace.
    pub(crate) fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace needs root");
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status()
            .unwrap();
        assert!(up.success(), "cannot bring the loopback interface up");
        let folder = tempfile::tempdir().unwrap();
        SOCKET.set(folder.path().join("waypost.sock"));
        Self { folder }
    }

    /// The folder, or a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts a program; its output goes to `NAME.log`.
    pub(crate) fn start(&self, name: &str, command: &mut Command) -> Process {
        let log = self.path(&format!("{name}.log"));
        let file = fs::File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .current_dir(self.folder.path())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}; tests/run installs it"));
        Process { child, log }
    }

    /// Starts an HTTP server on `address:8080` that has `/healthz`.
    pub(crate) fn backend(&self, address: &str) -> Process {
        self.write("www/healthz", "well\n");
        let mut command = Command::new("/usr/bin/python3");
        command
            .args([
                "-m",
                "http.server",
                "8080",
                "--bind",
                address,
                "--directory",
            ])
            .arg(self.path("www"));
        let process = self.start(&format!("backend-{address}"), &mut command);
        wait_for(&format!("{address}:8080"), || {
            TcpStream::connect((address, 8080)).is_ok()
        });
        process
    }

    /// Starts `waypost run` on the folder's `config.toml` and waits until it is ready.
    pub(crate) fn waypost(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command
            .args(["run", "--log", "json", "--config"])
            .arg(self.path("config.toml"));
        let process = self.start("waypost", &mut command);
        wait_for("waypost to be ready", || {
            get("/readyz").is_some_and(|(status, _)| status == 200)
        });
        process
    }

    /// Writes the usual two regions with two tiers each, and their zone.
    pub(crate) fn write_config(&self) {
        self.write("config.toml", CONFIG);
        self.write("zones/example.org.zone", ZONE);
    }
}

impl Process {
    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends a name server by SIGTERM, and waits until the processes that it has started are gone as well: SIGKILL would leave those
    /// of NSD at its port, where they answer for a while and keep the next one out.
    pub(crate) fn end_serving(mut self, address: &str) {
        nix::sys::signal::kill(self.id(), nix::sys::signal::Signal::SIGTERM).unwrap();
        self.wait();
        wait_for("the port of what has ended", || {
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        });
    }

    /// Its process id.
    pub(crate) fn id(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for its end; the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // Its folder may be gone already.
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- {} ---\n{log}", self.log.display());
        }
    }
}

/// Waits until something holds.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a program to its end; standard output, whether it went well.
pub(crate) fn run(program: &str, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(program).args(arguments).output();
    let output = output
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}; tests/run installs it"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.success())
}

/// Makes a token; its secret, and the table for the config.
pub(crate) fn token(arguments: &[&str]) -> (String, String) {
    let new = ["token", "new"];
    let (text, well) = run(env!("CARGO_BIN_EXE_waypost"), &[&new, arguments].concat());
    assert!(well, "{text}");
    let secret = text
        .lines()
        .find_map(|line| line.strip_prefix("# secret: "));
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("[tokens."));
    (
        secret.unwrap().to_owned(),
        table.collect::<Vec<_>>().join("\n"),
    )
}

/// What `dig` prints.
pub(crate) fn dig(arguments: &[&str]) -> String {
    let fixed = ["+tries=1", "+time=3", "+norecurse"];
    run("dig", &[&fixed, arguments].concat()).0
}

/// GET from Waypost's control API: status and body.
pub(crate) fn get(path: &str) -> Option<(u16, String)> {
    request("GET", path)
}

/// A request to Waypost's control API: status and body. What changes something goes by the socket, where root is an admin.
pub(crate) fn request(method: &str, path: &str) -> Option<(u16, String)> {
    if method != "GET" {
        return ask(
            UnixStream::connect(SOCKET.with_borrow(PathBuf::clone)).ok()?,
            method,
            path,
        );
    }
    get_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 8053)), path)
}

/// GET from a control API that listens there: status and body, once it answers.
pub(crate) fn get_at(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    ask(stream, "GET", path)
}

fn ask(mut stream: impl Read + Write, method: &str, path: &str) -> Option<(u16, String)> {
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// The state of an endpoint in the status of the running server.
pub(crate) fn state_of(endpoint: &str) -> String {
    let Some((200, body)) = get("/api/v1/status") else {
        return "no status".to_owned();
    };
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    let regions = status["regions"].as_array().unwrap();
    let found = regions
        .iter()
        .flat_map(|region| region["endpoints"].as_array().unwrap())
        .find(|candidate| candidate["name"] == endpoint)
        .unwrap_or_else(|| panic!("no endpoint {endpoint} in {body}"));
    found["targets"][0]["state"].as_str().unwrap().to_owned()
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The addresses of an answer as `dig +short` prints them.
pub(crate) fn addresses(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect()
}

pub(crate) const CONFIG: &str = r#"
[server]
listen = ["127.0.0.20:53", "[::1]:53"]
identity = "test-node"

[control]
listen = "127.0.0.1:8053"

[geo]
database = "embedded"
overrides = { "198.51.100.0/24" = "DE", "203.0.113.0/24" = "CA" }

[[zones]]
name = "example.org"
file = "zones/example.org.zone"

[jurisdictions]
EEA = { countries = ["@EEA"] }
CA = { countries = ["CA"] }

[regions.eu-frankfurt]
location = [50.11, 8.68]
jurisdiction = "EEA"
serves = ["EU", "AF"]

[[regions.eu-frankfurt.endpoints]]
name = "fra-one"
provider = "hetzner"
tier = 1
addresses = ["127.1.0.1"]

[[regions.eu-frankfurt.endpoints]]
name = "fra-two"
provider = "ovh"
tier = 2
addresses = ["127.1.0.2"]

[regions.na-toronto]
location = [43.65, -79.38]
jurisdiction = "CA"

[[regions.na-toronto.endpoints]]
name = "tor-one"
provider = "digitalocean"
tier = 1
addresses = ["127.2.0.1"]

[monitors.web]
type = "http"
port = 8080
path = "/healthz"
interval = "200ms"
timeout = "150ms"
fall = 2
rise = 2

[recoveries.quick]
steps = [50, 100]
every = "1s"

[services.api]
hostnames = ["api.example.org", "example.org"]
monitors = ["web"]
recovery = "quick"
residency = "prefer"
ttl = { min = "1s", max = "2s" }

[services.userdata]
hostnames = ["data.example.org"]
monitors = ["web"]
recovery = "quick"
residency = "strict"
unknown = "any"
ttl = { min = "1s", max = "2s" }
"#;

pub(crate) const ZONE: &str = r#"$TTL 300
@        SOA   ns1 hostmaster 2026010101 3600 900 604800 60
         NS    ns1
         NS    ns2
         MX    10 mail
         TXT   "v=spf1 -all"
ns1      A     127.0.0.20
ns2      A     127.0.0.20
mail     A     192.0.2.25
         AAAA  2001:db8::25
www      CNAME api
Mixed    TXT   "Case Kept"
*.wild   TXT   "any"
sub      NS    ns.sub
ns.sub   A     192.0.2.53
old      DNAME mail
"#;
