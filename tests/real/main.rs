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
mod access;
mod acme;
mod acme_views;
mod advice;
mod alerting;
mod ansible;
mod anycast;
mod approval;
mod book;
mod bursts;
mod cluster;
mod cluster_clock;
mod cluster_declared;
mod cluster_keys;
mod cluster_nats;
mod cluster_orders;
mod cluster_regions;
mod cluster_secrets;
mod comfort;
mod command_line;
mod costs;
mod declared;
mod defence;
mod delegation;
mod described;
mod digs;
mod discovery;
mod disk_lost;
mod dnssec;
mod docker;
mod drill;
mod elsewhere;
mod external_dns;
mod first_config;
mod geo_kept;
mod helm;
mod image;
mod import;
mod kdig;
mod keys;
mod kubernetes;
mod load;
mod many;
mod masters;
mod monitors;
mod names;
mod notify;
mod objects;
mod observe;
mod octodns;
mod orders;
mod packages;
mod page;
mod peers;
mod platform;
mod platform_files;
mod postgres;
mod privileges;
mod probes;
mod query;
mod releases;
mod restart;
mod rollover;
mod rooted;
mod roster;
mod scrape;
mod series;
mod shown_clock;
mod signals;
mod signing;
mod spill;
mod storm;
mod systemd;
mod terraform;
mod transfer;
mod tutorial;
mod upgrade;
mod upgrade_quic;
mod watch;
mod world;

#[path = "../support/advised.rs"]
mod advised;
#[path = "../support/fleets.rs"]
mod fleets;
#[path = "../support/identity.rs"]
#[expect(dead_code, reason = "only kdig asks over encrypted transports")]
mod identity;
#[path = "../support/imported.rs"]
mod imported;
#[path = "../support/membership.rs"]
#[expect(dead_code, reason = "certificates are revoked in `wire`")]
mod membership;
#[path = "../support/mmdb.rs"]
mod mmdb;
#[path = "../support/place.rs"]
mod place;
#[path = "../support/probing.rs"]
mod probing;
#[path = "../support/records.rs"]
#[expect(dead_code, reason = "resolvers name the client")]
mod records;
#[path = "../support/sample.rs"]
#[expect(dead_code, reason = "what is asked of signed zones needs less")]
mod sample;
#[path = "../support/serving.rs"]
#[expect(dead_code, reason = "what our own clients ask is in `wire`")]
mod serving;
#[path = "../support/signed.rs"]
mod signed;
#[path = "../support/stage.rs"]
#[expect(dead_code, reason = "what our own clients ask is in `wire`")]
mod stage;
#[path = "../support/style.rs"]
mod style;
