//! Brings what the answering threads hand on to whoever is to answer it.
//!
//! It reads no more of a message than its opcode, and waits for nobody: each of those it is for has a
//! queue with a bound, and what finds it full is dropped, as a datagram would be. The client asks
//! again.
use tokio::sync::mpsc;

use super::challenges;
use crate::dns::message::{Header, opcode};
use crate::io::serve::slow::Request;

/// Goes on until the answering threads have ended: updates to whoever keeps challenges, the rest to
/// whoever knows of transfers and keys.
pub(super) async fn dispatch(
    mut handed_on: mpsc::Receiver<Request>,
    challenges: mpsc::Sender<challenges::Input>,
    transfers: mpsc::Sender<Request>,
) {
    while let Some(request) = handed_on.recv().await {
        // What does not fit is dropped.
        match Header::read(&request.message).map(Header::opcode) {
            Ok(opcode::UPDATE) => {
                let _ = challenges.try_send(challenges::Input::Update(request));
            }
            Ok(_) | Err(_) => {
                let _ = transfers.try_send(request);
            }
        }
    }
}
