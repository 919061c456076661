//! The platform of `deploy/platform`, as much of it as one machine can be: regions as network namespaces with the shipped fronts, a primary and a
//! standby as they are shipped, and a node of Waypost with the shipped config before them.
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;

use crate::anycast::{Place, well};
use crate::postgres::cluster::{as_postgres, owner};
use crate::world::{Process, World, addresses, dig, get, repository, run, wait_for};

const FRANKFURT: &str = "192.0.2.10";
const ICELAND: &str = "192.0.2.30";
const TORONTO: &str = "198.51.100.10";
/// Of the user of databases, where its certificates would be.
const HOME: &str = "/var/lib/postgresql";
/// Networks of clients that are asked for, in each country.
const CLIENTS: u8 = 20;

/// Makes the certificate of all machines, as a front and a database want it, and that of who vouches for it.
fn certificates(world: &World) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut names = vec!["api.example.org".to_owned(), "data.example.org".to_owned()];
    for net in ["192.0.2", "198.51.100", "203.0.113"] {
        names.extend(["10", "20", "30", "40"].map(|last| format!("{net}.{last}")));
    }
    let mut own = CertificateParams::new(names).unwrap();
    // Another name than the issuer's, or it would pass for one that has signed itself.
    own.distinguished_name
        .push(DnType::CommonName, "platform.internal");
    let own = own.signed_by(&key, &issuer).unwrap();
    let both = own.pem() + &key.serialize_pem();
    world.write("certs/platform.pem", &both);
    world.write("server.crt", &own.pem());
    world.write("server.key", &key.serialize_pem());
    world.write("secrets/database-ca.pem", &issuer.pem());
}

/// A region: its network, its front, and processes of the application.
struct Region {
    place: Place,
    number: u8,
    applications: Vec<Process>,
    _front: Process,
}

impl Region {
    fn start(world: &World, number: u8, name: &str, own: &[&str]) -> Self {
        let place = Place::new(world, name);
        let (link, gateway) = (format!("link{number}"), format!("10.0.{number}.2"));
        let holder = place.holder.id();
        well(&format!(
            "ip link add {link} type veth peer name eth0 netns {holder}"
        ));
        well(&format!("ip address add 10.0.{number}.1/24 dev {link}"));
        well(&format!("ip link set {link} up"));
        place.well("ip link set lo up");
        place.well(&format!("ip address add {gateway}/24 dev eth0"));
        for address in own {
            well(&format!("ip route add {address} via {gateway}"));
            place.well(&format!("ip address add {address}/32 dev lo"));
        }
        world.write(&format!("{name}/healthz"), "well\n");
        world.write(&format!("{name}/region"), name);
        let applications = ["8081", "8082"].map(|port| {
            let mut command = place.command("/usr/bin/python3");
            command.args(["-m", "http.server", port, "--bind", "127.0.0.1"]);
            command.arg("--directory").arg(world.path(name));
            world.start(&format!("{name}-{port}"), &mut command)
        });
        let mut front = place.command("haproxy");
        front
            .arg("-f")
            .arg(repository("deploy/platform/front/haproxy.cfg"))
            .env("CERTS", world.path("certs"));
        let region = Self {
            _front: world.start(&format!("{name}-front"), &mut front),
            applications: applications.into(),
            place,
            number,
        };
        region.heal();
        for address in own {
            wait_for(address, || asked(world, address) == name);
        }
        region
    }

    /// Cuts it off from everybody.
    fn cut(&self) {
        self.place.well("ip link set eth0 down");
    }

    fn heal(&self) {
        self.place.well("ip link set eth0 up");
        let gateway = format!("ip route add default via 10.0.{}.1", self.number);
        self.place.well(&gateway);
    }
}

/// The region that a client sees behind an address, by the front's certificate.
fn asked(world: &World, address: &str) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "5", "--cacert"])
        .arg(world.path("secrets/database-ca.pem"))
        .args(["--resolve", &format!("api.example.org:443:{address}")])
        .arg("https://api.example.org/region")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A database with the shipped settings.
struct Database {
    folder: PathBuf,
    _server: Process,
}

