//! Tells secondaries that a zone has changed, until they say that they heard (RFC 1996).
//!
//! Each secondary is told by a task of its own, over UDP, again and again with twice the wait each
//! time; a newer version ends the telling of an older one. After the last try the secondary is left
//! to its own timers, which would have brought it here anyway.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::outlet;
use crate::base::limits::{NOTIFY_TRIES, NOTIFY_WAIT};
use crate::dns::Name;
use crate::dns::transfer::{Entry, notify};
use crate::dns::tsig::{Key, Signer};
use crate::io::clock::Clock;
use crate::plan::{Outgoing, Sources, TsigKey};

/// Octets of a reply to a notification, with a signature.
const REPLY_BYTES: usize = 1024;

/// Who is being told what.
#[derive(Debug)]
pub struct Herald {
    clock: Clock,
    telling: BTreeMap<(Name, SocketAddr), AbortHandle>,
}

/// What one secondary is told.
struct Telling {
    clock: Clock,
    zone: Name,
    soa: Entry,
    to: SocketAddr,
    key: Option<Key>,
    /// Where it leaves from.
    sources: Sources,
}

impl Herald {
    /// Tells nobody anything yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            telling: BTreeMap::new(),
        }
    }

    /// Tells secondaries of a zone's SOA.
    pub fn tell(&mut self, soa: &Entry, outgoing: &Outgoing, key: Option<&TsigKey>) {
        let zone = &soa.owner;
        let ready = key.map(TsigKey::key);
        // Nobody would believe what is not signed: they ask by themselves.
        if ready.as_ref().is_some_and(Option::is_none) {
            return;
        }
        for &to in &outgoing.notify {
            let telling = Telling {
                clock: self.clock,
                zone: zone.clone(),
                soa: soa.clone(),
                to,
                key: ready.clone().flatten(),
                sources: outgoing.sources.clone(),
            };
            let task = tokio::spawn(telling.go_on()).abort_handle();
            if let Some(before) = self.telling.insert((zone.clone(), to), task) {
                before.abort();
            }
        }
    }
}

impl Telling {
    async fn go_on(self) {
        let (zone, serial) = (&self.zone, self.soa.serial());
        let mut wait = Duration::from_millis(NOTIFY_WAIT.0);
        let mut trouble = None;
        for _ in 0..NOTIFY_TRIES {
            match timeout(wait, self.once()).await {
                Ok(Ok(0)) => {
                    return info!(event = "notified", %zone, serial, "a secondary knows of the version");
                }
                Ok(Ok(rcode)) => {
                    return warn!(event = "notify_refused", %zone, serial, rcode,
                        "a secondary does not want to know of the version");
                }
                // What the system says of the way there may be another thing in a while.
                Ok(Err(error)) => {
                    if trouble.is_none() {
                        warn!(event = "notify_failed", %zone, serial, secondary = %self.to,
                            "a secondary cannot be told, trying again: {error}");
                    }
                    trouble = Some(error);
                    tokio::time::sleep(wait).await;
                }
                Err(_) => {}
            }
            wait *= 2;
        }
        let why = trouble.map_or_else(
            || "it does not answer".to_owned(),
            |error| error.to_string(),
        );
        warn!(event = "notify_unheard", %zone, serial, secondary = %self.to,
            "a secondary was not told, it will see the version when it looks: {why}");
    }

    /// Tells once and waits for the reply; its response code.
    async fn once(&self) -> std::io::Result<u16> {
        let socket = outlet::datagrams(&self.sources, self.to).await?;
        // The port is the kernel's to choose and the socket takes from nobody else: the id need
        // only differ from one try to the next.
        let id = u16::try_from(self.clock.now().0 & 0xFFFF).unwrap_or_default();
        let mut message = notify::tell(id, &self.zone, &self.soa);
        if let Some(key) = &self.key {
            Signer::request(key).sign(&mut message, self.clock.wall_seconds());
        }
        socket.send(&message).await?;
        let mut reply = [0; REPLY_BYTES];
        loop {
            let length = socket.recv(&mut reply).await?;
            if let Some(rcode) = notify::acknowledges(&reply[..length], id) {
                return Ok(rcode);
            }
        }
    }
}
