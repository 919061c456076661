//! Canaries of drawn plans.
//!
//! They lie in a network of documentation (RFC 5737), where no endpoint of a drawn plan does. Whether one is well is the
//! truth's to say.
use std::net::{Ipv4Addr, SocketAddr};

use crate::base::MonitorId;
use crate::plan::Slot;

/// An address outside the plan that is known to be well.
pub(super) fn canary(number: u16, monitor: MonitorId) -> Slot {
    let address = Ipv4Addr::new(203, 0, 113, u8::try_from(number).unwrap_or(u8::MAX));
    let address = SocketAddr::new(address.into(), 443);
    Slot {
        endpoint: None,
        address,
        monitor,
        host: String::new(),
        opposed: false,
        key: format!("canary/web/{address}/"),
    }
}
