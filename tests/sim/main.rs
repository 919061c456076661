//! What takes time, in virtual time: the engine, whole seeded worlds, every interleaving of small ones.
//!
//! No clock is read and nothing waits: hours pass in milliseconds, and a seed decides a whole run. The environment says how many
//! seeds run: `SIM_SEEDS`, `CAPACITY_SEEDS`, `KEYS_SEEDS`, `CLUSTER_SEEDS`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]
mod capacity;
mod cluster;
mod engine;
mod keys;
mod model;
mod worlds;
mod zones;

#[path = "../../src/table/fixture.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod fixture;

#[path = "../support/fleet_oracle.rs"]
mod fleet_oracle;

// The fixture of `src/table` names them as the library does.
use waypost::{base, dns, geo, plan};
