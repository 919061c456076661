//! Waypost: one service over all regions, two endpoints in each, `answers = 2`, so that each
//! answer holds two addresses; every endpoint is watched over TCP on loopback. The service stays
//! where static names are asked as well. A signed zone has one key for all of it, which is what
//! `dnssec = {}` means.
use std::fmt::Write;
use std::process::Command;

use super::{Content, Setup, make_keys};
use crate::world::{REGIONS, STEERED, ZONE, addresses};

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let path = write_config(setup)?;
    if setup.content == Content::Signed {
        let mut generate = Command::new(&setup.waypost);
        generate.args(["keys", "generate", ZONE, "--config"]);
        make_keys(generate.arg(&path))?;
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
    let (port, watched) = (setup.port, setup.world.monitored_port);
    let (zone, database) = (setup.zone.display(), setup.world.database());
    let database = database.display();
    let signing = match setup.content {
        Content::Signed => "dnssec = {}\n",
        Content::Steered | Content::Few | Content::Many => "",
    };
    let mut text = format!(
        r#"[server]
listen = ["127.0.0.1:{port}"]
threads = 1

[geo]
database = "{database}"

[[zones]]
name = "{ZONE}"
file = "{zone}"
{signing}
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
