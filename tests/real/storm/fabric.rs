//! The network between nodes, each in a namespace of its own: `fabric.py` carries their packets, and a test says what is wrong with it.
//!
//! A node has two networks. The fabric, `10.7.0.0/24`, is how nodes reach each other; the test itself is there as `10.7.0.1`. Its line, `10.8.N.0/24`, is how
//! clients of the test reach it, and is never cut.
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::anycast::{Place, well};
use crate::world::repository;

/// A running fabric; it ends when this is dropped.
pub(crate) struct Fabric {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// The address of a node in the fabric.
pub(crate) fn fabric_address(node: usize) -> String {
    format!("10.7.0.{}", 11 + node)
}

/// The address at which clients ask a node.
pub(crate) fn line_address(node: usize) -> String {
    format!("10.8.{node}.2")
}

impl Fabric {
    /// Starts it, waits until its devices are there, and connects these nodes to it and to the test.
    pub(crate) fn start(seed: u64, nodes: &[Place]) -> Self {
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(repository("tests/real/storm/fabric.py"))
            .args([seed.to_string(), "10.7.0.1=world0".to_owned()])
            .args((0..nodes.len()).map(|node| format!("{}=fab{node}", fabric_address(node))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut from = BufReader::new(from);
        let mut ready = String::new();
        from.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "the fabric needs /dev/net/tun and root");
        well("ip address add 10.7.0.1/24 dev world0");
        well("ip link set world0 up");
        nodes
            .iter()
            .enumerate()
            .for_each(|(node, place)| join(node, place));
        Self { child, to, from }
    }

    /// Says what is wrong from now on, as `fabric.py` has it.
    pub(crate) fn set(&mut self, wrong: &Value) {
        writeln!(self.to, "{wrong}").unwrap();
        let mut done = String::new();
        self.from.read_line(&mut done).unwrap();
        assert_eq!(done, "done\n");
    }

    /// Tears the network: nobody of one side reaches anybody of the other one. All is whole again with an empty side.
    pub(crate) fn tear(&mut self, one: &[usize], other: &[usize]) {
        let ways = one
            .iter()
            .flat_map(|near| other.iter().flat_map(|far| [(*near, *far), (*far, *near)]));
        let blocked = ways.map(|(from, to)| vec![fabric_address(from), fabric_address(to)]);
        self.set(&serde_json::json!({ "blocked": blocked.collect::<Vec<_>>() }));
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn join(node: usize, place: &Place) {
    let id = place.holder.id();
    well(&format!("ip link set fab{node} netns {id}"));
    well(&format!(
        "ip link add line{node} type veth peer name eth0 netns {id}"
    ));
    well(&format!("ip address add 10.8.{node}.1/24 dev line{node}"));
    well(&format!("ip link set line{node} up"));
    for words in [
        "ip link set lo up".to_owned(),
        format!("ip address add {}/24 dev fab{node}", fabric_address(node)),
        format!("ip link set fab{node} up"),
        format!("ip address add {}/24 dev eth0", line_address(node)),
        "ip link set eth0 up".to_owned(),
    ] {
        place.well(&words);
    }
}
