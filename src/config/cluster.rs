//! The cluster that a node is of, as it is written.
use std::net::SocketAddr;
use std::ops::Range;

use super::reader::At;
use crate::base::{Permille, Span};
use crate::plan::NatsServer;

/// `[cluster]`.
#[derive(Debug)]
pub(crate) struct ClusterSpec {
    pub(crate) at: Range<usize>,
    pub(crate) name: Option<At<String>>,
    /// This node; `[server] identity` if absent.
    pub(crate) node: Option<At<String>>,
    pub(crate) key: Option<At<String>>,
    pub(crate) certificate: Option<At<String>>,
    pub(crate) private_key: Option<At<String>>,
    pub(crate) roots: Option<At<String>>,
    pub(crate) revoked: Option<At<String>>,
    pub(crate) listen: Vec<At<SocketAddr>>,
    pub(crate) peers: Vec<At<String>>,
    pub(crate) nats: Option<NatsSpec>,
    pub(crate) beat: Span,
    /// Absent: never.
    pub(crate) alone_after: At<Option<Span>>,
    pub(crate) up_while: Option<At<Permille>>,
    pub(crate) withdraw: Option<At<WithdrawWord>>,
    pub(crate) withdraw_hold: Option<At<Span>>,
    pub(crate) stale_after: Option<At<Span>>,
    pub(crate) distribute: Option<DistributeSpec>,
    pub(crate) roll_cookies: Option<At<Span>>,
    pub(crate) nodes: Vec<ClusterNodeSpec>,
}

/// `[cluster.distribute]`.
#[derive(Debug)]
pub(crate) struct DistributeSpec {
    pub(crate) file: Option<At<String>>,
    pub(crate) keys: Vec<At<[u8; 32]>>,
    pub(crate) soak: Option<At<Span>>,
}

/// `[cluster.nats]`.
#[derive(Debug)]
pub(crate) struct NatsSpec {
    pub(crate) servers: Vec<At<NatsServer>>,
    /// Those of `[cluster]`, if absent.
    pub(crate) certificate: Option<At<String>>,
    pub(crate) private_key: Option<At<String>>,
    pub(crate) roots: Option<At<String>>,
    pub(crate) nkey: Option<At<String>>,
}

/// The state in which a node gives its anycast route back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithdrawWord {
    Never,
    Isolated,
    Stale,
}

/// One of `[[cluster.nodes]]`.
#[derive(Debug)]
pub(crate) struct ClusterNodeSpec {
    pub(crate) name: Option<At<String>>,
    pub(crate) key: Option<At<[u8; 32]>>,
    pub(crate) region: Option<At<String>>,
    pub(crate) provider: Option<At<String>>,
    pub(crate) control: Option<At<String>>,
    pub(crate) is_vantage: bool,
    pub(crate) is_revoked: bool,
}

impl ClusterSpec {
    /// The files that nobody but the server is to read.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &At<String>> {
        let nats = self.nats.iter();
        let nats = nats.flat_map(|nats| nats.private_key.iter().chain(&nats.nkey));
        self.key.iter().chain(&self.private_key).chain(nats)
    }

    /// All files.
    pub(super) fn files(&self) -> impl Iterator<Item = &At<String>> {
        let open = [&self.certificate, &self.roots, &self.revoked];
        let nats = self.nats.iter();
        let nats = nats.flat_map(|nats| nats.certificate.iter().chain(&nats.roots));
        self.secrets().chain(open.into_iter().flatten()).chain(nats)
    }
}
