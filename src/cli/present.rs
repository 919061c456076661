//! Parts of pages for a terminal: lines, colours, bars, parts and ages.
//!
//! They know nothing of what they show.
use std::fmt::Write;

/// The colours of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// It has.
    Ansi,
    /// It has none.
    Plain,
}

impl Paint {
    /// `text` in the colour of a state.
    pub(super) fn state(self, state: &str, text: &str) -> String {
        let code = match state {
            "healthy" => "32",
            "unproven" | "unmonitored" | "supposed" | "weighted" => "36",
            "ramping" | "gated" | "held" | "unapproved" | "refused" | "degraded" | "slow" => "33",
            "draining" | "drained" | "returning" | "forced" => "34",
            "doubted" | "capped" | "outvoted" | "unwatched" => "35",
            _ => "1;31",
        };
        self.code(code, text)
    }

    /// A text between the escape sequences of a colour.
    pub(super) fn code(self, code: &str, text: &str) -> String {
        match self {
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// Adds a line, without blanks at its end.
pub(super) fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", text.trim_end());
}

/// A share as a bar of ten.
pub(super) fn bar(permille: u16) -> String {
    let full = usize::from(permille.min(1000)).div_ceil(100);
    format!("{}{}", "█".repeat(full), "░".repeat(10 - full))
}

/// A share as percent.
pub(super) fn percent(permille: u16) -> String {
    format!("{}%", f64::from(permille) / 10.0)
}

/// A time as its largest unit that says something.
pub(super) fn ago(millis: u64) -> String {
    match millis / 1000 {
        0 => format!("{millis}ms"),
        seconds @ 1..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}
/// Rows whose cells stand below each other.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let wide: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut out = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(wide)
            .map(|(cell, wide)| format!("{cell:wide$}"));
        line(&mut out, &cells.collect::<Vec<_>>().join("  "));
    }
    out
}
