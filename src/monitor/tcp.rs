//! Monitors of type `tcp`: a connection that stands, and what is said over it.
use super::dialogue::Dialogue;
use super::kind::{MonitorType, Port, ProbeExchange};
use crate::text::reader::Fields;

/// Expectations of a TCP probe: a connection that stands, and perhaps an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpCheck {
    /// Texts that are sent and expected; by default none.
    pub dialogue: Dialogue,
}

impl MonitorType for TcpCheck {
    const PORT: Port = Port::Required;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            dialogue: Dialogue::read(fields),
        }
    }

    fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            responds: self.dialogue.has_steps(),
            ..ProbeExchange::PLAIN
        }
    }
}
