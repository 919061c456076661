//! Brings what the answering threads hand on to whoever is to answer it.
//!
//! It reads no more of a message than its opcode, and waits for nobody but the one it is for: each of
//! them has a queue with a bound, and what finds it full is dropped, as a datagram would be. The
//! client asks again.
use tokio::sync::mpsc;

use super::challenges;
use crate::dns::message::{self, Header, opcode};
use crate::dns::rr::rcode;
use crate::io::serve::slow::Request;

/// Goes on until the answering threads have ended.
pub(super) async fn dispatch(
    mut handed_on: mpsc::Receiver<Request>,
    challenges: mpsc::Sender<challenges::Input>,
) {
    while let Some(request) = handed_on.recv().await {
        match Header::read(&request.message).map(Header::opcode) {
            Ok(opcode::UPDATE) => {
                // What does not fit is dropped.
                let _ = challenges.try_send(challenges::Input::Update(request));
            }
            _ => refuse(&request).await,
        }
    }
}

/// Nobody is there for this.
async fn refuse(request: &Request) {
    if let Ok(reply) = message::reply(&request.message, rcode::NOTIMP) {
        // Whoever asked may have gone.
        let _ = request.reply(reply).await;
    }
}
