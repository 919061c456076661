//! The traffic between the nodes of a cluster, and troubles with peers.
use super::Metrics;

/// A trouble with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerTrouble {
    /// No connection can be had.
    Unreachable,
    /// One of the two would not have the other's certificate, or the peer does not speak TLS.
    Handshake,
    /// A certificate is not valid by the other one's clock: it is to be renewed, or a clock is wrong.
    Untimely,
    /// Its certificate bears the name of no member.
    Stranger,
    /// It is revoked.
    Revoked,
    /// It would not answer this node.
    Refusing,
    /// It took too long.
    Slow,
    /// It spoke what cannot be read.
    Garbled,
    /// It sent more than fits.
    Oversize,
    /// It gave records that no honest node passes on: not signed by their author, or of another cluster.
    Forged,
    /// The connection broke.
    Broken,
    /// There are too many connections.
    Crowded,
    /// Certificates or keys of this node cannot be read.
    Files,
}

/// The way of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarriedWay {
    /// From a peer.
    In,
    /// To a peer.
    Out,
}

impl PeerTrouble {
    /// The word for it in labels and in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Handshake => "handshake",
            Self::Untimely => "untimely",
            Self::Stranger => "stranger",
            Self::Revoked => "revoked",
            Self::Refusing => "refusing",
            Self::Slow => "slow",
            Self::Garbled => "garbled",
            Self::Oversize => "oversize",
            Self::Forged => "forged",
            Self::Broken => "broken",
            Self::Crowded => "crowded",
            Self::Files => "files",
        }
    }
}

impl Metrics {
    /// Counts a trouble with a member of the roster; the name is empty for whoever is none.
    pub fn peer_trouble(&self, member: &str, trouble: PeerTrouble) {
        let labels = [("peer", member), ("trouble", trouble.word())];
        self.registry
            .counter("waypost_cluster_troubles_total", &labels)
            .increment(1);
    }

    /// Counts octets of bundles and of questions, without those of HTTP and TLS.
    pub fn carried(&self, way: CarriedWay, octets: usize) {
        let way = match way {
            CarriedWay::In => "in",
            CarriedWay::Out => "out",
        };
        self.registry
            .counter("waypost_cluster_carried_bytes_total", &[("direction", way)])
            .increment(octets as u64);
    }
}
