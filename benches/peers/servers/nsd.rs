//! NSD: one server process, no database file, nothing limited, minimal replies.
use std::process::Command;

use super::Setup;
use crate::world::ZONE;

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let path = setup.write("nsd.conf", &config(setup))?;
    let mut command = Command::new("/usr/sbin/nsd");
    command.arg("-d").arg("-c").arg(path);
    Ok(command)
}

fn config(setup: &Setup<'_>) -> String {
    let (folder, port) = (setup.folder.display(), setup.port);
    let zone = setup.zone.display();
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
zone:
    name: {ZONE}
    zonefile: {zone}
"
    )
}
