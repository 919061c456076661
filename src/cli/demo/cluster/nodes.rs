//! The nodes of the demo: this program three times, each with a config, keys and a state of its own.
//!
//! Keys and certificates are made as an operator makes them, by `waypost node new`.
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, io, process};

use serde_json::Value;

use super::links::DemoLink;
use crate::daemon::Failure;

/// Name, region and provider of each node.
pub(super) const NODES: [(&str, &str, &str); 3] = [
    ("fra1", "eu-frankfurt", "hetzner"),
    ("tor1", "na-toronto", "digitalocean"),
    ("sin1", "ap-singapore", "vultr"),
];

/// The addresses of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodePlace {
    /// The address at which it answers.
    pub(super) dns: SocketAddr,
    /// Its page.
    pub(super) control: SocketAddr,
    /// The address at which other nodes ask it.
    pub(super) cluster: SocketAddr,
}

/// The folder of all files of the demo; it goes with this.
pub(super) struct Folder(PathBuf);

/// A node that runs.
pub(super) struct DemoNode {
    /// Its addresses.
    pub(super) place: NodePlace,
    config: PathBuf,
    child: Child,
}

impl Folder {
    /// Makes it, below the system's folder for temporary files.
    pub(super) fn make() -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("waypost-cluster-{}", process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    /// Makes the keys of all nodes, and gives the part of the config that all share.
    pub(super) fn make_keys(&self) -> Result<String, Failure> {
        let mut tables = String::new();
        for (name, region, provider) in NODES {
            let mut new = own()?;
            new.args(["node", "new", name, "--json"]);
            new.args(["--region", region, "--provider", provider]);
            new.arg("--dir").arg(self.0.join(name));
            new.arg("--ca-dir").arg(self.0.join("ca"));
            let told: Value = serde_json::from_str(&finished(new)?)
                .map_err(|error| format!("`waypost node new` said no JSON: {error}"))?;
            tables += told["nodes"].as_str().unwrap_or_default();
            tables.push('\n');
        }
        Ok(tables)
    }

    /// Writes the config of a node that reaches the others by these links.
    pub(super) fn write_config(
        &self,
        number: usize,
        (places, port): (&[NodePlace], u16),
        (links, nodes): (&[DemoLink], &str),
    ) -> Result<PathBuf, Failure> {
        let name = NODES[number].0;
        let place = &places[number];
        let own = links.iter().filter(|link| link.ends.0 == number);
        let peers: Vec<String> = own.map(|link| format!("\"{}\"", link.entrance)).collect();
        let text = include_str!("cluster.toml")
            .replace("{DNS}", &place.dns.to_string())
            .replace("{CONTROL}", &place.control.to_string())
            .replace("{CLUSTER}", &place.cluster.to_string())
            .replace("{NODE}", name)
            .replace("{PEERS}", &peers.join(", "))
            .replace("{PORT}", &port.to_string());
        let folder = self.0.join(name);
        let config = folder.join("config.toml");
        let zone = include_str!("../../../../zones/example.org.zone");
        let written = fs::write(&config, text + nodes)
            .and_then(|()| fs::write(folder.join("example.org.zone"), zone));
        written.map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
        Ok(config)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is small, and in a folder that systems empty.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl NodePlace {
    /// Free ports on loopback. Nobody holds them until the node runs.
    pub(super) fn find() -> io::Result<Self> {
        let loopback = (Ipv4Addr::LOCALHOST, 0);
        let (dns, control, cluster) = (
            UdpSocket::bind(loopback)?,
            TcpListener::bind(loopback)?,
            TcpListener::bind(loopback)?,
        );
        Ok(Self {
            dns: dns.local_addr()?,
            control: control.local_addr()?,
            cluster: cluster.local_addr()?,
        })
    }
}

impl DemoNode {
    /// Starts a node; its log stands beside its config.
    pub(super) fn start(place: NodePlace, config: PathBuf) -> Result<Self, Failure> {
        let log = config.with_file_name("log");
        let opened = fs::OpenOptions::new().create(true).append(true).open(&log);
        let told = |error: io::Error| format!("{}: {error}", log.display());
        let opened = opened.map_err(told)?;
        let mut run = own()?;
        run.arg("run").arg("--config").arg(&config);
        run.stdin(Stdio::null());
        run.stdout(opened.try_clone().map_err(told)?).stderr(opened);
        let child = run.spawn();
        let child = child.map_err(|error| format!("cannot start a node: {error}"))?;
        Ok(Self {
            place,
            config,
            child,
        })
    }

    /// Has an operator at this node say something, such as `drain eu-frankfurt`; gives what was answered.
    pub(super) fn order(&self, words: &[&str]) -> Result<String, Failure> {
        let mut order = own()?;
        order.args(words).arg("--config").arg(&self.config);
        finished(order)
    }

    /// The last lines of its log, if it has ended.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let log = fs::read_to_string(self.config.with_file_name("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(5);
        Some(format!("{status}\n{}", lines[last..].join("\n")))
    }

    /// Dies, as by `kill -9`.
    pub(super) fn kill(&mut self) {
        // Who has ended already is dead as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Comes back with what it has on the disk.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        *self = Self::start(self.place, self.config.clone())?;
        Ok(())
    }

    /// Its config.
    pub(super) fn config(&self) -> &Path {
        &self.config
    }
}

impl Drop for DemoNode {
    fn drop(&mut self) {
        self.kill();
    }
}

/// This program.
fn own() -> Result<Command, Failure> {
    let program = env::current_exe();
    let program = program.map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(Command::new(program))
}

/// The output of a program that has ended well.
fn finished(mut command: Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot start this program: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