impl Database {
    /// An empty folder of the user of databases, with the shipped files beside it.
    fn folder(world: &World, name: &str) -> PathBuf {
        fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        for file in ["platform.conf", "pg_hba.conf", "roles.sql"] {
            let shipped = repository("deploy/platform/postgres").join(file);
            fs::copy(shipped, world.path(file)).unwrap();
        }
        let folder = world.path(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        give(&folder);
        folder
    }

    /// What is archived goes where a config of pgBackRest says, if there is one.
    fn primary(world: &World, place: &Place, archive: Option<&Path>) -> Self {
        let folder = Self::folder(world, "primary");
        let mut initdb = as_postgres("initdb");
        initdb.args(["--auth=peer", "--no-sync", "--locale=C", "--encoding=UTF8"]);
        done(initdb.arg("-D").arg(&folder));
        for (file, own) in [
            ("pg_hba.conf", "pg_hba.conf"),
            ("server.crt", "server.crt"),
            ("server.key", "server.key"),
            ("platform.conf", "postgresql.conf"),
        ] {
            let own = folder.join(own);
            fs::copy(world.path(file), &own).unwrap();
            fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
            give(&own);
        }
        let own = Self::serve(world, place, folder, archive);
        let mut roles = own.client();
        for role in ["replicator", "waypost", "app"] {
            roles.arg("-v").arg(format!("{role}={role}-secret"));
        }
        done(roles.arg("-f").arg(world.path("roles.sql")));
        own.sql("CREATE TABLE filler (text text)");
        own
    }

    /// Made by the shipped script, which asks the primary from its own region.
    fn standby(world: &World, place: &Place, name: &str) -> Self {
        let folder = Self::folder(world, name);
        let shipped = repository("deploy/platform/postgres/standby");
        fs::copy(shipped, world.path("standby-script")).unwrap();
        let basebackup = as_postgres("pg_basebackup");
        let basebackup = basebackup.get_args().last().unwrap().to_owned();
        let mut script = place.command("setpriv");
        script
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .arg(world.path("standby-script"))
            .args([FRANKFURT, name])
            .arg(&folder)
            .env("PG_BASEBACKUP", basebackup)
            .env("HOME", HOME)
            .env("PGPASSWORD", "replicator-secret")
            .env("PGSSLROOTCERT", world.path("secrets/database-ca.pem"))
            .current_dir("/");
        done(&mut script);
        Self::serve(world, place, folder, None)
    }

    fn serve(world: &World, place: &Place, folder: PathBuf, archive: Option<&Path>) -> Self {
        let postgres = as_postgres("postgres");
        let mut server = place.command("setpriv");
        server.args(postgres.get_args()).arg("-D").arg(&folder);
        server.env("HOME", HOME);
        // Beside its data, of which copies are made.
        let sockets = folder.with_extension("sockets");
        fs::create_dir_all(&sockets).unwrap();
        give(&sockets);
        let sockets = format!("unix_socket_directories={}", sockets.display());
        let archiving = match archive {
            Some(_) => "archive_mode=on",
            None => "archive_mode=off",
        };
        for setting in [&sockets, "fsync=off", archiving, "shared_buffers=16MB"] {
            server.args(["-c", setting]);
        }
        for (name, value) in archive.iter().flat_map(|config| archived(config)) {
            server.env(name, value);
        }
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let own = Self {
            _server: world.start(&format!("database-{name}"), &mut server),
            folder,
        };
        wait_for(&name, || own.try_sql("SELECT 1").is_some());
        own
    }

    fn client(&self) -> Command {
        let mut psql = as_postgres("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h"]);
        psql.arg(self.folder.with_extension("sockets"))
            .stderr(Stdio::null());
        psql
    }

    fn try_sql(&self, statement: &str) -> Option<String> {
        let output = self.client().args(["-c", statement]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim().to_owned())
    }

    fn sql(&self, statement: &str) -> String {
        let answer = self.try_sql(statement);
        answer.unwrap_or_else(|| panic!("refused: {statement}"))
    }

    /// How long it waits before it replays what it has received.
    fn delay(&self, time: &str) {
        self.sql(&format!(
            "ALTER SYSTEM SET recovery_min_apply_delay = '{time}'"
        ));
        self.sql("SELECT pg_reload_conf()");
    }

    fn rows(&self) -> String {
        self.sql("SELECT count(*) FROM filler")
    }
}

