//! What the kernel says of this process, as Prometheus clients name it.
//!
//! Read from `/proc` at each scrape. Where there is no `/proc`, or a line of it reads otherwise
//! than expected, the figure is left out rather than guessed.
use std::fs;

use nix::sys::resource::{Resource, getrlimit};

use super::text::{Exposition, Kind};
use crate::io::memory::status_bytes;

/// Clock ticks a second in `/proc/self/stat`: a constant of Linux's interface (USER_HZ).
const TICKS: u32 = 100;

/// Writes the `process_*` families.
pub(super) fn write(text: &mut Exposition, started_at: u64) {
    text.family(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process started, in seconds since 1970.",
    )
    .sample(&[], started_at);
    if let Some(seconds) = cpu_seconds() {
        text.family(
            "process_cpu_seconds_total",
            Kind::Counter,
            "Processor time spent, user and system.",
        )
        .sample(&[], seconds);
    }
    if let Some(bytes) = status_bytes("VmRSS:") {
        text.family(
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Resident memory.",
        )
        .sample(&[], bytes);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        text.family("process_open_fds", Kind::Gauge, "Open file descriptors.")
            .sample(&[], files.count());
    }
    if let Ok((most, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        text.family(
            "process_max_fds",
            Kind::Gauge,
            "Most file descriptors that may be open.",
        )
        .sample(&[], most);
    }
}

fn cpu_seconds() -> Option<f64> {
    parse_cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 14 and 15 of proc(5)'s `stat`; the second may hold blanks, and ends with `)`.
fn parse_cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / f64::from(TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9";
        assert_eq!(parse_cpu_seconds(stat), Some(2.0));
        assert_eq!(parse_cpu_seconds("12 nothing"), None);
    }
}
