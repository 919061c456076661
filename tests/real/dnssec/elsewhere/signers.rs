//! Who signs a zone, and who gives it away: BIND, Knot, ldns with NSD, and another Waypost.
use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::world::{Process, World, dig, run, wait_for};

/// Where the primary answers.
pub(crate) const PRIMARY: &str = "127.0.0.40";
/// Where the children of the zone are served.
const CHILDREN: &str = "127.0.0.24";

/// Who signs, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer {
    /// `dnssec-signzone`: algorithm and options; named is the primary.
    Bind(&'static str, &'static [&'static str]),
    /// `ldns-signzone`: algorithm and options; NSD is the primary.
    Ldns(&'static str, &'static [&'static str]),
    /// knotd as the primary that signs: lines of its policy.
    Knot(&'static [&'static str]),
    /// Waypost as the primary that signs: the `dnssec` of its zone.
    Waypost(&'static str),
}

/// A primary that is running.
pub(crate) struct Primary {
    signer: Signer,
    /// Names of the files of the keys, without their endings, where a tool signs.
    key: Option<String>,
    process: Option<Process>,
}

impl Primary {
    /// Signs this text and starts to serve it.
    pub(crate) fn start(world: &World, signer: Signer, text: &str) -> Self {
        let key = generate(world, signer);
        let mut primary = Self {
            signer,
            key,
            process: None,
        };
        primary.write(world, text);
        let process = match signer {
            Signer::Bind(..) => {
                let zone = "file \"primary/zone\"; also-notify { 127.0.0.20; }; notify explicit; \
                            notify-source 127.0.0.40; ixfr-from-differences yes;";
                named(world, PRIMARY, &[("example.org", zone)])
            }
            Signer::Ldns(..) => nsd(world),
            Signer::Knot(policy) => knotd(world, policy),
            Signer::Waypost(dnssec) => waypost(world, dnssec),
        };
        primary.process = Some(process);
        wait_for("the primary", || {
            dig(&[&at(PRIMARY), "+dnssec", "example.org", "SOA"]).contains("RRSIG")
        });
        primary
    }

    /// Has it serve this text.
    pub(crate) fn update(&self, world: &World, text: &str) {
        self.write(world, text);
        let process = self.process.as_ref().unwrap();
        kill(process.id(), Signal::SIGHUP).unwrap();
    }

    /// Whether it sends changes (RFC 1995). A tool makes every signature anew, and that is more than
    /// the whole zone.
    pub(crate) fn tells_changes(&self) -> bool {
        matches!(self.signer, Signer::Knot(_) | Signer::Waypost(_))
    }

    /// The zone as a file: as the tool wrote it, or else as the primary gives it.
    pub(crate) fn signed_file(&self, world: &World) -> String {
        match self.signer {
            Signer::Bind(..) | Signer::Ldns(..) => {
                fs::read_to_string(world.path("primary/zone")).unwrap()
            }
            Signer::Knot(_) => {
                let config = world.path("knot.conf").display().to_string();
                let folder = world.path("flushed").display().to_string();
                fs::create_dir_all(&folder).unwrap();
                let flush = [
                    "-b",
                    "-c",
                    &config,
                    "zone-flush",
                    "+outdir",
                    &folder,
                    "example.org",
                ];
                let (said, well) = run("knotc", &flush);
                assert!(well, "{said}");
                fs::read_to_string(world.path("flushed/zone")).unwrap()
            }
            Signer::Waypost(_) => transferred(PRIMARY).join("\n") + "\n",
        }
    }

    fn write(&self, world: &World, text: &str) {
        let unsigned = world.write("primary/unsigned", text);
        let unsigned = unsigned.to_str().unwrap();
        let key = self.key.as_deref().unwrap_or_default();
        match self.signer {
            Signer::Bind(_, options) => {
                let public = fs::read_to_string(format!("{key}.key")).unwrap();
                world.write("primary/unsigned", &(text.to_owned() + &public));
                let signed = world.path("primary/zone").display().to_string();
                let folder = world.path("primary").display().to_string();
                let own = [
                    "-q",
                    "-z",
                    "-d",
                    &folder,
                    "-o",
                    "example.org",
                    "-f",
                    &signed,
                ];
                tool(
                    "dnssec-signzone",
                    &[options, &own, &[unsigned, key]].concat(),
                );
            }
            Signer::Ldns(_, options) => {
                let signed = world.path("primary/zone").display().to_string();
                // From yesterday on: from now on is too near for some validators.
                let since = tool("date", &["-u", "-d", "yesterday", "+%Y%m%d"]);
                let own = [
                    "-i",
                    since.trim(),
                    "-o",
                    "example.org",
                    "-f",
                    &signed,
                    unsigned,
                    key,
                ];
                tool("ldns-signzone", &[options, &own].concat());
            }
            Signer::Knot(_) | Signer::Waypost(_) => {
                world.write("primary/zone", text);
            }
        }
    }
}

fn generate(world: &World, signer: Signer) -> Option<String> {
    fs::create_dir_all(world.path("primary")).unwrap();
    let folder = world.path("primary").display().to_string();
    match signer {
        Signer::Bind(algorithm, _) => Some(dnssec_keygen(&folder, algorithm, "example.org")),
        Signer::Ldns(algorithm, _) => {
            let mut keygen = Command::new("ldns-keygen");
            let keygen = keygen.current_dir(&folder);
            let output = keygen.args(["-k", "-a", algorithm, "-b", "2048", "example.org"]);
            let output = output.output().expect("tests/run installs it");
            let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            Some(format!("{folder}/{name}"))
        }
        Signer::Knot(_) | Signer::Waypost(_) => None,
    }
}

/// Makes one key for everything; its files without their endings.
fn dnssec_keygen(folder: &str, algorithm: &str, zone: &str) -> String {
    let keygen = ["-q", "-K", folder, "-a", algorithm, "-f", "KSK", zone];
    let name = match algorithm {
        "RSASHA256" => tool("dnssec-keygen", &[&["-b", "2048"][..], &keygen].concat()),
        _ => tool("dnssec-keygen", &keygen),
    };
    format!("{folder}/{}", name.trim())
}

/// Serves the children of the zone, one of them signed: its DS, as a line of the parent.
pub(crate) fn children(world: &World) -> (Process, String) {
    let text = "$TTL 300\n@ SOA ns hostmaster 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.24\nwww A 192.0.2.99\n";
    world.write("children/plain", text);
    let folder = world.path("children").display().to_string();
    let key = dnssec_keygen(&folder, "ECDSAP256SHA256", "sec.example.org");
    let public = fs::read_to_string(format!("{key}.key")).unwrap();
    let unsigned = world.write("children/unsigned", &(text.to_owned() + &public));
    let (unsigned, signed) = (unsigned.to_str().unwrap(), format!("{folder}/signed"));
    let sign = [
        "-q",
        "-z",
        "-d",
        &folder,
        "-o",
        "sec.example.org",
        "-f",
        &signed,
    ];
    tool("dnssec-signzone", &[&sign[..], &[unsigned, &key]].concat());
    let ds = tool("dnssec-dsfromkey", &["-2", &format!("{key}.key")]);
    let plain = "file \"children/plain\";";
    let zones = [
        ("ins.example.org", plain),
        ("deep.ent.example.org", plain),
        ("sec.example.org", "file \"children/signed\";"),
    ];
    (named(world, CHILDREN, &zones), ds)
}

/// What a program prints that must go well.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> String {
    let (said, well) = run(program, arguments);
    assert!(well, "{program} {arguments:?}: {said}");
    said
}

/// The zone as a server gives it, sorted, all owners in lower case.
pub(crate) fn transferred(server: &str) -> Vec<String> {
    let arguments = ["example.org", "AXFR", "+onesoa", "+noall", "+answer"];
    let text = dig(&[&[&*at(server)], &arguments[..]].concat());
    let mut lines: Vec<String> = text.lines().map(lower_owner).collect();
    lines.sort();
    lines
}

/// A record whose owner has no upper case: hashes are written in both.
fn lower_owner(line: &str) -> String {
    let end = line.find(char::is_whitespace).unwrap_or_default();
    line[..end].to_lowercase() + &line[end..]
}

pub(crate) fn at(server: &str) -> String {
    format!("@{server}")
}

fn named(world: &World, address: &str, zones: &[(&str, &str)]) -> Process {
    // It listens on nothing but addresses that an interface has.
    run(
        "ip",
        &["address", "add", &format!("{address}/32"), "dev", "lo"],
    );
    let mut text = format!(
        "options {{
    directory \".\";
    listen-on {{ {address}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    session-keyfile none;
    notify-delay 0;
    dnssec-validation no;
    allow-transfer {{ any; }};
}};
controls {{ }};
"
    );
    for (zone, own) in zones {
        text += &format!("zone \"{zone}\" {{ type primary; masterfile-format text; {own} }};\n");
    }
    let name = format!("named-{address}");
    let config = world.write(&format!("{name}.conf"), &text);
    let mut named = Command::new("/usr/sbin/named");
    world.start(&name, named.arg("-g").arg("-c").arg(config))
}

fn nsd(world: &World) -> Process {
    let text = format!(
        "server:
    ip-address: {PRIMARY}
    username: \"\"
    zonesdir: \".\"
    database: \"\"
    pidfile: \"nsd.pid\"
    xfrdfile: \"xfrd.state\"
    xfrdir: \".\"
    zonelistfile: \"zone.list\"
    xfrd-reload-timeout: 0
remote-control:
    control-enable: no
zone:
    name: example.org
    zonefile: primary/zone
    outgoing-interface: {PRIMARY}
    provide-xfr: 127.0.0.0/8 NOKEY
    notify: 127.0.0.20@53 NOKEY
"
    );
    let config = world.write("nsd.conf", &text);
    let mut nsd = Command::new("/usr/sbin/nsd");
    world.start("nsd", nsd.arg("-d").arg("-c").arg(config))
}

fn knotd(world: &World, policy: &[&str]) -> Process {
    let folder = world.path("primary").display().to_string();
    let policy = policy.join("\n    ");
    let text = format!(
        "server:
    listen: {PRIMARY}@53
    rundir: {folder}
database:
    storage: {folder}
control:
    listen: {folder}/knot.sock
policy:
  - id: own
    single-type-signing: on
    {policy}
remote:
  - id: waypost
    address: 127.0.0.20@53
    via: {PRIMARY}
acl:
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: example.org
    storage: {folder}
    file: zone
    zonefile-load: difference-no-serial
    zonefile-sync: -1
    journal-content: all
    dnssec-signing: on
    dnssec-policy: own
    notify: waypost
    acl: transfer
"
    );
    let config = world.write("knot.conf", &text);
    let mut knotd = Command::new("/usr/sbin/knotd");
    world.start("knot", knotd.arg("-c").arg(config))
}

fn waypost(world: &World, dnssec: &str) -> Process {
    let text = format!(
        "[server]
listen = [\"{PRIMARY}:53\"]
[control]
listen = \"127.0.0.1:8054\"
[[zones]]
name = \"example.org\"
file = \"zone\"
dnssec = {dnssec}
transfer = {{ to = [\"127.0.0.0/8\"], notify = [\"127.0.0.20:53\"], min_interval = \"1s\" }}
"
    );
    let config = world.write("primary/config.toml", &text);
    let waypost = env!("CARGO_BIN_EXE_waypost");
    let path = config.to_str().unwrap();
    tool(
        waypost,
        &["keys", "generate", "example.org", "--config", path],
    );
    let mut run = Command::new(waypost);
    world.start("primary", run.arg("run").arg("--config").arg(config))
}
