//! What a person sees at `/`: three files, carried in the program.
//!
//! The page asks `/api/v1/status` every two seconds and shows what it says; it decides nothing,
//! needs no other host, and what it shows is set as text, never as markup.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asset {
    /// The page itself.
    Page,
    /// How it looks.
    Style,
    /// How it fills itself.
    Script,
}

impl Asset {
    /// Its media type.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
        }
    }

    /// Its text.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Page => include_str!("page.html"),
            Self::Style => include_str!("page.css"),
            Self::Script => include_str!("page.js"),
        }
    }
}
