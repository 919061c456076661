//! The command line of `waypost import`.
//!
//! It does not know what a translation is.
use std::path::PathBuf;

use clap::Args;

use crate::import::Maker;

/// The command line.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The server or service whose config it is
    #[arg(value_name = "gdnsd|powerdns-geoip|knot-geoip|route53|octodns|k8gb", value_parser = maker)]
    pub(super) maker: Maker,
    /// Its files: configs, zone files, record sets
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// The folder that the new files go into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) out: PathBuf,
    /// Print what there is to say as JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn maker(text: &str) -> Result<Maker, String> {
    Maker::parse(text).ok_or_else(|| {
        "it is gdnsd, powerdns-geoip, knot-geoip, route53, octodns or k8gb".to_owned()
    })
}
