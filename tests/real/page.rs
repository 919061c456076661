//! The page in a real browser, during a real outage: `ui/test/drive.mjs` drives it, and asks here for what is to happen.
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};

use crate::world::{CONFIG, Process, World, ZONE, repository, run, wait_for};

/// Endpoints of the world, with their addresses.
const MACHINES: [(&str, &str); 3] = [
    ("fra-one", "127.1.0.1"),
    ("fra-two", "127.1.0.2"),
    ("tor-one", "127.2.0.1"),
];

/// A world that the driver of the browser moves.
struct Moved {
    world: World,
    machines: BTreeMap<&'static str, Process>,
    waypost: Option<Process>,
}

impl Moved {
    fn new(table: &str) -> Self {
        let world = World::new();
        let state = CONFIG.replace("[server]\n", "[server]\nstate = \"state\"\n");
        world.write("config.toml", &format!("{state}\n{table}\n"));
        world.write("zones/example.org.zone", ZONE);
        let mut moved = Self {
            world,
            machines: BTreeMap::new(),
            waypost: None,
        };
        for (name, _) in MACHINES {
            moved.heal(name);
        }
        moved.waypost = Some(moved.world.waypost());
        moved
    }

    fn heal(&mut self, name: &str) {
        let own = MACHINES.into_iter().find(|(own, _)| *own == name);
        let (name, address) = own.unwrap_or_else(|| panic!("there is no machine {name}"));
        self.machines.insert(name, self.world.backend(address));
    }

    fn happen(&mut self, what: &str) {
        let mut words = what.split(' ');
        match words.next() {
            Some("kill") => words.for_each(|name| {
                let machine = self.machines.remove(name);
                machine.unwrap_or_else(|| panic!("{name} is dead")).kill();
            }),
            Some("heal") => words.for_each(|name| self.heal(name)),
            // It ends as when the machine goes: nothing is written at its end.
            Some("stop") => self.waypost.take().expect("it runs").kill(),
            Some("start") => self.waypost = Some(self.world.waypost()),
            _ => panic!("nobody knows how to {what}"),
        }
    }
}

/// The packages of `ui/package-lock.json`, which tests/run installs.
fn packages() {
    let found = repository("ui/node_modules/playwright-core/package.json");
    assert!(
        found.exists(),
        "the packages of ui/ are not installed: tests/run does it (`npm ci` in ui/)"
    );
}

/// Starts a driver of the browser.
fn node(arguments: &[&str], folder: &Path) -> Child {
    let mut command = Command::new("node");
    command
        .args(arguments)
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("cannot start node: {error}; tests/run installs it"))
}

/// The folder for pictures: they are kept where somebody wants to look at them.
pub(crate) fn pictures(world: &World) -> String {
    let kept = std::env::var("PICTURES").ok();
    let own = || world.path("pictures").to_str().unwrap().to_owned();
    let folder = kept.unwrap_or_else(own);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Drives the page by a script of `ui/test`, which asks for what is to happen in between.
pub(crate) fn drive(
    (script, arguments): (&str, &[&str]),
    folder: &Path,
    mut happen: impl FnMut(&str),
) {
    packages();
    let script = repository(&format!("ui/test/{script}"));
    let arguments = [&[script.to_str().unwrap()], arguments].concat();
    let mut driver = node(&arguments, folder);
    let mut answers = driver.stdin.take().unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(driver.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(what) = line.strip_prefix("WORLD ") {
            happen(what);
            writeln!(answers, "done").unwrap();
        }
        told.push(line);
    }
    let well = driver.wait().unwrap().success();
    assert!(
        well && told.last().is_some_and(|line| line == "DRIVEN"),
        "{}",
        told.join("\n")
    );
}

/// An outage, orders with a token and without, a comparison of configs, a server that dies and comes back. `WHOLE=1`, as
/// `tests/run` has it, goes on to a moment of the past, all widths, light and dark, and the rules of accessibility.
#[test]
fn the_page_tells_an_outage_and_takes_orders() {
    packages();
    let secret = ["token", "new", "ops", "--role", "admin", "--for", "1h"];
    let (text, well) = run(env!("CARGO_BIN_EXE_waypost"), &secret);
    assert!(well, "{text}");
    let secret = text
        .lines()
        .find_map(|line| line.strip_prefix("# secret: "))
        .unwrap();
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("[tokens."));
    let mut moved = Moved::new(&table.collect::<Vec<_>>().join("\n"));
    let config = moved.world.path("config.toml");
    let arguments = [
        "http://127.0.0.1:8053/",
        secret,
        &pictures(&moved.world),
        config.to_str().unwrap(),
    ];
    let folder = moved.world.path(".");
    drive(("drive.mjs", &arguments), &folder, |what| {
        moved.happen(what)
    });
}

/// Machines of the demo die and come back by buttons of its page; it needs no terminal for that, and ends when it is told to.
#[test]
fn the_demo_kills_and_heals_from_its_page() {
    packages();
    let world = World::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(["demo", "--web", "--keep"]);
    let mut demo = world.start("demo", &mut command);
    wait_for("the play to begin", || demo.log().contains("your move"));
    let script = repository("ui/test/demo.mjs");
    let arguments = [script.to_str().unwrap(), "http://127.0.0.1:8053/"];
    let driver = node(&arguments, &world.path("."));
    let output = driver.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.ends_with("DRIVEN\n"),
        "{text}"
    );
    kill(demo.id(), Signal::SIGINT).unwrap();
    assert_eq!(demo.wait(), Some(0));
    let log = demo.log();
    assert!(
        log.contains("✗ eu-frankfurt dies") && log.contains("wrong answers 0"),
        "{log}"
    );
}

/// Five thousand endpoints, of which hundreds change every second: rows that are drawn, and memory, stay bounded.
#[test]
fn the_page_carries_thousands_of_endpoints() {
    packages();
    let world = World::new();
    let script = repository("ui/test/scale.mjs");
    let driver = node(&[script.to_str().unwrap()], &world.path("."));
    let output = driver.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.ends_with("MEASURED\n"),
        "{text}"
    );
}

/// What is committed is what the sources make, with the packages of the lock file.
#[test]
fn the_bundle_is_what_its_sources_make() {
    packages();
    let script = repository("ui/build.mjs");
    let (text, well) = run("node", &[script.to_str().unwrap(), "--check"]);
    assert!(
        well && text.contains("dist/ is what the sources make"),
        "{text}"
    );
}
