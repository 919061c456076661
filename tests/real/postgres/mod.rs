//! The monitor of type `postgres` against a real primary and standby, and what its gate makes of the return of a region that comes back behind.
pub(crate) mod cluster;
mod replay;
mod story;
mod tls;
