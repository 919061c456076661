//! The server is killed in the midst of everything and started again: its first answer is what the last one was.
use std::process::Command;

use crate::world::{CONFIG, Process, World, ZONE, addresses, dig, get, run, state_of, wait_for};

/// What a client in Germany is answered.
fn answer() -> Vec<String> {
    let text = dig(&[
        "@127.0.0.20",
        "+short",
        "+subnet=198.51.100.0/24",
        "api.example.org",
    ]);
    addresses(&text).iter().map(ToString::to_string).collect()
}

/// A world whose server keeps its state, with this recovery.
fn world(recovery: &str) -> World {
    let world = World::new();
    let config = CONFIG
        .replace("[server]\n", "[server]\nstate = \"state\"\n")
        .replace("steps = [50, 100]\nevery = \"1s\"\n", recovery);
    world.write("config.toml", &config);
    world.write("zones/example.org.zone", ZONE);
    world
}

fn waypost(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    let config = ["--config", config.to_str().unwrap()];
    run(
        env!("CARGO_BIN_EXE_waypost"),
        &[arguments, &config].concat(),
    )
}

/// Starts the server and gives its first answer, whenever that comes.
fn first_answer(world: &World) -> (Process, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(["run", "--log", "json", "--config"]);
    let process = world.start("again", command.arg(world.path("config.toml")));
    let mut first = Vec::new();
    wait_for("the first answer", || {
        first = answer();
        !first.is_empty()
    });
    (process, first)
}

fn metric(name: &str) -> Option<String> {
    let (_, text) = get("/metrics")?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
    lines.next().map(|value| value.trim().to_owned())
}

/// The machines of the two regions, but the first, which is returned apart.
fn machines(world: &World) -> (Process, [Process; 2]) {
    let others = [world.backend("127.1.0.2"), world.backend("127.2.0.1")];
    (world.backend("127.1.0.1"), others)
}

#[test]
fn whatever_holds_a_return_back_holds_it_over_a_kill() {
    for (recovery, state) in [
        ("every = \"10m\"\nsteps = [1, 100]\n", "ramping"),
        ("every = \"1s\"\nsteps = [100]\ngate = \"data\"\n", "gated"),
        (
            "every = \"1s\"\nsteps = [100]\nfailback = \"manual\"\n",
            "unapproved",
        ),
        (
            "every = \"1s\"\nsteps = [100]\nfailback_delay = \"10m\"\n",
            "held",
        ),
    ] {
        let world = world(recovery);
        let data = "\n[monitors.data]\ntype = \"tcp\"\nport = 18999\ninterval = \"200ms\"\ntimeout = \"150ms\"\n";
        let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
        world.write("config.toml", &(config + data));
        let (first, _others) = machines(&world);
        let mut server = world.waypost();
        wait_for("fra-one to serve", || state_of("fra-one") == "healthy");
        first.kill();
        wait_for("fra-one to fall", || state_of("fra-one") == "down");
        let mut back = None;
        for state in ["down", state] {
            wait_for(state, || state_of("fra-one") == state);
            // What has just happened is on the disk within a second.
            std::thread::sleep(std::time::Duration::from_millis(1500));
            let before = answer();
            server.kill();
            let (again, answered) = first_answer(&world);
            assert_eq!(answered, before, "{state}");
            wait_for("the status", || state_of("fra-one") != "no status");
            assert_eq!(state_of("fra-one"), state);
            if state != "ramping" {
                assert_eq!(before, ["127.1.0.2"], "{state}");
            }
            assert_eq!(metric("waypost_state_writable").as_deref(), Some("1"));
            assert_eq!(metric("waypost_state_damaged").as_deref(), Some("0"));
            server = again;
            back.get_or_insert_with(|| world.backend("127.1.0.1"));
        }
    }
}

#[test]
fn an_order_that_was_acknowledged_holds_over_a_kill() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    let _machines = machines(&world);
    let server = world.waypost();
    wait_for("fra-one to serve", || state_of("fra-one") == "healthy");
    let (text, well) = waypost(
        &world,
        &["drain", "fra-one", "--author", "ada", "--reason", "disks"],
    );
    server.kill();
    assert!(well && !text.contains("restart"), "{text}");
    let (server, _) = first_answer(&world);
    wait_for("fra-one to be drained", || answer() == ["127.1.0.2"]);
    let (status, _) = waypost(&world, &["status"]);
    assert!(status.contains("disks"), "{status}");
    server.kill();
    let (server, answered) = first_answer(&world);
    assert_eq!(answered, ["127.1.0.2"]);
    let (text, well) = waypost(&world, &["undrain", "fra-one", "--author", "ada"]);
    server.kill();
    assert!(well, "{text}");
    let (_server, _) = first_answer(&world);
    wait_for("fra-one to serve", || state_of("fra-one") == "healthy");
    // What was ordered, and how it ended, is known to the third process as well.
    let (text, _) = waypost(&world, &["orders"]);
    assert!(
        text.contains("lifted by ada") && text.contains("by ada (user root): disks"),
        "{text}"
    );
}

