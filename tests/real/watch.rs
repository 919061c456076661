//! Files that change under a running server: writers that pause, swapped links, a file that is mounted by itself.
//!
//! Until what is written is whole, and weakens nothing, the last good version is served.
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::world::{CONFIG, Process, World, ZONE, dig, get, request, wait_for};

const SECRET: &str = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";

fn status() -> Value {
    let (_, body) = get("/api/v1/status").unwrap();
    serde_json::from_str(&body).unwrap()
}

fn plan() -> String {
    status()["plan"].to_string()
}

fn refusal() -> Option<String> {
    let status = status();
    let reason = status.get("refused")?.get("reason")?.as_str()?;
    Some(reason.to_owned())
}

fn serial() -> String {
    let answer = dig(&["@127.0.0.20", "+short", "SOA", "example.org"]);
    answer.split(' ').nth(2).unwrap_or_default().to_owned()
}

/// Another config that means the same, cut where `at` is found.
fn cut_before(at: &str) -> String {
    let text = format!("# edited\n{CONFIG}");
    text[..text.rfind(at).unwrap()].to_owned()
}

fn waypost(world: &World) -> Process {
    world.write_config();
    world.waypost()
}

#[test]
fn a_writer_that_pauses_changes_nothing_until_it_is_done() {
    let world = World::new();
    let waypost = waypost(&world);
    let before = plan();
    let whole = world.write("whole.toml", &format!("# edited\n{CONFIG}"));
    let half = cut_before("residency = \"strict\"").len();
    let script = format!(
        "head -c {half} {0} > config.toml; while [ ! -e go-on ]; do sleep 0.1; done; tail -c +{1} {0} >> config.toml",
        whole.display(),
        half + 1
    );
    let mut shell = Command::new("sh");
    let mut writer = world.start("writer", shell.args(["-c", &script]));
    wait_for("the refusal", || refusal().is_some());
    let reason = refusal().unwrap();
    assert!(reason.starts_with("refused: "), "{reason}");
    assert!(reason.contains("fence of userdata"), "{reason}");
    assert!(reason.contains("waypost reload --force"), "{reason}");
    assert!(
        waypost.log().contains("also anywhere"),
        "the log says it too"
    );
    assert_eq!(plan(), before);
    let (code, body) = request("POST", "/api/v1/reload").unwrap();
    assert_ne!(code, 200, "asked for, it is refused as well: {body}");
    assert_eq!(plan(), before);
    world.write("go-on", "");
    wait_for("the whole config", || plan() != before);
    assert_eq!(writer.wait(), Some(0));
    assert_eq!(refusal(), None, "nothing is refused any more");
}

#[test]
fn what_was_refused_is_taken_when_somebody_says_so() {
    let world = World::new();
    let _waypost = waypost(&world);
    let before = plan();
    world.write("config.toml", &cut_before("[services.userdata]"));
    let (code, body) = request("POST", "/api/v1/reload").unwrap();
    assert_ne!(code, 200, "{body}");
    assert!(
        body.contains("service") && body.contains("--force"),
        "{body}"
    );
    let (code, body) = request("POST", "/api/v1/reload?force=true").unwrap();
    assert_eq!(code, 200, "{body}");
    assert!(
        body.contains("userdata"),
        "it shows what has changed: {body}"
    );
    assert_ne!(plan(), before);
}

#[test]
fn a_zone_that_is_cut_is_served_as_it_was() {
    let world = World::new();
    let names: String = (0..200)
        .map(|number| format!("n{number} A 192.0.2.{number}\n"))
        .collect();
    let _waypost = waypost(&world);
    let zone = "zones/example.org.zone";
    let whole = format!("{ZONE}{names}");
    world.write(zone, &whole);
    let is_there = |name: &str| {
        !dig(&["@127.0.0.20", "+short", "A", &format!("{name}.example.org")]).is_empty()
    };
    wait_for("all names", || is_there("n199"));
    let cut = &whole[..whole.find("n160 ").unwrap()];
    world.write(zone, cut);
    wait_for("the refusal", || refusal().is_some());
    let reason = refusal().unwrap();
    assert!(
        reason.contains("40 of") && reason.contains("max_shrink_watched"),
        "{reason}"
    );
    assert!(is_there("n199"));
    let newer = cut.replace("2026010101", "2026010102");
    world.write(zone, &newer);
    wait_for("the new serial", || serial() == "2026010102");
    assert!(!is_there("n199"), "a new serial says that it is meant");
    assert_eq!(refusal(), None);
}

