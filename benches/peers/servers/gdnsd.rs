//! gdnsd: a map of the geoip plugin from continent and country to datacenters of two addresses
//! each, which its tcp_connect plugin watches, as Waypost watches its own.
use std::fmt::Write;
use std::process::Command;

use super::Setup;
use crate::world::{REGIONS, STEERED, ZONE, addresses};

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    setup.write("config", &config(setup))?;
    let zone = setup.folder.join("zones").join(ZONE);
    std::fs::create_dir_all(setup.folder.join("zones"))?;
    if setup.content.is_steered() {
        let text = std::fs::read_to_string(&setup.zone)?;
        std::fs::write(zone, format!("{text}{STEERED} IN 300 DYNA geoip!api\n"))?;
    } else {
        std::fs::hard_link(&setup.zone, zone)?;
    }
    let mut command = Command::new("/usr/sbin/gdnsd");
    command.arg("-c").arg(&setup.folder).arg("start");
    Ok(command)
}

/// The large receive queue is the most that it lets one ask for.
fn config(setup: &Setup<'_>) -> String {
    let (port, run) = (setup.port, setup.folder.join("run"));
    let options = format!(
        "options => {{
  listen => 127.0.0.1:{port}
  udp_threads => 1
  tcp_threads => 1
  udp_rcvbuf => 1048576
  udp_sndbuf => 1048576
  run_dir => {}
  state_dir => {}
}}\n",
        run.display(),
        setup.folder.join("state").display(),
    );
    if !setup.content.is_steered() {
        return options;
    }
    let watched = setup.world.monitored_port;
    let database = setup.world.database();
    let (names, map, resources) = (datacenters(), map(), resources());
    options
        + &format!(
            "service_types => {{
  tcp => {{ plugin => tcp_connect, port => {watched}, interval => 60, timeout => 3 }}
}}
plugins => {{
  tcp_connect => {{}}
  geoip => {{
    maps => {{ world => {{
      geoip2_db => {}
      datacenters => [{names}]
      map => {{ {map} }}
    }} }}
    resources => {{ api => {{
      map => world
      service_types => tcp
      dcmap => {{ {resources} }}
    }} }}
  }}
}}\n",
            database.display()
        )
}

fn datacenters() -> String {
    REGIONS.each_ref().map(|region| region.name).join(", ")
}

/// Each country prefers its own region; the others follow in order.
fn map() -> String {
    let mut map = String::new();
    let mut continents: Vec<&str> = REGIONS.iter().map(|region| region.continent).collect();
    continents.dedup();
    for continent in continents {
        write!(map, "{continent} => {{ ").expect("a string takes all");
        for region in REGIONS
            .iter()
            .filter(|region| region.continent == continent)
        {
            let others = REGIONS
                .iter()
                .map(|other| other.name)
                .filter(|name| *name != region.name);
            let order: Vec<&str> = std::iter::once(region.name).chain(others).collect();
            for country in region.countries {
                write!(map, "{country} => [{}] ", order.join(", ")).expect("a string takes all");
            }
        }
        map.push_str("} ");
    }
    map
}

fn resources() -> String {
    let each = REGIONS.iter().enumerate().map(|(index, region)| {
        let [one, two] = addresses(index);
        format!("{} => {{ a => {one}, b => {two} }}", region.name)
    });
    each.collect::<Vec<_>>().join("\n")
}
