//! Keys of monitors that speak a protocol which has no type of its own: what is sent, and what must come back.
//!
//! A part of several types, and no type itself. `send` and `expect` are a dialogue of one step; `dialogue` has several. Texts are
//! octets of UTF-8; control characters are written as TOML has them (`"PING\r\n"`). Within a step nothing is asked of the
//! order: what a server says unasked (a banner) counts as well as what it answers. What a step has found counts for no later one.
use toml::de::DeValue;

use crate::base::limits::{PROBE_DIALOGUE_BYTES, PROBE_DIALOGUE_STEPS};
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// The steps of what is said over a connection that stands, in order; none where a connection is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    /// The steps.
    pub steps: Vec<DialogueStep>,
}

/// A text that is sent, and one that must come back before the next step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialogueStep {
    /// Octets to send at once; absent = none.
    pub send: Option<String>,
    /// Octets that must come, among the first [`PROBE_DIALOGUE_BYTES`] of the dialogue; absent = nothing is read.
    pub expect: Option<String>,
}

impl Dialogue {
    /// Reads the keys.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let several = fields.key("dialogue");
        let mut steps: Vec<DialogueStep> = Vec::new();
        for mut own in fields.tables("dialogue") {
            let step = DialogueStep::read(&mut own);
            if step == DialogueStep::default() {
                own.reader().error(
                    &own.at(),
                    "this step says nothing and waits for nothing",
                    |found| {
                        found.help("give it `send`, `expect` or both");
                    },
                );
            }
            own.finish();
            steps.push(step);
        }
        let one = DialogueStep::read(fields);
        match several {
            Some(at) if one != DialogueStep::default() => {
                fields
                    .reader()
                    .error(&at, "a dialogue beside a single step", |found| {
                        found.help("make `send` and `expect` its first step");
                    });
            }
            Some(at) if steps.len() > PROBE_DIALOGUE_STEPS => {
                let message = format!("{} steps are too many", steps.len());
                fields.reader().error(&at, message, |found| {
                    found.help(format!("a dialogue has {PROBE_DIALOGUE_STEPS} at the most"));
                });
            }
            Some(_) => {}
            None => steps.extend(Some(one).filter(|one| *one != DialogueStep::default())),
        }
        Self { steps }
    }

    /// Tells whether anything is sent or read.
    pub(super) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }
}

impl DialogueStep {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            send: plain(fields.optional("send", octets)),
            expect: plain(fields.optional("expect", octets)),
        }
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
