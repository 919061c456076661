//! Monitors of type `tcp`: a connection that stands.
use super::kind::{MonitorType, Port};
use crate::text::reader::Fields;

/// Expectations of a TCP probe: a connection that stands.
#[derive(Clone, Debug, Default)]
pub struct TcpCheck {}

impl MonitorType for TcpCheck {
    const PORT: Port = Port::Required;

    fn read(_: &mut Fields<'_, '_>) -> Self {
        Self {}
    }
}
