//! The page of the demo's server, opened in whatever browser the system has.
//!
//! The page is the same that every server has at its control address. With `--keep` it has two buttons more, by which machines die
//! and come back.
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Programs that open an address, the first that is there.
const OPENERS: [&str; 3] = ["xdg-open", "open", "sensible-browser"];

/// Opens the page at an address; what became of that, for a person.
pub(super) fn open(control: Option<SocketAddr>) -> String {
    let Some(control) = control else {
        return "this config has no page: it says `[control] listen` for none".to_owned();
    };
    let url = format!("http://{control}/");
    let is_opened = OPENERS.iter().any(|program| {
        let mut command = Command::new(program);
        let command = command.arg(&url).stdin(Stdio::null());
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .is_ok()
    });
    if is_opened {
        format!("the page: {url}")
    } else {
        format!("nothing here opens a browser; the page is at {url}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_listener_there_is_no_page() {
        assert!(open(None).contains("has no page"));
    }
}