#[test]
fn a_flipped_bit_is_told_and_costs_nothing() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    let _machines = machines(&world);
    let server = world.waypost();
    assert!(waypost(&world, &["drain", "fra-one", "--author", "ada"]).1);
    wait_for("fra-one to be drained", || answer() == ["127.1.0.2"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    server.kill();
    let path = world.path("state/health.log");
    let mut text = std::fs::read(&path).unwrap();
    text[100] ^= 4;
    std::fs::write(&path, &text).unwrap();
    let (server, answered) = first_answer(&world);
    assert_eq!(answered, ["127.1.0.2"]);
    wait_for("its metrics", || metric("waypost_state_damaged").is_some());
    assert_eq!(metric("waypost_state_damaged").as_deref(), Some("1"));
    assert!(
        server.log().contains("state_unreadable"),
        "{}",
        server.log()
    );
    wait_for("a file without damage", || {
        std::fs::read(&path).is_ok_and(|now| now != text)
    });
    server.kill();
    let (_server, answered) = first_answer(&world);
    assert_eq!(answered, ["127.1.0.2"]);
    wait_for("its metrics", || metric("waypost_state_damaged").is_some());
    assert_eq!(metric("waypost_state_damaged").as_deref(), Some("0"));
}

#[test]
fn a_folder_that_another_server_writes_is_left_alone() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    let _machines = machines(&world);
    let _server = world.waypost();
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let config = config
        .replace("127.0.0.20:53", "127.0.0.21:53")
        .replace("[::1]:53", "127.0.0.22:53")
        .replace("127.0.0.1:8053", "127.0.0.1:8054");
    world.write("second.toml", &config);
    let config = world.path("second.toml");
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["run", "--config", config.to_str().unwrap()],
    );
    assert!(!well && text.contains("another server (process "), "{text}");
}

#[test]
fn a_full_disk_is_said_and_what_it_missed_is_written_once_there_is_room() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    // On another disk: a change that cannot be recorded is not made.
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let config = config.replace("[control]\n", "[control]\naudit = \"audit.jsonl\"\n");
    world.write("config.toml", &config);
    let _machines = machines(&world);
    let binary = env!("CARGO_BIN_EXE_waypost");
    let script = format!(
        "mount --make-rprivate / && mkdir -p state && mount -t tmpfs -o size=16k,mode=700 none state && \
         (cat /dev/zero > state/fill || true) && exec {binary} run --log json --config config.toml"
    );
    let server = world.start(
        "full",
        Command::new("unshare").args(["-m", "sh", "-c", &script]),
    );
    wait_for("fra-one to serve", || state_of("fra-one") == "healthy");
    assert_eq!(metric("waypost_state_writable").as_deref(), Some("0"));
    let (text, well) = waypost(&world, &["drain", "fra-one", "--author", "ada"]);
    assert!(
        well && text.contains("a restart of the server would not know of it"),
        "{text}"
    );
    wait_for("fra-one to be drained", || answer() == ["127.1.0.2"]);
    let id = server.id().to_string();
    let inside = |command: &str| {
        let folder = world.path("state");
        let folder = folder.to_str().unwrap();
        let command = command.replace("state", folder);
        run("nsenter", &["-t", &id, "-m", "sh", "-c", &command])
    };
    assert!(inside("rm state/fill").1);
    wait_for("the state to be written", || {
        metric("waypost_state_writable").as_deref() == Some("1")
    });
    let (text, _) = inside("cat state/health.log");
    assert!(text.contains("\"scope\":\"fra-one\""), "{text}");
    assert!(server.log().contains("state_writable"), "{}", server.log());
}

/// Starts the server in a mount namespace of its own, by a script in which `RUN` stands for its command.
fn start_inside(world: &World, script: &str) -> Process {
    let run = format!(
        "{} run --log json --config config.toml",
        env!("CARGO_BIN_EXE_waypost")
    );
    let script = format!("mount --make-rprivate / && {}", script.replace("RUN", &run));
    world.start(
        "inside",
        Command::new("unshare").args(["-m", "sh", "-c", &script]),
    )
}

/// The rules of alert that are shipped: what one of them says of a metric.
fn alert_on(expression: &str) -> bool {
    let rules = std::fs::read_to_string(crate::world::repository("docker/alerts.yaml")).unwrap();
    rules.contains(&format!("expr: {expression}\n"))
}

