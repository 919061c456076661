//! Answers what the answering threads hand on: transfers, notifications, and whatever is signed; updates go to the
//! control loop.
//!
//! It waits for nobody. An update goes on to the control loop only if its signature is right, so that no stranger
//! takes a place there from whoever may change something; one that finds that queue full is SERVFAIL, and the client
//! asks again.
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use crate::answer::{Asker, Transport};
use crate::base::limits::STREAM_IDLE_LEAST;
use crate::dns::message::{self, Header, opcode};
use crate::dns::rr::rcode;
use crate::io::clock::Clock;
use crate::io::publish::Published;
use crate::io::screen::{RequestKind, Screen};
use crate::io::serve::deferred::{DeferredRequests, Request};
use crate::io::transfer::{Service, Stream};

/// Answers what is handed on.
pub(super) struct Answering {
    /// What time it is.
    pub(super) clock: Clock,
    /// Who gets which zone.
    pub(super) service: Arc<Service>,
    /// The judge, which says in the log that something was refused.
    pub(super) screen: Arc<Screen>,
    /// What is served.
    pub(super) published: Arc<Published>,
    /// Where updates go.
    pub(super) updates: mpsc::Sender<Request>,
}

impl Answering {
    /// Goes on until the answering threads have ended.
    pub(super) async fn run(self, mut handed_on: DeferredRequests) {
        while let Some(request) = handed_on.recv().await {
            if Header::read(&request.message).map(Header::opcode) == Ok(opcode::UPDATE) {
                self.hand_on(request).await;
            } else if let Some(stream) = self.stream(&request) {
                // There are no more of them at once than the service has room for.
                tokio::spawn(send(request, stream));
            } else if let Some(reply) =
                self.reply(request.source, request.transport, &request.message)
            {
                // Whoever asked may have gone.
                let _ = request.reply(reply).await;
            }
        }
    }

    /// Has an update carried out, if it is signed well.
    async fn hand_on(&self, request: Request) {
        let reply = match self.service.vet(&request.message) {
            Ok(()) => match self.updates.try_send(request) {
                Ok(()) => return,
                Err(TrySendError::Full(request) | TrySendError::Closed(request)) => {
                    let reply = message::reply(&request.message, rcode::SERVFAIL);
                    (request, reply.ok())
                }
            },
            Err((why, reply)) => {
                self.screen
                    .tell(RequestKind::Update, &format!("its signature: {why}"));
                (request, reply)
            }
        };
        if let (request, Some(reply)) = reply {
            // Whoever asked may have gone.
            let _ = request.reply(reply).await;
        }
    }

    fn stream(&self, request: &Request) -> Option<Stream> {
        if request.transport == Transport::Udp {
            return None;
        }
        self.service.transfer(request.source, &request.message)
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
        self.service.reply(&table, &asker, message)
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
