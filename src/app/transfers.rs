//! Transfers joined to the server: the zones that are served, the queue of what is handed on.
//!
//! ```text
//! serve --queue--> here --> desk (transfers, notifications, whatever is signed)
//! outgoing, incoming --Wish--> here --Work--> the thread that makes zones
//! ```
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc;
use tracing::warn;

use super::Failure;
use super::zones::{Overlay, Work};
use crate::answer::{Asker, Transport};
use crate::base::limits::STREAM_IDLE_LEAST;
use crate::dns::Name;
use crate::io::clock::Clock;
use crate::io::publish::Published;
use crate::io::serve::slow::Request;
use crate::io::transfer::{Desk, Incomings, Outgoings, StateFile, Stream, Wish, given_up};
use crate::plan::Plan;

/// Wishes that may wait for the thread that makes zones.
const WISHES_WAITING: usize = 16;

/// What transfers go by, before anything is served.
pub(super) struct Exchange {
    clock: Clock,
    desk: Arc<Desk>,
    state: Arc<StateFile>,
}

impl Exchange {
    /// Finds out what was given out and taken in before.
    pub(super) fn open(plan: &Plan, clock: Clock) -> Result<Self, Failure> {
        let state = StateFile::open(plan.transfers.state.as_deref())?;
        Ok(Self {
            clock,
            desk: Arc::new(Desk::new(clock)),
            state: Arc::new(state),
        })
    }

    /// What is laid over the zones from the start: serials do not go back, and what is too old is
    /// not answered.
    pub(super) fn overlay(&self, plan: &Plan) -> Overlay {
        let zones = plan.transfers.zones.iter();
        let given = zones.filter(|zone| zone.outgoing.is_some());
        let names: Vec<Name> = given.map(|zone| zone.zone.clone()).collect();
        let now = self.clock.wall_seconds();
        Overlay {
            dynamic: BTreeMap::new(),
            serials: self.state.serials(&names),
            given_up: given_up(plan, &self.state, now).into_iter().collect(),
        }
    }

    /// Starts to give and to take.
    pub(super) fn start(
        self,
        published: &Arc<Published>,
        composer: Sender<Work>,
        requests: mpsc::Receiver<Request>,
    ) {
        let (wishes, wished) = mpsc::channel(WISHES_WAITING);
        let Self { clock, desk, state } = self;
        let place = || (clock, Arc::clone(published));
        let outgoing = Outgoings::new(place(), desk.clone(), state.clone(), wishes.clone());
        let incoming = Incomings::new(place(), desk.clone(), state, wishes);
        tokio::spawn(outgoing.run());
        tokio::spawn(incoming.run());
        tokio::spawn(fulfil(wished, composer));
        let answering = Answering {
            clock,
            desk,
            published: Arc::clone(published),
        };
        tokio::spawn(answering.run(requests));
    }
}

/// Hands wishes on to the thread that makes zones.
async fn fulfil(mut wished: mpsc::Receiver<Wish>, composer: Sender<Work>) {
    while let Some(wish) = wished.recv().await {
        let work = match wish {
            Wish::Serial { apex, serial, done } => Work::Serial { apex, serial, done },
            Wish::Presence {
                apex,
                given_up,
                done,
            } => Work::Presence {
                apex,
                given_up,
                done,
            },
        };
        // Whoever wished sees that nobody answers.
        if composer.send(work).is_err() {
            return;
        }
    }
}

/// Answers what is handed on.
struct Answering {
    clock: Clock,
    desk: Arc<Desk>,
    published: Arc<Published>,
}

impl Answering {
    async fn run(self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = requests.recv().await {
            if let Some(stream) = self.stream(&request) {
                // There are no more of them at once than the desk has room for.
                tokio::spawn(send(request, stream));
                continue;
            }
            let reply = self.reply(request.source, request.transport, &request.message);
            if let Some(reply) = reply {
                // Whoever asked may have gone.
                let _ = request.reply(reply).await;
            }
        }
    }

    fn stream(&self, request: &Request) -> Option<Stream> {
        if request.transport == Transport::Udp {
            return None;
        }
        let table = self.published.load();
        self.desk.transfer(&table, request.source, &request.message)
    }

    fn reply(&self, source: IpAddr, transport: Transport, message: &[u8]) -> Option<Vec<u8>> {
        let table = self.published.load();
        let asker = Asker {
            source,
            transport,
            now: self.clock.now(),
            idle: STREAM_IDLE_LEAST,
            cookies: None,
        };
        self.desk.reply(&table, &asker, message)
    }
}

async fn send(request: Request, stream: Stream) {
    for message in stream {
        if request.reply(message).await.is_err() {
            return warn!(
                event = "transfer_cut",
                "a secondary went away before it had the zone"
            );
        }
    }
}
