//! The carrier over NATS core (docs.nats.io, "NATS Protocol"), on a thread of its own that yields to answers.
//!
//! ```text
//! waypost1.CLUSTER.news.NODE         a node's own records as they come         heard by all
//! waypost1.CLUSTER.ask.NODE.OTHER    the positions up to which it has records  heard by the one that it asks
//! waypost1.CLUSTER.give.NODE.OTHER   a bundle of what the other has not        heard by the one that asked
//! ```
//!
//! **Own subjects**: the fourth word is who publishes, always, so a server can hold each node to its own. What it says of others is signed by
//! them. A `.` of a name is written `~` there.
//!
//! **News** are what is new of this node's own since it told the last: votes, heads, loads, orders. What was lost on the way, because
//! somebody was away or a server dropped it, comes by **questions**: each second a node asks the next of those that it hears for all that
//! it has not, and at once again while that brings something. So what came by another carrier passes on as well.
//!
//! **What a server can cost**: a line of 64 kB and a payload of 256 kB are the most that is held, and a longer payload is read past; 8 MB a second
//! are read, whatever is sent, and 512 kB a second of one node are weighed. Questions wait sixteen at most, one of each node. A server that does
//! not take what it is sent within 3 s, or is silent for 15 s, is left for the next; between two attempts lie 0.5 to 10 s. Files are
//! read at each connection, and none stands longer than five minutes. `async-nats` would hold a message of any length that a server announces, wants
//! the system's roots, and brings a second library for keys, which is why the protocol's six words are read here.
//!
//! It understands nothing of records: [`SharedCopy`](super::SharedCopy) gives and takes them.
mod carriage;
mod connecting;
mod intake;
mod subject;
mod talking;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use self::carriage::NatsCarriage;
use self::talking::NatsTalk;
use super::tools::{CarrierThread, CarrierTools, duration};
use super::troubles::{ToldTrouble, Troubles};
use crate::base::limits::CLUSTER_CONNECTION;
use crate::plan::{ClusterRules, NatsServer};
use crate::share::Have;

/// Shortest and longest time between two attempts.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];

/// The carrier at work, if the rules have one; it ends when this is dropped.
#[derive(Debug)]
pub struct Nats(CarrierThread);

impl Nats {
    /// Begins to carry.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn start(rules: Arc<ClusterRules>, tools: CarrierTools) -> io::Result<Self> {
        let carrier = CarrierThread::start("nats", rules, |changes| Ok(carry(changes, tools)));
        carrier.map(Self)
    }

    /// Goes by other rules from now on; the connection begins anew where they differ.
    pub fn set(&self, rules: &Arc<ClusterRules>) {
        self.0.set(rules);
    }

    /// Ends the connection, and comes back when that is done.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

/// Carries by the rules as they come.
async fn carry(mut changes: watch::Receiver<Arc<ClusterRules>>, tools: CarrierTools) {
    // What was told once needs not be told again over the next connection.
    let mut told = Have::default();
    loop {
        let rules = changes.borrow_and_update().clone();
        tools.copy.shows_nats(rules.nats.as_ref().map(|_| Err("")));
        let speaking = async {
            match rules.nats.clone() {
                Some(nats) if !nats.servers.is_empty() => {
                    let carriage = NatsCarriage {
                        troubles: Troubles::new(tools.clock, Arc::clone(&tools.metrics)),
                        tools: tools.clone(),
                        rules,
                        nats,
                    };
                    speak_for_ever(&carriage, &mut told).await;
                }
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() {
                return;
            },
            () = speaking => {}
        }
    }
}

/// Speaks to one server after the other.
async fn speak_for_ever(carriage: &NatsCarriage, told: &mut Have) {
    let [least, most] = RETRY;
    let mut wait = least;
    for server in carriage.nats.servers.iter().cycle() {
        let shown = shown(server);
        loop {
            let begun = Instant::now();
            let spoken = speak(carriage, (server, &shown), told).await;
            if begun.elapsed() > most {
                wait = least;
            }
            match spoken {
                Ok(()) => {}
                Err(trouble) => {
                    let why = format!("{shown}: {}", trouble.1);
                    carriage.tools.copy.shows_nats(Some(Err(&why)));
                    carriage.troubles.tell("", &shown, &trouble);
                    break;
                }
            }
        }
        sleep(wait).await;
        wait = most.min(wait * 2);
    }
}

/// One connection, to the end of its time.
async fn speak(
    carriage: &NatsCarriage,
    (server, shown): (&NatsServer, &str),
    told: &mut Have,
) -> Result<(), ToldTrouble> {
    let link = connecting::connect(carriage, server).await?;
    carriage.tools.copy.shows_nats(Some(Ok(shown)));
    let mut talk = NatsTalk::new(carriage, shown, link, told);
    let talked = timeout(duration(CLUSTER_CONNECTION), talk.talk()).await;
    talked.unwrap_or(Ok(()))
}

/// A server as the log has it.
fn shown(server: &NatsServer) -> String {
    format!("nats {}:{}", server.host, server.port)
}
