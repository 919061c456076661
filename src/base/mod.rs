//! The words of every floor: moments, spans, shares, ids, standings, reasons, a keyed
//! hash, a seeded generator, and every limit of the program.
//!
//! Nothing here decides anything. A word stands here when two floors that may not see each
//! other both need it: `health` says *why* an endpoint has its [`Standing`], `steer` only
//! reads the share; a probe and a policy meet at a [`SlotId`] and nowhere else.
mod address_set;
mod client_hash;
pub mod hash;
mod hexadecimal;
mod ids;
pub mod limits;
mod monitor_value;
mod nkey;
mod reason;
mod revision;
mod secret;
mod shared_out;
pub mod shown;
mod similar;
mod sip;
mod standing;
mod time;
mod utc;

pub use address_set::AddressSet;
pub use client_hash::ClientHash;
pub use hash::{Draws, HashKey, PieceHashing};
pub use hexadecimal::{from_hexadecimal, to_hexadecimal};
pub use ids::{
    ClassId, EndpointId, Family, JurisdictionId, JurisdictionSet, MapId, MonitorId, RecoveryId,
    RegionId, ServiceId, SlotId, TargetId, ViewId,
};
pub use monitor_value::MonitorValue;
pub use nkey::{base64_url, nkey_seed, nkey_user};
pub use reason::Reason;
pub use revision::{NodeMark, next_revision, revision_time};
pub use secret::Secret;
pub use shared_out::shared_out;
pub use similar::similar;
pub use sip::sip_hash;
pub use standing::{Cause, Permille, Standing, Why};
pub use time::{Moment, Span};
pub use utc::{Calendar, TimeSpec, Utc};
