//! The load of a place, beside the most that it can carry.
use serde::Serialize;
use utoipa::ToSchema;

/// The load of a place, of all services and both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Load {
    /// By the demand that is planned with, in thousandths of the operator's unit.
    pub carries_thousandths: u64,
    /// The most that it can carry, in the operator's unit; absent where there is no bound.
    pub capacity: Option<u64>,
}

impl Load {
    /// Of millionths of the unit.
    pub(super) fn new(load: u64, capacity: Option<u64>) -> Self {
        Self {
            carries_thousandths: load.div_ceil(1000),
            capacity,
        }
    }
}
