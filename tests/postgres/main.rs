//! The monitor of type `postgres` against a real primary and standby, and against servers that
//! misbehave; and what its gate makes of the return of a region that comes back behind.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests wait for real programs"
)]
mod cluster;
mod fake;
mod probing;
mod replay;
mod story;
