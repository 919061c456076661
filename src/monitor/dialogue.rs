//! Keys of monitors that speak a protocol which has no type of its own: what is sent, and what must come back.
//!
//! A part of several types, and no type itself. Texts are octets of UTF-8; control characters are written as TOML
//! has them (`"PING\r\n"`). Nothing is asked of the order: what a server says unasked (a banner) counts as
//! well as what it answers.
use toml::de::DeValue;

use crate::base::limits::PROBE_DIALOGUE_BYTES;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Texts that are sent over a connection that stands, and that must come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    /// Octets to send at once; absent = none.
    pub send: Option<String>,
    /// Octets that must come among the first [`PROBE_DIALOGUE_BYTES`]; absent = nothing is read.
    pub expect: Option<String>,
}

impl Dialogue {
    /// Reads the keys.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            send: plain(fields.optional("send", octets)),
            expect: plain(fields.optional("expect", octets)),
        }
    }

    /// Tells whether anything is sent or read.
    pub(super) fn has_steps(&self) -> bool {
        self.send.is_some() || self.expect.is_some()
    }
}

/// A text that can be sent or found.
fn octets(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.len() {
        0 => Err(Trouble::new("an empty text says nothing").with_help("leave the key away")),
        1..=PROBE_DIALOGUE_BYTES => Ok(text),
        length => Err(Trouble::new(format!("{length} octets are too many"))
            .with_help(format!("it can be 1 to {PROBE_DIALOGUE_BYTES} octets long"))),
    }
}
