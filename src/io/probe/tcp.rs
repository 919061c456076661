//! Probes of type `tcp`: a connection that stands is enough, unless something is to be said over it.
use super::attempt::{Attempt, Destination, FirstWord, Left, Probe, Resources};
use super::dialogue;
use super::stream::ProbeStream;
use crate::base::Cause;
use crate::monitor::dialogue::Dialogue;
use crate::monitor::tcp::TcpCheck;

/// A monitor of type `tcp`, ready to look.
#[derive(Debug)]
pub(super) struct TcpProbe {
    dialogue: Dialogue,
}

impl Probe for TcpProbe {
    type Check = TcpCheck;

    fn prepare(check: &TcpCheck, _: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            dialogue: check.dialogue.clone(),
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let mut stream = attempt.connect(to.address, FirstWord::Theirs).await?;
        dialogue::hold(&self.dialogue, &mut stream, attempt).await?;
        attempt.leave(Left::Connection(ProbeStream::Plain(stream)));
        Ok(())
    }
}