#[test]
fn links_are_swapped_as_kubernetes_does() {
    let world = World::new();
    let version = |name: &str, config: &str, serial: &str| {
        world.write(&format!("{name}/config.toml"), config);
        let zone = ZONE.replace("2026010101", serial);
        world.write(&format!("{name}/zones/example.org.zone"), &zone);
    };
    let swap = |name: &str| {
        symlink(name, world.path("..data_tmp")).unwrap();
        fs::rename(world.path("..data_tmp"), world.path("..data")).unwrap();
    };
    version("..1", CONFIG, "1");
    swap("..1");
    symlink("..data/config.toml", world.path("config.toml")).unwrap();
    symlink("..data/zones", world.path("zones")).unwrap();
    let _waypost = world.waypost();
    let first = plan();
    version("..2", &format!("# two\n{CONFIG}"), "2");
    swap("..2");
    wait_for("the second version", || serial() == "2" && plan() != first);
    let second = plan();
    version("..3", &cut_before("unknown ="), "2");
    swap("..3");
    version("..4", &cut_before("residency = \"strict\""), "2");
    swap("..4");
    wait_for("the refusal", || refusal().is_some());
    assert_eq!(plan(), second);
    version("..5", CONFIG, "5");
    swap("..5");
    wait_for("the fifth version", || {
        serial() == "5" && refusal().is_none()
    });
}

/// A mount of one file shows its inode: what is written into it, and not what is renamed over it outside.
#[test]
fn a_file_that_is_mounted_by_itself_is_read_when_it_is_whole() {
    let world = World::new();
    world.write_config();
    let outside = world.write("outside.toml", CONFIG);
    let script = format!(
        "mount --make-rprivate / && mount --bind {} {} && exec {} run --log json --config {1}",
        outside.display(),
        world.path("config.toml").display(),
        env!("CARGO_BIN_EXE_waypost"),
    );
    let mut command = Command::new("unshare");
    let _waypost = world.start("waypost", command.args(["--mount", "sh", "-c", &script]));
    wait_for("waypost to be ready", || {
        get("/readyz").is_some_and(|(status, _)| status == 200)
    });
    let before = plan();
    fs::write(&outside, "").unwrap();
    wait_for("the refusal of nothing", || refusal().is_some());
    fs::write(&outside, cut_before("residency = \"strict\"")).unwrap();
    wait_for("the refusal of a part", || {
        refusal().is_some_and(|reason| reason.contains("fence"))
    });
    assert_eq!(plan(), before);
    fs::write(&outside, format!("# edited\n{CONFIG}")).unwrap();
    wait_for("the whole", || plan() != before && refusal().is_none());
    // A file that is put in its place is not seen inside of the mount; the last version stays.
    let edited = plan();
    fs::rename(world.write("other.toml", "[server]\n"), &outside).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((plan(), refusal()), (edited, None));
}

#[test]
fn a_server_that_does_not_watch_reads_when_it_is_asked() {
    let world = World::new();
    let still = CONFIG.replace("[server]\n", "[server]\nwatch = false\n");
    world.write_config();
    world.write("config.toml", &still);
    let waypost = world.waypost();
    let before = plan();
    world.write("config.toml", &format!("# edited\n{still}"));
    world.write(
        "zones/example.org.zone",
        &ZONE.replace("2026010101", "2026010102"),
    );
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(
        (plan(), serial()),
        (before.clone(), "2026010101".to_owned())
    );
    assert!(!waypost.log().contains("files_changed"));
    let (code, body) = request("POST", "/api/v1/reload").unwrap();
    assert_eq!(code, 200, "{body}");
    assert!(body.contains("nobody moves"), "{body}");
    assert_eq!(serial(), "2026010102");
    assert_ne!(plan(), before);
}

#[test]
fn no_secret_leaves_with_an_error() {
    let world = World::new();
    let keyed = |line: &str| format!("{CONFIG}\n[tsig.xfr]\n{line}\n");
    world.write_config();
    world.write("config.toml", &keyed(&format!("secret = \"{SECRET}\"")));
    let waypost = world.waypost();
    for line in [
        format!("secret = \"{SECRET}"),
        format!("secret = {SECRET}"),
        format!("secret = \"{SECRET}\"\nsecret = \"{SECRET}\""),
        format!("secrt = \"{SECRET}\""),
        format!("secret = [\"{SECRET}\"]"),
        format!("secret = \"\"\"\n{SECRET}\n"),
        format!("secret =\n\"{SECRET}\""),
        format!("algorithm = \"{SECRET}\""),
    ] {
        world.write("config.toml", &keyed(&line));
        let (code, body) = request("POST", "/api/v1/reload").unwrap();
        assert_ne!(code, 200, "{line}: {body}");
        let program = env!("CARGO_BIN_EXE_waypost");
        let config = world.path("config.toml");
        let mut told = body + &status().to_string();
        for arguments in [&["check"][..], &["check", "--json"]] {
            let output = Command::new(program)
                .args(arguments)
                .arg("--config")
                .arg(&config)
                .output()
                .unwrap();
            told += &String::from_utf8_lossy(&output.stdout);
            told += &String::from_utf8_lossy(&output.stderr);
        }
        assert!(!told.contains(&SECRET[..12]), "{line}: {told}");
    }
    assert!(!waypost.log().contains(&SECRET[..12]));
    assert!(
        waypost.log().contains("every user of this machine"),
        "it may be read by all"
    );
}

