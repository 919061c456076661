//! The shipped units, as systemd itself judges them, and as it runs them: process 1 of namespaces of its own.
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::upgrade::Crowd;
use crate::world::{CONFIG, Process, World, dig, repository, run, wait_for};

/// Exposure, in tenths, that the unit may have at most.
const EXPOSURE: &str = "20";
const UNITS: [&str; 2] = ["waypost.service", "waypost.socket"];

/// Puts the units into a folder, with the program under test in the place of the one that is installed.
fn units() -> (World, Vec<String>) {
    let world = World::new();
    let paths = UNITS.map(|unit| {
        let text = fs::read_to_string(repository("deploy/systemd").join(unit)).unwrap();
        let text = text.replace("/usr/bin/waypost", env!("CARGO_BIN_EXE_waypost"));
        world.write(unit, &text).to_str().unwrap().to_owned()
    });
    (world, paths.into())
}

#[test]
fn the_units_verify_without_a_word() {
    let (_world, paths) = units();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (text, well) = run("systemd-analyze", &[&["verify"], &paths[..]].concat());
    assert!(well && text.is_empty(), "{text}");
}

#[test]
fn the_service_is_exposed_as_little_as_is_promised() {
    let (_world, paths) = units();
    let threshold = format!("--threshold={EXPOSURE}");
    let judge = |unit: &str| {
        run(
            "systemd-analyze",
            &["security", "--offline=true", &threshold, unit],
        )
    };
    let (text, well) = judge(&paths[0]);
    assert!(well, "{text}");
    // The judge can say no.
    let open = fs::read_to_string(&paths[0]).unwrap();
    fs::write(
        &paths[0],
        open.replace("ProtectSystem=strict", "")
            .replace("CapabilityBoundingSet=CAP_NET_BIND_SERVICE", ""),
    )
    .unwrap();
    let (text, well) = judge(&paths[0]);
    assert!(!well, "{text}");
}

/// Has systemd begin as process 1 with nothing to do. What it and the units would write of the machine is laid over with
/// memory; the folder of the units has the shipped ones, and empty targets in the place of those of a whole system.
const BOOT: &str = r#"set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
for folder in /etc /usr/bin /usr/lib/sysusers.d; do
    mkdir -p /run/over$folder/upper /run/over$folder/work
    mount -t overlay -o lowerdir=$folder,upperdir=/run/over$folder/upper,workdir=/run/over$folder/work overlay $folder
done
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs tmpfs /usr/lib/systemd/system
mount -t tmpfs tmpfs /etc/systemd/system
for name in basic sysinit sockets shutdown local-fs network-online nothing; do
    printf '[Unit]\nDefaultDependencies=no\n' > /usr/lib/systemd/system/$name.target
done
touch /usr/bin/waypost
mount --bind "$PROGRAM" /usr/bin/waypost
cp "$DEPLOY"/waypost.service "$DEPLOY"/waypost.socket /etc/systemd/system/
cp "$DEPLOY"/waypost.sysusers /usr/lib/sysusers.d/waypost.conf
systemd-sysusers waypost.conf
mkdir -p /etc/waypost/zones /etc/systemd/system/waypost.service.d
cp config.toml /etc/waypost/
cp zones/example.org.zone /etc/waypost/zones/
# What it would tell the journal, and a watchdog that a test can wait for.
printf '[Service]\nStandardOutput=append:/run/waypost.log\nStandardError=inherit\nWatchdogSec=10s\n' \
    > /etc/systemd/system/waypost.service.d/test.conf
mount -t tmpfs -o mode=1777 tmpfs /tmp
exec env -i PATH="$PATH" container=test /usr/lib/systemd/systemd --system --unit=nothing.target \
    --log-target=console --show-status=no
"#;

/// A systemd that knows the shipped units, and nothing else.
struct Booted {
    manager: Process,
    /// Process 1 of its namespaces, by the number that it has outside.
    init: String,
}

