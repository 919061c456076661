//! `waypost demo --cluster`: three real nodes on this machine, an outage, a node that is cut off, and the healing of both.
//!
//! | module | what it does |
//! |---|---|
//! | `nodes` | this program three times, each with its own config, keys and state |
//! | `links` | relays between them, which are cut |
//! | here | the play: what is done, what all nodes are to answer then, and how long they took |
//!
//! Each act ends as soon as every node answers as it should, so the times that are printed are those that it took. One that is
//! not over within [`PATIENCE`] is a failure, and the exit code says so.
mod links;
mod nodes;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::clients::CLIENTS;
use super::machines::Machines;
use crate::base::Span;
use crate::cli::say;
use crate::config;
use crate::daemon::Failure;
use crate::dns::Name;
use crate::dns::ask;
use crate::dns::rr::rtype;
use crate::io::clock::Clock;
use crate::io::files;
use links::DemoLink;
use nodes::{DemoNode, Folder, NODES, NodePlace};

/// Time in which all nodes answer as they should.
const PATIENCE: Span = Span::from_secs(60);
/// Time between two questions to a node.
const PACE: Duration = Duration::from_millis(100);
/// Time in which a node answers.
const ANSWER: Duration = Duration::from_secs(1);
/// The name that is asked for.
const HOST: &str = "api.example.org";

