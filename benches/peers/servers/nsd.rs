//! NSD: one server process, no database file, nothing limited, minimal replies. It signs nothing: a
//! signed zone is given to it as Knot's signer has made it.
use std::fmt::Write;
use std::process::Command;

use super::{Setup, knot};

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let mut zones = setup.zones();
    if setup.content.chain().is_some() {
        zones[0].1 = knot::sign(setup)?;
    }
    let mut config = config(setup);
    for (name, file) in zones {
        let file = file.display();
        write!(config, "zone:\n    name: {name}\n    zonefile: {file}\n")
            .expect("a string takes all");
    }
    let path = setup.write("nsd.conf", &config)?;
    let mut command = Command::new("/usr/sbin/nsd");
    command.arg("-d").arg("-c").arg(path);
    Ok(command)
}

fn config(setup: &Setup<'_>) -> String {
    let (folder, port) = (setup.folder.display(), setup.port);
    format!(
        "server:
    server-count: 1
    ip-address: 127.0.0.1@{port}
    do-ip6: no
    username: \"\"
    zonesdir: \"{folder}\"
    database: \"\"
    pidfile: \"{folder}/nsd.pid\"
    xfrdfile: \"{folder}/xfrd.state\"
    zonelistfile: \"{folder}/zone.list\"
    xfrdir: \"{folder}\"
    verbosity: 0
    minimal-responses: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    zonefiles-check: no
    zonefiles-write: 0
remote-control:
    control-enable: no
"
    )
}