/// The lines of the audit log from one on.
fn audit(world: &World, from: usize) -> Vec<Value> {
    let text = fs::read_to_string(world.path("audit.jsonl")).unwrap_or_default();
    let lines = text.lines().skip(from);
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The outcomes of these lines, all of which are the watch's.
fn outcomes(lines: &[Value]) -> Vec<&str> {
    for line in lines {
        assert_eq!(
            (&line["identity"], &line["way"]),
            (&"watch".into(), &"file".into()),
            "{line}"
        );
    }
    lines
        .iter()
        .map(|line| line["outcome"].as_str().unwrap())
        .collect()
}

#[test]
fn what_the_watch_takes_and_what_it_refuses_is_in_the_log_of_changes() {
    let world = World::new();
    let config = CONFIG.replace("[control]\n", "[control]\naudit = \"audit.jsonl\"\n");
    world.write("config.toml", &config);
    world.write("zones/example.org.zone", ZONE);
    let _waypost = world.waypost();
    let before = plan();
    let more = "\n[[regions.na-toronto.endpoints]]\nname = \"tor-two\"\nprovider = \"ovh\"\ntier = 2\naddresses = [\"127.2.0.2\"]\n";
    let larger = format!("{config}{more}");
    world.write("config.toml", &larger);
    wait_for("the larger config", || plan() != before);
    wait_for("its end", || audit(&world, 0).len() == 2);
    let lines = audit(&world, 0);
    assert_eq!(outcomes(&lines), ["begun", "done"]);
    assert_eq!(format!("{}", lines[1]["before"]["plan"]), before);
    assert_eq!(format!("{}", lines[1]["after"]["plan"]), plan());
    assert_eq!(lines[1]["begun"], lines[0]["seq"]);
    let detail = lines[1]["detail"].as_str().unwrap();
    assert!(detail.contains("endpoints added: tor-two"), "{detail}");

    world.write(
        "config.toml",
        &larger.replace("residency = \"strict\"", "residency = \"any\""),
    );
    wait_for("its end", || audit(&world, 2).len() == 2);
    let lines = audit(&world, 2);
    assert_eq!(outcomes(&lines), ["begun", "refused"]);
    let detail = lines[1]["detail"].as_str().unwrap();
    assert!(detail.contains("fence of userdata"), "{detail}");

    world.write("config.toml", &format!("{larger}[servre]\n"));
    wait_for("the error", || audit(&world, 4).len() == 1);
    let lines = audit(&world, 4);
    assert_eq!(outcomes(&lines), ["refused"]);
    assert!(lines[0]["after"].is_null(), "{}", lines[0]);

    // What cannot be written there is not done.
    let whole = fs::read(world.path("audit.jsonl")).unwrap();
    fs::remove_file(world.path("audit.jsonl")).unwrap();
    fs::create_dir(world.path("audit.jsonl")).unwrap();
    let during = plan();
    world.write("config.toml", &config);
    wait_for("the refusal", || {
        refusal().is_some_and(|why| why.contains("cannot be recorded"))
    });
    assert_eq!(plan(), during);
    fs::remove_dir(world.path("audit.jsonl")).unwrap();
    fs::write(world.path("audit.jsonl"), whole).unwrap();
    let (code, body) = request("POST", "/api/v1/reload?force=true").unwrap();
    assert_eq!(code, 200, "{body}");
    assert_eq!(plan(), before);
    let path = world.path("config.toml");
    let verify = ["audit", "verify", "--config", path.to_str().unwrap()];
    let (text, well) = crate::world::run(env!("CARGO_BIN_EXE_waypost"), &verify);
    assert!(well, "{text}");
}

#[test]
fn included_files_are_watched_with_their_folder() {
    let world = World::new();
    let (main, services) = CONFIG.split_at(CONFIG.find("[services.userdata]").unwrap());
    let main = format!("include = [\"conf.d/*.toml\"]\n{main}");
    // What is cut off of it would change nothing.
    let services = &format!("{services}# end\n");
    world.write("zones/example.org.zone", ZONE);
    world.write("conf.d/10-userdata.toml", services);
    world.write("config.toml", &main);
    let _waypost = world.waypost();
    let first = plan();
    let more = "[services.more]\nhostnames = [\"more.example.org\"]\nmonitors = [\"web\"]\nresidency = \"any\"\n";
    world.write("conf.d/20-more.toml", more);
    wait_for("the new file", || plan() != first);
    let second = plan();
    world.write(
        "conf.d/10-userdata.toml",
        services.trim_end_matches("# end\n"),
    );
    wait_for("the refusal of half a file", || refusal().is_some());
    let reason = refusal().unwrap();
    assert!(reason.contains("conf.d/10-userdata.toml"), "{reason}");
    assert_eq!(plan(), second);
    world.write("conf.d/10-userdata.toml", services);
    world.write("conf.d/30-broken.toml", "[server]\nlisten = 1\n");
    wait_for("an error in the new file", || {
        refusal().is_some_and(|reason| reason.contains("30-broken.toml:2:1"))
    });
    fs::remove_file(world.path("conf.d/30-broken.toml")).unwrap();
    wait_for("it gone", || refusal().is_none());
    assert_eq!(plan(), second);
}
