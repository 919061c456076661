//! Colours of what is shown, and whether there may be any.
//!
//! A person who says `NO_COLOR` (no-color.org) wants none, a terminal of type `dumb` can do none, and what is no terminal keeps
//! the codes for ever. It does not know what has which colour.
use std::ffi::OsStr;
use std::io::IsTerminal;

/// Tells whether colours may be written to a stream.
#[must_use]
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR");
    stream.is_terminal() && !is_dumb() && allows(no_color.as_deref())
}

/// Tells whether a stream is a terminal on which a line can be written anew.
#[must_use]
pub fn can_redraw(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !is_dumb()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Set to anything but nothing it forbids.
fn allows(no_color: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_no_color_holds_forbids_colours() {
        for (held, allowed) in [
            (None, true),
            (Some(""), true),
            (Some("1"), false),
            (Some("0"), false),
        ] {
            assert_eq!(allows(held.map(OsStr::new)), allowed, "{held:?}");
        }
    }
}