/// The answers that each node is to give a client in Germany.
type Expected = [Option<&'static str>; 3];

/// All nodes say this.
const fn all(endpoint: &'static str) -> Expected {
    [Some(endpoint); 3]
}

/// The play as it stands.
struct ClusterPlay {
    clock: Clock,
    began: crate::base::Moment,
    machines: Machines,
    links: Vec<DemoLink>,
    nodes: Vec<DemoNode>,
    failed: usize,
    // Goes after the nodes that work in it.
    _folder: Folder,
}

/// Plays, with the page of the first node, and says what all nodes answered; exits 1 if one of them did not give it.
pub(super) fn play(
    runtime: &Runtime,
    show_page: impl FnOnce(SocketAddr),
) -> Result<ExitCode, Failure> {
    let mut play = runtime.block_on(ClusterPlay::open())?;
    show_page(play.nodes[0].place.control);
    let outcome = play.acts(runtime);
    let failed = play.failed;
    drop(play);
    outcome?;
    Ok(if failed == 0 {
        say("every node gave every answer that it should");
        ExitCode::SUCCESS
    } else {
        say(&format!(
            "{failed} times a node did not give the answer that it should"
        ));
        ExitCode::FAILURE
    })
}

impl ClusterPlay {
    async fn open() -> Result<Self, Failure> {
        let cannot = |error: io::Error| format!("cannot set the demo up: {error}");
        let folder = Folder::make().map_err(cannot)?;
        let nodes = folder.make_keys()?;
        let places: Vec<NodePlace> = NODES
            .iter()
            .map(|_| NodePlace::find())
            .collect::<io::Result<_>>()
            .map_err(cannot)?;
        let mut links = Vec::new();
        for ends in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
            let to = places[ends.1].cluster;
            links.push(DemoLink::open(ends, to).await.map_err(cannot)?);
        }
        // Free on one address of loopback is free on all of them, but for bad luck.
        let port = NodePlace::find().map_err(cannot)?.control.port();
        let mut configs = Vec::new();
        for number in 0..NODES.len() {
            configs.push(folder.write_config(number, (&places, port), (&links, &nodes))?);
        }
        let machines = machines(&configs[0], port).await?;
        let started = places.into_iter().zip(configs);
        let started = started.map(|(place, config)| DemoNode::start(place, config));
        let clock = Clock::start();
        Ok(Self {
            nodes: started.collect::<Result<_, _>>()?,
            began: clock.now(),
            clock,
            machines,
            links,
            failed: 0,
            _folder: folder,
        })
    }

    fn acts(&mut self, runtime: &Runtime) -> Result<(), Failure> {
        for (node, (name, ..)) in self.nodes.iter().zip(NODES) {
            let NodePlace { dns, control, .. } = node.place;
            self.tell(&format!(
                "node {name} answers on {dns}, page http://{control}/"
            ));
        }
        self.until(runtime, all("fra-hetzner"))?;
        self.until_together(runtime)?;
        self.tell("fra-hetzner dies");
        self.kill(runtime, "fra-hetzner");
        self.until(runtime, all("fra-ovh"))?;
        self.tell("it comes back");
        self.heal(runtime, "fra-hetzner")?;
        self.until(runtime, all("fra-hetzner"))?;
        self.tell("sin1 is cut off; then fra-hetzner dies: two of three see it, and sin1 alone takes nothing out");
        self.cut(2, true);
        self.kill(runtime, "fra-hetzner");
        self.until(
            runtime,
            [Some("fra-ovh"), Some("fra-ovh"), Some("fra-hetzner")],
        )?;
        self.tell("an operator at fra1 drains eu-frankfurt; sin1 cannot hear of it");
        let told = self.nodes[0].order(&[
            "drain",
            "eu-frankfurt",
            "--reason",
            "demo",
            "--author",
            "demo",
        ])?;
        told.lines().for_each(|line| self.tell(line));
        self.until(
            runtime,
            [
                Some("tor-digitalocean"),
                Some("tor-digitalocean"),
                Some("fra-hetzner"),
            ],
        )?;
        self.tell("the cut heals: sin1 hears the votes and the order");
        self.cut(2, false);
        self.until(runtime, all("tor-digitalocean"))?;
        self.tell("tor1 dies by kill -9, and comes back with what it has on the disk");
        self.nodes[1].kill();
        self.until(
            runtime,
            [Some("tor-digitalocean"), None, Some("tor-digitalocean")],
        )?;
        self.nodes[1].restart()?;
        self.until(runtime, all("tor-digitalocean"))?;
        self.tell("the machine is well again, and an operator at sin1 lifts the drain");
        self.heal(runtime, "fra-hetzner")?;
        let told = self.nodes[2].order(&[
            "undrain",
            "eu-frankfurt",
            "--reason",
            "demo",
            "--author",
            "demo",
        ])?;
        told.lines().for_each(|line| self.tell(line));
        self.until(runtime, all("fra-hetzner"))
    }

    /// Waits until all nodes answer so, and says how long that took.
    fn until(&mut self, runtime: &Runtime, expected: Expected) -> Result<(), Failure> {
        let began = self.clock.now();
        loop {
            let mut heard = Vec::new();
            for (node, expected) in self.nodes.iter_mut().zip(expected) {
                let is_dead = node.ended();
                match (expected, is_dead) {
                    (Some(_), Some(why)) => return Err(format!("a node has ended: {why}")),
                    (None, _) => heard.push(None),
                    (Some(_), None) => heard.push(answer(node.place.dns)),
                }
            }
            let named = heard.iter().map(|address| {
                let machine = self.machines.with_address((*address)?)?;
                Some(machine.name.as_str())
            });
            let named: Vec<Option<&str>> = named.collect();
            let is_so = named == expected;
            let took = self.clock.now().since(began);
            if is_so || took >= PATIENCE {
                let words = NODES.iter().zip(&named).zip(expected);
                let words = words.map(|(((node, ..), named), expected)| match expected {
                    None => format!("{node} is dead"),
                    Some(_) => format!("{node}→{}", named.unwrap_or("nobody")),
                });
                let words: Vec<String> = words.collect();
                let seconds = format!("{}.{} s", took.0 / 1000, took.0 % 1000 / 100);
                let verdict = if is_so { "" } else { "  NOT AS IT SHOULD BE" };
                self.tell(&format!("  after {seconds}: {}{verdict}", words.join("  ")));
                self.failed += usize::from(!is_so);
                return Ok(());
            }
            runtime.block_on(async { tokio::time::sleep(PACE).await });
        }
    }

    /// Waits until every node hears a majority.
    fn until_together(&self, runtime: &Runtime) -> Result<(), Failure> {
        let began = self.clock.now();
        for node in &self.nodes {
            while !node
                .order(&["cluster", "status", "--json"])?
                .contains("\"together\"")
            {
                if self.clock.now().since(began) >= PATIENCE {
                    let config = node.config().display();
                    return Err(format!("the nodes do not hear each other ({config})"));
                }
                runtime.block_on(async { tokio::time::sleep(PACE).await });
            }
        }
        self.tell("all nodes hear each other");
        Ok(())
    }

    fn kill(&mut self, runtime: &Runtime, name: &str) {
        for endpoint in self.machines.named(name) {
            runtime.block_on(self.machines.get(endpoint).kill());
        }
    }

    fn heal(&mut self, runtime: &Runtime, name: &str) -> Result<(), Failure> {
        for endpoint in self.machines.named(name) {
            let healed = runtime.block_on(self.machines.get(endpoint).heal());
            healed.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Cuts a node off from the others, or joins it again.
    fn cut(&self, node: usize, is_cut: bool) {
        let links = self.links.iter();
        let own = links.filter(|link| link.ends.0 == node || link.ends.1 == node);
        own.for_each(|link| link.set_cut(is_cut));
    }

    fn tell(&self, text: &str) {
        let at = self.clock.now().since(self.began).0;
        say(&format!("{:>4}.{}s  {text}", at / 1000, at % 1000 / 100));
    }
}

/// The machines that the nodes probe.
async fn machines(path: &std::path::Path, port: u16) -> Result<Machines, Failure> {
    let mut loaded = files::load(path).map_err(|error| error.to_string())?;
    let found = std::mem::take(&mut loaded.diagnostics);
    let compiled = config::compile(&loaded.spec, found, &loaded.files);
    let (compiled, _) = compiled.map_err(|found| found.render(false))?;
    let machines = Machines::start(&compiled.plan, port).await;
    machines.map_err(|error| format!("cannot start {error}"))
}

/// The address that a node gives a client in Germany; nothing if it is silent.
fn answer(server: SocketAddr) -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.set_read_timeout(Some(ANSWER)).ok()?;
    socket.connect(server).ok()?;
    let question = ask::Question {
        name: Name::parse(HOST).ok()?,
        rtype: rtype::A,
        wants: vec![ask::Want::Subnet(CLIENTS[0].address, 24)],
    };
    socket.send(&ask::encode(1, &question)).ok()?;
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer).ok()?;
    ask::decode(&buffer[..length])?.addresses().next()
}
