//! Troubles with peers and NATS servers: each is counted, and told in the log once a minute for each peer and kind.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls;
use tokio_rustls::rustls::{AlertDescription, CertificateError};
use tracing::{info, warn};

use crate::base::{Moment, Span};
use crate::io::clock::Clock;
use crate::io::metrics::{Metrics, PeerTrouble};
use crate::share::{RecordFate, RecordRefusal, TakenBundle};

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
        if self.admit(&format!("{member} {peer}"), None).is_some() {
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

/// The trouble of a handshake that failed.
pub(super) fn refused(error: &std::io::Error) -> ToldTrouble {
    let inner = error.get_ref();
    match inner.and_then(|own| own.downcast_ref::<rustls::Error>()) {
        Some(own) => refused_by_tls(own),
        None => (PeerTrouble::Handshake, error.to_string()),
    }
}

/// The same, as the library of TLS has it.
pub(super) fn refused_by_tls(error: &rustls::Error) -> ToldTrouble {
    let is_untimely = matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    );
    if is_untimely {
        let why = format!("by this node's clock its certificate is not valid: {error}");
        (PeerTrouble::Untimely, why)
    } else if *error == untimely_by_theirs() {
        let why = "by its clock this node's certificate is not valid";
        (PeerTrouble::Untimely, why.to_owned())
    } else {
        (PeerTrouble::Handshake, error.to_string())
    }
}

/// The word of a peer by whose clock this node's certificate is not valid.
pub(super) fn untimely_by_theirs() -> rustls::Error {
    rustls::Error::AlertReceived(AlertDescription::CertificateExpired)
}

/// The thing that is wrong with what came, if anything is that no honest node gives.
pub(super) fn wrong_with(taken: &TakenBundle) -> Option<ToldTrouble> {
    if taken.garbled.is_some() {
        let why = "what it gives are no records, or such of another version";
        return Some((PeerTrouble::Garbled, why.to_owned()));
    }
    let is_forged = |fate: &&RecordFate| {
        let RecordFate::Refused(why) = fate else {
            return false;
        };
        match why {
            RecordRefusal::Garbled(_) | RecordRefusal::Foreign | RecordRefusal::Forged => true,
            RecordRefusal::Stranger
            | RecordRefusal::Revoked
            | RecordRefusal::Ahead
            | RecordRefusal::Spent
            | RecordRefusal::Twin => false,
        }
    };
    let forged = taken.fates.iter().filter(is_forged).count();
    let why = format!(
        "{forged} records that it gives are not signed by their author, of another cluster, or of another version"
    );
    (forged > 0).then_some((PeerTrouble::Forged, why))
}
