//! What needs no network, no other program and no time: rules, whole configs, zones, answers, proofs.
//!
//! A module here is what one folder of `src` does, seen through its public interface. Tests of the
//! rules themselves stand beside the code. What takes time is in `sim`, what crosses a socket or starts the built
//! program in `wire`, what needs programs of others, namespaces or root in `real`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]
mod allocations;
mod amplification;
mod answer;
mod chosen;
mod cluster_config;
mod combinations;
mod config;
mod cut;
mod degraded;
mod discovery;
mod dnssec;
mod documents;
mod fleet;
mod fleet_config;
mod followed_weights;
mod formatted;
mod fuzz;
mod geo_claims;
mod geo_files;
mod geo_kept;
mod import;
mod includes;
mod latency;
mod names;
mod planned;
mod plans;
mod pools;
mod shared;
mod steering;
mod sticky;
mod table;
mod territories;
mod tidy;
mod told;
mod ui;
mod verify;
mod views;
mod weights;
mod zones;

#[path = "../support/advised.rs"]
mod advised;
#[path = "../support/bend.rs"]
mod bend;
#[path = "../../src/table/fixture.rs"]
mod fixture;
#[path = "../support/fleet_oracle.rs"]
mod fleet_oracle;
#[path = "../support/fleets.rs"]
mod fleets;
#[path = "../support/imported.rs"]
mod imported;
#[path = "../support/mmdb.rs"]
mod mmdb;
#[path = "../support/policy.rs"]
mod policy;
#[path = "../support/records.rs"]
mod records;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/signed.rs"]
#[expect(dead_code, reason = "nobody here asks for a trust anchor")]
mod signed;

#[path = "../support/views.rs"]
mod seen;

// The fixture of `src/table` names them as the library does.
use waypost::{base, dns, geo, plan};
