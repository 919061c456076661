//! The cluster that this node is of, as its config says: who else there is, where they are reached, by which keys they are known.
//!
//! It knows no records and no sockets: `share` makes a roster of it, `io::carry` speaks to the peers, `daemon` joins the two.
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::base::{Permille, Span};

/// The part of a config that makes several nodes one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRules {
    /// The name of the cluster; nodes of another do not listen to each other.
    pub name: String,
    /// The name of this node, one of [`ClusterRules::nodes`].
    pub node: String,
    /// All nodes, this one among them, in the order of the config.
    pub nodes: Vec<ClusterNode>,
    /// Time between two votes.
    pub beat: Span,
    /// Time without a majority after which those who are heard decide; absent: never.
    pub alone_after: Option<Span>,
    /// A target counts as up while more than this part of the fresh vantages say so; absent: while a majority does.
    pub up_while: Option<Permille>,
    /// The rule by which this node gives its anycast route back; absent: it never does.
    pub withdraw: Option<WithdrawRule>,
    /// The addresses on which peers ask this node for records.
    pub listen: Vec<SocketAddr>,
    /// Peers that this node asks, each as `host:port`.
    pub peers: Vec<String>,
    /// The NATS that carries records as well; absent: none does.
    pub nats: Option<NatsRules>,
    /// The rule by which releases of the shared config are taken; absent: none is.
    pub distribute: Option<DistributeRule>,
    /// Time after which a secret that makes DNS cookies is followed by another.
    pub roll_cookies: Span,
    /// Files that are read when a connection begins.
    pub files: ClusterFiles,
}

/// The rule by which releases of the shared config are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributeRule {
    /// The included file that holds the release in force.
    pub file: PathBuf,
    /// Keys that may sign one (Ed25519, RFC 8032).
    pub keys: Vec<[u8; 32]>,
    /// Time for which a node must have been sound with it before the next ones take it.
    pub soak: Span,
}

/// The rule by which a node gives its anycast route back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithdrawRule {
    /// Time for which most nodes may have a newer version of a zone; absent: however long.
    pub stale_after: Option<Span>,
    /// Time for which the node must have been sound until the route may come back.
    pub hold: Span,
}

/// A NATS that carries records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsRules {
    /// Servers, of which one is connected to at a time.
    pub servers: Vec<NatsServer>,
    /// The certificate that servers are shown, and those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
    /// The private roots by which servers are verified.
    pub roots: PathBuf,
    /// Revoked certificates of those roots (RFC 5280 section 5), if there is such a list.
    pub revoked: Option<PathBuf>,
    /// The seed of the NKey with which this node signs the server's nonce; absent: its certificate says who it is.
    pub nkey: Option<PathBuf>,
}

/// A NATS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsServer {
    /// Its name or address, as its certificate has it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The way in which the two speak.
    pub link: NatsLink,
}

/// The way in which a node and a NATS server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatsLink {
    /// Over TLS 1.3.
    Encrypted,
    /// In the clear, on this machine alone.
    Local,
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its name.
    pub name: String,
    /// Its public key (Ed25519, RFC 8032).
    pub key: [u8; 32],
    /// The region that it stands in; a name of its own, or that of a region of the plan.
    pub region: String,
    /// The provider that runs it.
    pub provider: String,
    /// The address of its control API, for whoever operates the cluster.
    pub control: Option<String>,
    /// Its part.
    pub part: ClusterPart,
}

/// The part of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterPart {
    /// It votes.
    Vantage,
    /// It takes the ruling of those who vote.
    Follower,
    /// It was a vantage, and is not listened to any more.
    RevokedVantage,
    /// It was a follower, and is not listened to any more.
    RevokedFollower,
}

/// Files of a node of a cluster, PEM but for the seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFiles {
    /// The secret with which records are signed: 32 octets in hexadecimal digits.
    pub seal: PathBuf,
    /// The certificate that peers are shown, and those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
    /// The private roots by which peers are verified.
    pub roots: PathBuf,
    /// Revoked certificates (RFC 5280 section 5), if there is such a list.
    pub revoked: Option<PathBuf>,
}
