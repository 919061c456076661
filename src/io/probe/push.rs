//! Probes of type `push`: nobody is asked, so a probe that is due has found silence.
//!
//! The core lets one become due only where no report has come for the monitor's `ttl`, and what has come meanwhile
//! counts more than this.
use super::attempt::{Attempt, Destination, Probe, Resources};
use crate::base::Cause;
use crate::monitor::push::PushCheck;

/// A monitor of type `push`.
#[derive(Debug)]
pub(super) struct PushProbe;

impl Probe for PushProbe {
    type Check = PushCheck;

    fn prepare(_: &PushCheck, _: &mut Resources) -> Result<Self, String> {
        Ok(Self)
    }

    async fn look(&self, _: &Destination<'_>, _: &mut Attempt<'_>) -> Result<(), Cause> {
        std::future::ready(Err(Cause::Silent)).await
    }
}
