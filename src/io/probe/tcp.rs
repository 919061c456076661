//! Probes of type `tcp`: a connection that stands is enough, unless something is to be said over it.
use super::attempt::{Attempt, Destination, Probe, Resources};
use super::dialogue;
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

    async fn look(&self, to: &Destination, attempt: &mut Attempt) -> Result<(), Cause> {
        let mut stream = attempt.connect(to.address).await?;
        dialogue::hold(&self.dialogue, &mut stream, attempt).await?;
        attempt.leave_open(stream);
        Ok(())
    }
}
