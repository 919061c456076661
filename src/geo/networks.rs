//! A flat table from addresses to classes.
use std::net::IpAddr;

use crate::base::ClassId;

/// Which class an address belongs to, and how wide around it that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassHit {
    /// The class.
    pub class: ClassId,
    /// Length of the widest prefix around the address that lies in this class whole.
    pub prefix: u8,
}

/// Client networks by class: sorted ranges, neighbours of one class merged.
#[derive(Debug)]
pub struct Networks {}

impl Networks {
    /// Every address in one class.
    #[must_use]
    pub fn all(_class: ClassId) -> Self {
        Self {}
    }

    /// Looks an address up; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn find(&self, _address: IpAddr) -> ClassHit {
        ClassHit {
            class: ClassId(0),
            prefix: 0,
        }
    }

    /// How many ranges there are, of both families.
    #[must_use]
    pub fn ranges(&self) -> usize {
        0
    }
}
