//! Probes of type `tcp`: a connection that stands is enough.
use super::attempt::{Attempt, Destination, Probe, Resources};
use crate::base::Cause;
use crate::monitor::tcp::TcpCheck;

/// A monitor of type `tcp`.
#[derive(Debug)]
pub(super) struct TcpProbe {}

impl Probe for TcpProbe {
    type Check = TcpCheck;

    fn prepare(_: &TcpCheck, _: &mut Resources) -> Result<Self, String> {
        Ok(Self {})
    }

    async fn look(&self, to: &Destination, attempt: &mut Attempt) -> Result<(), Cause> {
        let stream = attempt.connect(to.address).await?;
        attempt.leave_open(stream);
        Ok(())
    }
}
