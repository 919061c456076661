//! A bound on the descriptors of stream connections, so that everything else keeps what it needs.
//!
//! A process has so many descriptors and no more, and whoever is first takes them: a crowd of idle connections would
//! leave none for probes, control, files and transfers, and a server that cannot look any more calls nothing dead.
//! So the limit is raised as far as the system allows, and of that a part is kept back:
//!
//! ```text
//! hard limit = reserve (own, control, transfers, probes; half of the limit at most) + stream connections
//! ```
//!
//! What `[server] connections` allows beyond that is not given. Where nothing can be found out, the config counts.
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::base::limits::{
    CONTROL_CONNECTIONS, DESCRIPTORS_OWN, PROBES_IN_FLIGHT, STREAM_CONNECTIONS_LEAST, TRANSFERS_IN,
};

/// The descriptors of this process, divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// All that there may be.
    limit: usize,
    /// Those that no stream connection takes.
    reserve: usize,
}

impl Descriptors {
    /// Raises the limit to what the system allows, because the default of most systems is less than the connections
    /// that there may be, and divides that.
    pub(super) fn claim() -> Self {
        let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
            return Self::of(usize::MAX);
        };
        let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        };
        Self::of(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    fn of(limit: usize) -> Self {
        let needed = DESCRIPTORS_OWN + CONTROL_CONNECTIONS + TRANSFERS_IN + PROBES_IN_FLIGHT;
        Self {
            limit,
            reserve: needed.min(limit / 2),
        }
    }

    /// Stream connections that there may be at the most, whatever a config says.
    pub(super) fn places(self) -> usize {
        (self.limit - self.reserve).max(STREAM_CONNECTIONS_LEAST)
    }

    /// Says how they are divided, where so many connections are wanted.
    pub(super) fn tell(self, wanted: usize) {
        let Self { limit, reserve } = self;
        let connections = self.places().min(wanted);
        if connections < wanted {
            warn!(
                event = "descriptors",
                limit,
                reserve,
                connections,
                "{wanted} stream connections are allowed and {connections} possible: the system gives {limit} \
                 descriptors, of which {reserve} are kept for everything else; raise the limit (`ulimit -n`, \
                 LimitNOFILE=), or lower `[server] connections`"
            );
        } else {
            info!(
                event = "descriptors",
                limit,
                reserve,
                connections,
                "{limit} descriptors, {reserve} of them kept from stream connections"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_limit_is_connections_leave_a_reserve() {
        let needed = DESCRIPTORS_OWN + CONTROL_CONNECTIONS + TRANSFERS_IN + PROBES_IN_FLIGHT;
        for (limit, places) in [
            (256, 128),
            (1024, 512),
            (4096, 2048),
            (2 * needed, needed),
            (1 << 20, (1 << 20) - needed),
            (usize::MAX, usize::MAX - needed),
        ] {
            assert_eq!(Descriptors::of(limit).places(), places, "of {limit}");
        }
    }
}
