//! Monitors of type `icmp`: an echo that comes back.
//!
//! It shows that a machine and the way to it are there, and nothing of what runs on it; most of use beside another monitor. It has
//! no port.
use toml::de::DeValue;

use super::kind::{MonitorType, Port, ProbeExchange};
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// The echo that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpCheck {
    /// Octets that are to come back, beyond the head.
    pub size: u16,
}

/// As `ping` sends.
const SIZE: u16 = 56;
/// Octets that a packet carries over every way (RFC 8200, section 5), without the heads.
const SIZE_MOST: u16 = 1232;

impl MonitorType for IcmpCheck {
    const PORT: Port = Port::None;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            size: plain(fields.optional("size", size)).unwrap_or(SIZE),
        }
    }

    fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            connects: false,
            ..ProbeExchange::PLAIN
        }
    }
}

fn size(value: &DeValue<'_>) -> Result<u16, Trouble> {
    value::number(16..=SIZE_MOST)(value)
}