/// The state was written by a server before; now it cannot be, by whatever `script` does, and the server starts by it.
fn starts_by_what_it_cannot_write(world: &World, script: &str) {
    // On another disk: a change that cannot be recorded is not made.
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let config = config.replace("[control]\n", "[control]\naudit = \"audit.jsonl\"\n");
    world.write("config.toml", &config);
    let _machines = machines(world);
    let server = world.waypost();
    wait_for("fra-one to serve", || state_of("fra-one") == "healthy");
    assert!(waypost(world, &["drain", "fra-one", "--author", "ada"]).1);
    wait_for("fra-one to be drained", || answer() == ["127.1.0.2"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    server.kill();
    let server = start_inside(world, script);
    let mut first = Vec::new();
    wait_for("the first answer", || {
        first = answer();
        !first.is_empty()
    });
    assert_eq!(first, ["127.1.0.2"], "what is there is read");
    wait_for("a metric of it", || {
        metric("waypost_state_writable").as_deref() == Some("0")
    });
    assert!(alert_on("waypost_state_writable == 0"));
    wait_for("a line of it", || server.log().contains("state_unwritable"));
    let (text, well) = waypost(world, &["undrain", "fra-one", "--author", "ada"]);
    let doubt = "a restart of the server would not know of it";
    assert!(well && text.contains(doubt), "{text}");
    wait_for("fra-one to serve", || answer() == ["127.1.0.1"]);
    let text = std::fs::read_to_string(world.path("state/health.log")).unwrap();
    assert!(text.contains("\"scope\":\"fra-one\""), "as it was");
    server.kill();
}

#[test]
fn a_read_only_disk_is_said_and_answered_from() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    starts_by_what_it_cannot_write(
        &world,
        "mount --bind state state && mount -o remount,ro,bind state && exec RUN",
    );
}

#[test]
fn a_folder_of_another_user_is_said_and_answered_from() {
    use std::os::unix::fs::PermissionsExt;
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    let readable = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(world.path(""), readable).unwrap();
    // The folder stays root's; the server is nobody, who may bind a port, and read what root lets everybody read.
    starts_by_what_it_cannot_write(
        &world,
        "chmod -R a+rX . && rm -f waypost.sock && chown 65534 audit.jsonl && \
         exec setpriv --reuid 65534 --regid 65534 --clear-groups \
         --inh-caps +net_bind_service --ambient-caps +net_bind_service RUN",
    );
}

#[test]
fn a_folder_that_cannot_even_be_read_costs_what_it_held() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let config = config.replace("[control]\n", "[control]\naudit = false\nsocket = false\n");
    world.write("config.toml", &config);
    world.write("state/health.log", "not for nobody");
    let _machines = machines(&world);
    let server = start_inside(
        &world,
        "chmod -R a+rX . && chmod 700 state && \
         exec setpriv --reuid 65534 --regid 65534 --clear-groups \
         --inh-caps +net_bind_service --ambient-caps +net_bind_service RUN",
    );
    wait_for("fra-one to serve", || state_of("fra-one") == "healthy");
    assert_eq!(answer(), ["127.1.0.1"]);
    wait_for("a metric of it", || {
        metric("waypost_state_writable").as_deref() == Some("0")
    });
    assert_eq!(metric("waypost_state_damaged").as_deref(), Some("6"));
    assert!(alert_on("waypost_state_damaged > 0"));
    let log = server.log();
    assert!(
        log.contains("state_unreadable") && log.contains("Permission denied"),
        "{log}"
    );
}

#[test]
fn check_warns_where_a_restart_goes_around_something() {
    let manual = "every = \"1s\"\nsteps = [100]\nfailback = \"manual\"\n";
    let world = world(manual);
    let (text, well) = waypost(&world, &["check"]);
    assert!(well && !text.contains("goes around"), "{text}");
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    world.write(
        "config.toml",
        &config.replace("\"state\"", "\"config.toml/state\""),
    );
    let (text, well) = waypost(&world, &["check"]);
    assert!(
        well && text.contains("config.toml is not a folder"),
        "{text}"
    );
    assert!(
        text.contains("a restart goes around the approvals"),
        "{text}"
    );
    let harmless = config.replace("failback = \"manual\"\n", "");
    let harmless = harmless.replace("\"state\"", "\"config.toml/state\"");
    world.write("config.toml", &harmless);
    let (text, well) = waypost(&world, &["check"]);
    assert!(well && !text.contains("goes around"), "{text}");
}

/// Who leads by measured times leads over a kill, as long as the hysteresis keeps it: the table alone would say otherwise.
#[test]
fn a_region_that_leads_by_measured_times_leads_over_a_kill() {
    let world = world("every = \"1s\"\nsteps = [50, 100]\n");
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let steering = "\n[services.api.steering]\npolicy = \"latency\"\nmeasured = \"latency.csv\"\n";
    let config = config.replace("residency = \"prefer\"", "residency = \"any\"");
    world.write("config.toml", &(config + steering));
    world.write("latency.csv", "DE,eu-frankfurt,10\nDE,na-toronto,30\n");
    let _machines = machines(&world);
    let server = world.waypost();
    wait_for("Frankfurt to lead", || answer() == ["127.1.0.1"]);
    // Now 8 ms slower: more than what counts as equal, less than what moves anybody.
    world.write(
        "latency.csv",
        "DE,eu-frankfurt,30\nDE,na-toronto,22\nFR,na-toronto,5\n",
    );
    let kept = world.path("state/measured.log");
    wait_for("the renewed table to be kept", || {
        std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("FR"))
    });
    assert_eq!(answer(), ["127.1.0.1"]);
    server.kill();
    let (server, answered) = first_answer(&world);
    assert_eq!(answered, ["127.1.0.1"]);
    server.kill();
    std::fs::remove_file(kept).unwrap();
    let (_server, answered) = first_answer(&world);
    assert_eq!(answered, ["127.2.0.1"], "by the table alone");
}
