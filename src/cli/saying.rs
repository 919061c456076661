//! The standard output of subcommands: once nobody reads it any more, nothing more is written, and no command ends otherwise.
use std::sync::atomic::{AtomicBool, Ordering};

/// The fact that nobody reads the standard output any more.
static UNHEARD: AtomicBool = AtomicBool::new(false);

/// Prints to standard output. Once its reader went away (`| head`) nothing more is printed,
/// and the command ends as it would have: its exit code must not depend on who reads along.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    if !is_heard() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        UNHEARD.store(true, Ordering::Relaxed);
    }
}

/// Tells whether anybody may still read what is said.
pub(crate) fn is_heard() -> bool {
    !UNHEARD.load(Ordering::Relaxed)
}
