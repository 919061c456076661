//! Memory of this process and its allocator (jemalloc): how much is in use, and the return of free pages to the system.
use std::fs;

use tikv_jemalloc_ctl::{background_thread, epoch, stats};

/// Octets that are this process's own (`RssAnon` of proc(5)) without the free pages of the allocator: what it holds once those
/// have gone back to the system. Absent where the system or the allocator does not say.
#[must_use]
pub fn bytes_in_use() -> Option<u64> {
    // Statistics are a snapshot, taken when its epoch advances (jemalloc(3), `epoch`).
    epoch::advance().ok()?;
    let used = stats::active::read().ok()? + stats::metadata::read().ok()?;
    let free = stats::resident::read().ok()?.saturating_sub(used);
    let own = status_bytes("RssAnon:")?;
    Some(own.saturating_sub(u64::try_from(free).ok()?))
}

/// A field of proc(5)'s `status` of this process, in octets.
pub(super) fn status_bytes(field: &str) -> Option<u64> {
    parse_bytes(&fs::read_to_string("/proc/self/status").ok()?, field)
}

fn parse_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Has a thread of the allocator return free pages once their time has come (`dirty_decay_ms` in `.cargo/config.toml`). Without it only
/// a thread that allocates returns some, so that a server at rest goes on holding what its start needed.
///
/// For a process that goes on for long and has its final user. Returns whether there is such a thread: without one, more memory is held
/// and nothing else changes.
pub fn return_free_pages() -> bool {
    background_thread::write(true).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_status_are_read() {
        let status = "Name:\twaypost\nVmRSS:\t    2048 kB\n";
        assert_eq!(parse_bytes(status, "VmRSS:"), Some(2 * 1024 * 1024));
        assert_eq!(parse_bytes("Name:\twaypost\n", "VmRSS:"), None);
    }
}