/// What pgBackRest finds in its environment.
fn archived(config: &Path) -> [(&'static str, String); 3] {
    [
        ("PGBACKREST_CONFIG", config.display().to_string()),
        ("PGBACKREST_REPO1_CIPHER_PASS", "here".to_owned()),
        ("PGBACKREST_REPO2_CIPHER_PASS", "elsewhere".to_owned()),
    ]
}

/// Gives a file to the user of databases.
fn give(path: &Path) {
    let (user, group) = owner();
    chown(path, Some(user), Some(group)).unwrap();
}

fn done(command: &mut Command) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// The shipped config, for a node beside the regions, with times that a test can wait for.
fn configure(world: &World) {
    let folder = repository("deploy/platform/waypost");
    let mut config = fs::read_to_string(folder.join("config.toml.j2")).unwrap();
    let fast = "interval = \"5s\"\ntimeout = \"5s\"";
    for (shipped, own) in [
        ("\"0.0.0.0:53\", \"[::]:53\"", "\"127.0.0.20:53\""),
        ("{{ inventory_hostname }}", "test"),
        ("/var/lib/waypost", "state"),
        (
            "socket = \"/run/waypost/waypost.sock\"\nmetrics = \"0.0.0.0:9153\"",
            "listen = \"127.0.0.1:8053\"",
        ),
        (
            "database = \"embedded\"",
            "database = \"embedded\"\noverrides = { \"10.7.0.0/16\" = \"CA\", \"10.8.0.0/16\" = \"DE\" }",
        ),
        (
            "interval = \"5s\"\ntimeout = \"2s\"",
            &format!("{fast}\nroots = \"secrets/database-ca.pem\""),
        ),
        ("tls = true", &format!("tls = true\n{fast}")),
        ("every = \"1m\"", "every = \"2s\""),
    ] {
        assert!(config.contains(shipped), "{shipped}");
        config = config.replace(shipped, own);
    }
    world.write("config.toml", &config);
    let zone = fs::read_to_string(folder.join("files/zones/example.org.zone")).unwrap();
    world.write("zones/example.org.zone", &zone);
    world.write("secrets/replicated.password", "waypost-secret\n");
}

/// States of an endpoint, one for each of the ways in which it is watched.
fn states(endpoint: &str) -> Vec<String> {
    let (_, body) = get("/api/v1/status").unwrap();
    let status: Value = serde_json::from_str(&body).unwrap();
    let regions = status["regions"].as_array().unwrap().iter();
    let mut endpoints = regions.flat_map(|region| region["endpoints"].as_array().unwrap());
    let found = endpoints.find(|own| own["name"] == endpoint).unwrap();
    let targets = found["targets"].as_array().unwrap().iter();
    let states = targets.map(|target| target["state"].as_str().unwrap().to_owned());
    states.collect()
}

fn healthy(endpoint: &str) -> bool {
    states(endpoint).iter().all(|state| state == "healthy")
}

/// Answers to networks of a country, whose networks begin so.
fn answers(name: &str, country: &str) -> Vec<String> {
    let answer = |number: u8| {
        let subnet = format!("+subnet={country}.{number}.0/24");
        let text = dig(&["@127.0.0.20", &subnet, "+short", name, "A"]);
        match addresses(&text)[..] {
            [address] => address.to_string(),
            _ => panic!("{name}: {text}"),
        }
    };
    (0..CLIENTS).map(answer).collect()
}

fn all_are(answers: &[String], address: &str) -> bool {
    answers.iter().all(|own| own == address)
}

const CANADA: &str = "10.7";
const GERMANY: &str = "10.8";

#[test]
fn a_region_is_lost_and_comes_back_once_its_data_has() {
    let world = World::new();
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    certificates(&world);
    let others = ["192.0.2.30", "192.0.2.40", "203.0.113.10", "203.0.113.20"];
    let mut frankfurt = Region::start(&world, 0, "frankfurt", &[FRANKFURT, "192.0.2.20"]);
    let toronto = Region::start(&world, 1, "toronto", &[TORONTO, "198.51.100.20"]);
    let elsewhere = Region::start(&world, 2, "elsewhere", &others);
    let primary = Database::primary(&world, &frankfurt.place, None);
    let standby = Database::standby(&world, &toronto.place, "toronto_standby");
    let _other = Database::standby(&world, &elsewhere.place, "other_standby");
    configure(&world);
    let _waypost = world.waypost();
    for endpoint in ["fra-hetzner", "tor-digitalocean", "kef-1984", "sin-vultr"] {
        wait_for(endpoint, || healthy(endpoint));
    }
    let at = |name: &str, country: &str, address: &str| {
        wait_for(&format!("{name} of {country} at {address}"), || {
            all_are(&answers(name, country), address)
        });
    };
    at("api.example.org", CANADA, TORONTO);
    at("api.example.org", GERMANY, FRANKFURT);
    assert_eq!(asked(&world, TORONTO), "toronto");

    // Toronto is cut off. What may leave Canada is served by Frankfurt; what may not stays where it is.
    let of_toronto = [TORONTO.to_owned(), "198.51.100.20".to_owned()];
    toronto.cut();
    standby.delay("1h");
    at("api.example.org", CANADA, FRANKFURT);
    for answer in answers("data.example.org", CANADA) {
        assert!(
            of_toronto.contains(&answer),
            "{answer} is outside of Canada"
        );
    }
    primary.sql(
        "INSERT INTO filler SELECT repeat(md5(number::text), 30) FROM generate_series(1, 3000) number",
    );

    // It is back and healthy, without what was written meanwhile: regional data is served, the core waits.
    toronto.heal();
    wait_for("a gate", || {
        states("tor-digitalocean").contains(&"gated".to_owned())
    });
    wait_for("what needs no gate", || {
        states("tor-digitalocean").contains(&"healthy".to_owned())
    });
    assert_eq!(asked(&world, TORONTO), "toronto");
    assert_eq!(standby.rows(), "0");
    assert!(all_are(&answers("api.example.org", CANADA), FRANKFURT));
    at("data.example.org", CANADA, TORONTO);

    // It catches up, and gets its clients back.
    standby.delay("0");
    at("api.example.org", CANADA, TORONTO);
    assert_eq!(standby.rows(), primary.rows());

    // One process of the application is enough for a front; without any it says so, and the EEA is served by Iceland.
    frankfurt.applications.pop().unwrap().kill();
    wait_for("the other process", || {
        asked(&world, FRANKFURT) == "frankfurt"
    });
    assert!(all_are(&answers("api.example.org", GERMANY), FRANKFURT));
    frankfurt.applications.pop().unwrap().kill();
    at("api.example.org", GERMANY, ICELAND);
    at("data.example.org", GERMANY, ICELAND);
    // What is deployed once has nowhere to go.
    assert!(all_are(&answers("billing.example.org", CANADA), FRANKFURT));
    // In the clear there is nothing but the way to what is encrypted.
    let (said, _) = run(
        "curl",
        &["--silent", "--head", &format!("http://{TORONTO}/region")],
    );
    assert!(said.contains(" 308 "), "{said}");
}

#[test]
fn what_was_written_is_restored_from_the_other_country() {
    let world = World::new();
    certificates(&world);
    let place = Place::new(&world, "frankfurt");
    let shipped = repository("deploy/platform/postgres");
    let mut config = fs::read_to_string(shipped.join("pgbackrest.conf")).unwrap();
    let own = |name: &str| world.path(name).display().to_string();
    for (usual, here) in [
        ("/var/lib/pgbackrest", own("here")),
        (
            "repo2-host=192.0.2.30\nrepo2-host-user=pgbackrest\n",
            String::new(),
        ),
        ("/srv/pgbackrest", own("elsewhere")),
        ("/var/spool/pgbackrest", own("spool")),
        (
            "/var/lib/postgresql/15/main",
            format!("{0}\npg1-socket-path={0}.sockets", own("primary")),
        ),
        (
            "[global]",
            format!("[global]\nlog-level-file=off\nlock-path={}", own("lock")),
        ),
    ] {
        assert!(config.contains(usual), "{usual}");
        config = config.replace(usual, &here);
    }
    let config = world.write("pgbackrest.conf", &config);
    for folder in ["here", "elsewhere", "spool", "lock"] {
        fs::create_dir(world.path(folder)).unwrap();
        give(&world.path(folder));
    }
    fs::copy(shipped.join("backup"), world.path("backup")).unwrap();
    let database = Database::primary(&world, &place, Some(&config));
    let pgbackrest = |program: &str, words: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .arg(program)
            .args(words)
            .envs(archived(&config))
            .current_dir("/");
        done(&mut command);
    };
    pgbackrest("pgbackrest", &["--stanza=platform", "stanza-create"]);
    pgbackrest(&own("backup"), &["full"]);
    database.sql("INSERT INTO filler SELECT 'late' FROM generate_series(1, 42)");
    // Waits until what was written is in both.
    pgbackrest("pgbackrest", &["--stanza=platform", "check"]);
    let told = fs::read(world.path("elsewhere/backup/platform/backup.info")).unwrap();
    assert!(told.starts_with(b"Salted__"), "it is not encrypted");

    // The machine is gone, and its repository with it.
    let folder = database.folder.clone();
    drop(database);
    // Its processes may still be leaving.
    wait_for("its end", || fs::remove_dir_all(&folder).is_ok());
    fs::remove_dir_all(world.path("here")).unwrap();
    let folder = Database::folder(&world, "primary");
    pgbackrest("pgbackrest", &["--stanza=platform", "--repo=2", "restore"]);
    let database = Database::serve(&world, &place, folder, Some(&config));
    wait_for("the end of the replay", || database.rows() == "42");
}
