//! A server on every transport, with a certificate of its own.
use std::net::{Ipv4Addr, SocketAddr};

use waypost::answer::{Transport, answer};

use crate::identity::Authority;
use crate::sample;
use crate::serving::{self, Rig};

pub(crate) const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A server on every transport, and whom its clients trust.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) authority: Authority,
}

impl Stage {
    /// With the names of the sample.
    pub(crate) fn open() -> Self {
        let compiled = sample::compile();
        let zones = compiled.unsigned();
        Self::of(compiled.plan, zones)
    }

    /// With the names of the small zone.
    pub(crate) fn with(plan: waypost::plan::Plan) -> Self {
        Self::of(plan, serving::table(0).zones.clone())
    }

    /// With a plan and zones of choice.
    pub(crate) fn of(
        mut plan: waypost::plan::Plan,
        zones: std::sync::Arc<waypost::dns::zone::Zones>,
    ) -> Self {
        let authority = Authority::new();
        plan.server.tls = Some(authority.issue().everywhere());
        plan.server.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let rig = Rig::of(plan, zones, answer);
        Self { rig, authority }
    }

    pub(crate) fn at(&self, transport: Transport) -> SocketAddr {
        let mut encrypted = self.rig.encrypted.iter();
        let found = encrypted.find(|(own, _)| *own == transport);
        found.map_or(self.rig.addresses[0], |(_, address)| *address)
    }

    /// What a line of the metrics says.
    pub(crate) fn metric(&self, line: &str) -> u64 {
        let text = self.rig.metrics.render(None);
        let mut lines = text.lines();
        let found = lines.find_map(|one| one.strip_prefix(line));
        found.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Waits until a line of the metrics says at least so much.
    pub(crate) fn await_metric(&self, line: &str, least: u64) {
        let started = std::time::Instant::now();
        while self.metric(line) < least {
            let waited = started.elapsed();
            assert!(waited < 4 * serving::PATIENCE, "{line} stays below {least}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
