//! Troubles with peers: each is counted, and told in the log once a minute for each peer and kind.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use crate::base::{Moment, Span};
use crate::io::clock::Clock;
use crate::io::metrics::{Metrics, PeerTrouble};

/// Time between two lines of one kind about one peer.
const EVERY: Span = Span::from_secs(60);

/// A trouble, and what a person should know of it.
pub(super) type ToldTrouble = (PeerTrouble, String);

/// A kind of line about a peer, of one of the names and addresses of the config; without a trouble: that all is well.
type TroubleKind = (String, Option<PeerTrouble>);

/// All that was told.
#[derive(Debug)]
pub(super) struct Troubles {
    clock: Clock,
    metrics: Arc<Metrics>,
    /// The time of the last line of a kind, and how many were left out since.
    last: Mutex<BTreeMap<TroubleKind, (Moment, u64)>>,
}

impl Troubles {
    /// Nothing was told yet.
    pub(super) fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            clock,
            metrics,
            last: Mutex::default(),
        }
    }

    /// Takes in a trouble. Counted by the name of the member, which is empty for a stranger; `peer` is what the log calls it, one of
    /// the names and addresses of the config.
    pub(super) fn tell(&self, member: &str, peer: &str, (trouble, why): &ToldTrouble) {
        self.metrics.peer_trouble(member, *trouble);
        if let Some(left_out) = self.admit(peer, Some(*trouble)) {
            let trouble = trouble.word();
            warn!(event = "peer_trouble", peer, trouble, left_out, "{why}");
        }
    }

    /// Takes in that a peer is heard.
    pub(super) fn heard(&self, member: &str, peer: &str) {
        if self.admit(peer, None).is_some() {
            info!(event = "peer_heard", peer, member, "records come from it");
        }
    }

    /// Lets a line be written; gives how many were left out since the one before.
    fn admit(&self, peer: &str, kind: Option<PeerTrouble>) -> Option<u64> {
        let now = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.insert((peer.to_owned(), kind), (now, 0));
        match before {
            Some((at, left_out)) if now.since(at) < EVERY => {
                last.insert((peer.to_owned(), kind), (at, left_out + 1));
                None
            }
            Some((_, left_out)) => Some(left_out),
            None => Some(0),
        }
    }
}