impl Booted {
    fn start(world: &World) -> Self {
        let config = CONFIG
            .replace(
                r#""127.0.0.20:53", "[::1]:53""#,
                r#""0.0.0.0:53", "[::]:53""#,
            )
            .replace("identity", "state = \"/var/lib/waypost\"\nidentity")
            .replace(
                "[control]",
                "[control]\nsocket = \"/run/waypost/waypost.sock\"",
            );
        world.write("config.toml", &config);
        world.write("zones/example.org.zone", crate::world::ZONE);
        world.write("boot.sh", BOOT);
        let mut command = Command::new("unshare");
        command
            .args([
                "--fork",
                "--kill-child",
                "--pid",
                "--mount",
                "--cgroup",
                "--ipc",
                "--uts",
            ])
            .args(["bash", "boot.sh"])
            .env("PROGRAM", env!("CARGO_BIN_EXE_waypost"))
            .env("DEPLOY", repository("deploy/systemd"));
        let manager = world.start("systemd", &mut command);
        let children = format!("/proc/{0}/task/{0}/children", manager.id());
        let mut init = String::new();
        wait_for("a process of its own", || {
            init = fs::read_to_string(&children).unwrap().trim().to_owned();
            !init.is_empty()
        });
        let booted = Self { manager, init };
        wait_for("systemd to run", || {
            booted.systemctl(&["is-system-running"]).1
        });
        booted
    }

    /// Runs a program beside its processes; what it says, and whether it went well.
    fn run(&self, words: &[&str]) -> (String, bool) {
        let inside = ["-t", &self.init, "-p", "-m", "-C", "-i", "-u"];
        run("nsenter", &[&inside, words].concat())
    }

    fn systemctl(&self, words: &[&str]) -> (String, bool) {
        self.run(&[&["systemctl"], words].concat())
    }

    /// The same, which must go well.
    fn well(&self, words: &[&str]) -> String {
        let (text, well) = self.systemctl(words);
        assert!(well, "{words:?}: {text}\n{}", self.log());
        text
    }

    fn log(&self) -> String {
        self.run(&["cat", "/run/waypost.log"]).0 + &self.manager.log()
    }

    /// What it knows of the service, by name.
    fn facts(&self) -> BTreeMap<String, String> {
        let text = self.well(&["show", "waypost.service"]);
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        owned.collect()
    }

    /// Waits until the service runs as another process than this one; gives that.
    fn await_other(&self, before: &str) -> String {
        let mut now = String::new();
        wait_for("another process", || {
            let facts = self.facts();
            now.clone_from(&facts["MainPID"]);
            facts["SubState"] == "running" && !["0", before].contains(&now.as_str())
        });
        now
    }
}

fn asked() -> String {
    dig(&["+short", "@127.0.0.20", "api.example.org", "A"])
}

#[test]
fn systemd_starts_reloads_watches_and_revives_the_service() {
    let world = World::new();
    let systemd = Booted::start(&world);
    systemd.well(&["start", "waypost.socket"]);
    assert_eq!(systemd.facts()["ActiveState"], "inactive");
    // The first query starts it.
    wait_for("an answer", || asked().contains("127.1.0.1"));
    let first = systemd.await_other("");
    let facts = systemd.facts();
    assert_eq!(facts["Type"], "notify");
    assert_eq!(
        facts["ActiveState"], "active",
        "it has said that it is ready"
    );
    // Two addresses over UDP and TCP, the control API over HTTP and by its socket.
    assert_eq!(facts["NFileDescriptorStore"], "6");
    let status = systemd.run(&["cat", &format!("/proc/{first}/status")]).0;
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000400"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    assert!(!status.contains("Uid:\t0"), "{status}");

    let crowd = Crowd::start(200, 20);
    let mut now = first;
    for _ in 0..3 {
        systemd.well(&["reload", "waypost.service"]);
        now = systemd.await_other(&now);
    }
    let asked_meanwhile = crowd.lost_nothing();
    assert!(
        asked_meanwhile > 60,
        "only {asked_meanwhile} questions: no load"
    );
    assert_eq!(systemd.facts()["NRestarts"], "0");

    // A restart, a crash, and a process that hangs: what it had open is kept, and the next takes it up.
    systemd.well(&["restart", "waypost.service"]);
    now = systemd.await_other(&now);
    assert!(asked().contains("127.1.0.1"));
    for (restarts, signal) in [("1", "KILL"), ("2", "STOP")] {
        systemd.well(&[
            "kill",
            "--kill-who=main",
            "--signal",
            signal,
            "waypost.service",
        ]);
        now = systemd.await_other(&now);
        assert_eq!(systemd.facts()["NRestarts"], restarts, "{}", systemd.log());
        wait_for("an answer", || asked().contains("127.1.0.1"));
    }
    let at = "unix:/run/waypost/waypost.sock";
    let (text, well) = systemd.run(&["waypost", "status", "--control", at]);
    assert!(well, "{text}");
    systemd.well(&["stop", "waypost.service"]);
    let facts = systemd.facts();
    assert_eq!(
        (&*facts["ActiveState"], &*facts["Result"]),
        ("inactive", "success")
    );
}
