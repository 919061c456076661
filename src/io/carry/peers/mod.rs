//! The carrier between peers: long polls over HTTP/2 and mutual TLS, on a thread of its own that yields to answers.
//!
//! ```text
//! this node: POST what it has ----> peer: waits for what is newer, at most 5 s, gathers it for 50 ms
//! SharedCopy::take <---- a bundle, at most 256 kB ----'
//! ```
//!
//! | question | answered |
//! |---|---|
//! | `/cluster/v1/news` | when there is anything that the asker has not |
//! | `/cluster/v1/orders` | when there is an order that the asker has not |
//! | `/cluster/v1/state` | at once |
//!
//! Whom this node asks for news and whom for orders alone, `ring` decides: every peer is asked, and few of them all the time.
//!
//! **Who is a peer**: whoever shows a certificate that a root of `[cluster] roots` vouches for, that no list of `revoked` names,
//! and that bears the name of a member of the roster (as a DNS name, RFC 9525; the common name counts for nothing). If it bears
//! the name of a revoked member as well, it is refused. Both ends go by this one rule, so the name under which a peer is reached
//! need not stand in its certificate. It is enough, because records are signed by their authors: a stolen certificate lets somebody
//! read what is shared, and withhold it. All files are read at each connection, none of them stands longer than five minutes, and
//! one of a member that is revoked is closed within a second. A list that has expired still counts, for a cluster must not end because
//! nobody renewed it.
//!
//! **What a peer can cost**: two connections, on each of them one question at a time, 256 kB each way, and no more than 256 kB a second. Who has
//! asked nothing for 15 s is cut off, whether silent, half-open, or without room for the answer. A peer that is slow delays itself
//! alone: each is asked by a task of its own. What goes wrong is counted, and told once in a minute for each peer and kind.
//!
//! It understands nothing of records: [`SharedCopy`](super::SharedCopy) gives and takes them.
mod asking;
mod carriage;
mod credentials;
mod ring;
mod serving;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::carriage::PeerCarriage;
use self::ring::PeerRing;
use super::tools::{CarrierThread, CarrierTools};
use super::troubles::Troubles;
use crate::base::limits::CLUSTER_PEERS;
use crate::plan::ClusterRules;

/// The carrier at work; it ends when this is dropped.
#[derive(Debug)]
pub struct Peers(CarrierThread);

impl Peers {
    /// Begins to answer peers and to ask them.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn start(
        listeners: Vec<TcpListener>,
        rules: Arc<ClusterRules>,
        tools: CarrierTools,
    ) -> io::Result<Self> {
        let carrier = CarrierThread::start("cluster", rules, |changes| {
            let listeners = listeners.into_iter().map(|listener| {
                listener.set_nonblocking(true)?;
                tokio::net::TcpListener::from_std(listener).map(Arc::new)
            });
            let listeners: Vec<_> = listeners.collect::<io::Result<_>>()?;
            Ok(carry(listeners, changes, tools))
        });
        carrier.map(Self)
    }

    /// Goes by other rules from now on; connections begin anew where they differ.
    pub fn set(&self, rules: &Arc<ClusterRules>) {
        self.0.set(rules);
    }

    /// Ends all connections, and comes back when that is done.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

/// Carries by the rules as they come.
async fn carry(
    listeners: Vec<Arc<tokio::net::TcpListener>>,
    mut changes: watch::Receiver<Arc<ClusterRules>>,
    tools: CarrierTools,
) {
    loop {
        let rules = changes.borrow_and_update().clone();
        let carriage = Arc::new(PeerCarriage {
            ring: PeerRing::new(&rules),
            troubles: Troubles::new(tools.clock, tools.metrics.clone()),
            tools: tools.clone(),
            rules,
        });
        // What is under way ends when this is dropped.
        let mut tasks = JoinSet::new();
        serving::spawn(&mut tasks, &listeners, &carriage);
        for peer in carriage.rules.peers.iter().take(CLUSTER_PEERS) {
            tasks.spawn(asking::ask_for_ever(Arc::clone(&carriage), peer.clone()));
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}
