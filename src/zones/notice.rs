//! What an operator is told of zones: an event, a sentence, and what it is about.
//!
//! Whoever logs decides how it looks. An event's word never changes, because alerts hang on it.
use std::net::SocketAddr;

use crate::dns::Name;
use crate::dns::challenges::Uncovered;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is good to know.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Something does not work.
    Error,
}

/// Something that an operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// Which event, in one word.
    pub event: &'static str,
    /// What happened, for a person.
    pub text: String,
    /// The zone that it is about.
    pub zone: Option<Name>,
    /// The server that it is about.
    pub primary: Option<SocketAddr>,
    /// The serial that it is about.
    pub serial: Option<u32>,
    /// The name that it is about.
    pub name: Option<Name>,
    /// What a wildcard no longer stands for.
    pub uncovered: Option<Uncovered>,
    /// Who did it.
    pub author: Option<String>,
    /// What else tells it from others of its kind: `whole`, `changes`, `add`, a response code.
    pub form: Option<String>,
}

impl Notice {
    /// Good to know.
    pub(super) fn info(event: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Info, event, text.into())
    }

    /// To be looked at.
    pub(super) fn warn(event: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Warn, event, text.into())
    }

    /// Something does not work.
    pub(super) fn error(event: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Error, event, text.into())
    }

    fn new(level: Level, event: &'static str, text: String) -> Self {
        Self {
            level,
            event,
            text,
            zone: None,
            primary: None,
            serial: None,
            name: None,
            uncovered: None,
            author: None,
            form: None,
        }
    }

    /// About a zone.
    pub(super) fn of(mut self, zone: &Name) -> Self {
        self.zone = Some(zone.clone());
        self
    }

    /// About another server.
    pub(super) fn primary(mut self, primary: SocketAddr) -> Self {
        self.primary = Some(primary);
        self
    }

    /// About a version.
    pub(super) fn serial(mut self, serial: u32) -> Self {
        self.serial = Some(serial);
        self
    }

    /// About a name.
    pub(super) fn name(mut self, name: &Name) -> Self {
        self.name = Some(name.clone());
        self
    }

    /// About what a wildcard no longer stands for.
    pub(super) fn uncovering(mut self, uncovered: Uncovered) -> Self {
        self.uncovered = Some(uncovered);
        self
    }

    /// By somebody.
    pub(super) fn by(mut self, author: &str) -> Self {
        self.author = Some(author.to_owned());
        self
    }

    /// Of a kind.
    pub(super) fn form(mut self, form: impl Into<String>) -> Self {
        self.form = Some(form.into());
        self
    }
}
