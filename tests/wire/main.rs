//! The built program, and parts of it over real sockets of loopback. No root, no program of others.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests over real sockets and real time"
)]
mod carry;
mod control;
mod geo_data;
#[cfg(feature = "hickory")]
mod hickory;
mod keys;
mod planned;
mod postgres;
mod probe;
mod serve;
mod simulate;
mod transports;
mod verify;

#[path = "../support/backend.rs"]
mod backend;
#[path = "../support/bend.rs"]
#[expect(dead_code, reason = "what came over a socket is not kept as an input")]
mod bend;
#[path = "../support/identity.rs"]
#[expect(dead_code, reason = "the clients here are not other programs")]
mod identity;
#[path = "../support/membership.rs"]
mod membership;
#[path = "../support/mmdb.rs"]
mod mmdb;
#[path = "../support/place.rs"]
mod place;
#[path = "../support/policy.rs"]
mod policy;
#[path = "../support/probing.rs"]
mod probing;
#[path = "../support/sample.rs"]
#[expect(dead_code, reason = "what is asked without sockets is not asked here")]
mod sample;
#[path = "../support/views.rs"]
mod seen;
#[path = "../support/serving.rs"]
mod serving;
#[path = "../support/stage.rs"]
mod stage;
#[path = "../support/style.rs"]
mod style;
