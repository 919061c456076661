//! Waypost: one service over all regions, two endpoints in each, `answers = 2`, so that each
//! answer holds two addresses; every endpoint is watched over TCP on loopback. The service stays
//! where static names are asked as well; only where zones are counted it is left out. A signed zone
//! has one key for all of it, which is what `dnssec = {}` means. Nothing limits replies to senders without
//! cookies: by default proofs by NSEC3 would be truncated, which no other server does.
use std::fmt::Write;
use std::process::Command;

use super::{Chain, Content, Setup, run_to_end};
use crate::world::{REGIONS, STEERED, ZONE, addresses};

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let path = write_config(setup)?;
    if setup.content.chain().is_some() {
        let mut generate = Command::new(&setup.waypost);
        generate.args(["keys", "generate", ZONE, "--config"]);
        run_to_end(generate.arg(&path))?;
    }
    let mut command = Command::new(&setup.waypost);
    command.arg("run").arg("--config").arg(path);
    Ok(command)
}

/// Writes the config; the path of it.
pub(super) fn write_config(setup: &Setup<'_>) -> std::io::Result<std::path::PathBuf> {
    setup.write("config.toml", &config(setup))
}

fn config(setup: &Setup<'_>) -> String {
    let port = setup.port;
    let signing = match setup.content.chain() {
        Some(Chain::Nsec) => "dnssec = {}\n",
        Some(Chain::Nsec3) => "dnssec = { denial = \"nsec3\" }\n",
        None => "",
    };
    let mut text =
        format!("[server]\nlisten = [\"127.0.0.1:{port}\"]\nthreads = 1\namplification = 100\n");
    for (name, file) in setup.zones() {
        let file = file.display();
        write!(
            text,
            "\n[[zones]]\nname = \"{name}\"\nfile = \"{file}\"\n{signing}"
        )
        .expect("a string takes all");
    }
    if setup.content == Content::Zones {
        return text;
    }
    text + &steering(setup)
}

fn steering(setup: &Setup<'_>) -> String {
    let (watched, database) = (setup.world.monitored_port, setup.world.database());
    let database = database.display();
    let mut text = format!(
        r#"
[geo]
database = "{database}"

[monitors.tcp]
type = "tcp"
port = {watched}
interval = "60s"
timeout = "2s"

[services.api]
hostnames = ["{STEERED}.{ZONE}"]
monitors = ["tcp"]
residency = "any"
answers = 2
"#
    );
    for (index, region) in REGIONS.iter().enumerate() {
        let (name, location, [one, two]) = (region.name, region.location, region.countries);
        write!(
            text,
            "\n[regions.{name}]\nlocation = {location:?}\nserves = [\"{one}\", \"{two}\"]\n"
        )
        .expect("a string takes all");
        for (number, address) in addresses(index).iter().enumerate() {
            write!(
                text,
                "\n[[regions.{name}.endpoints]]\nname = \"{name}-{number}\"\nprovider = \"bench\"\naddresses = [\"{address}\"]\n"
            )
            .expect("a string takes all");
        }
    }
    text
}
