//! Waypost among programs that others wrote: resolvers, name servers, a scraper, an HTTP server.
//!
//! Each test moves its thread into a network namespace of its own, so that port 53 and every
//! loopback address are free and nothing leaves the machine. That needs root, as `tests/run`
//! says. Programs are started by [`world::Process`] and killed when it is dropped.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests wait for real programs, and show what those said when something fails"
)]
mod acme;
mod approval;
mod command_line;
mod defence;
mod delegation;
mod digs;
mod docker;
mod elsewhere;
mod load;
mod many;
#[path = "../support/mmdb.rs"]
mod mmdb;
mod peers;
mod query;
mod rollover;
mod scrape;
mod spill;
mod world;
