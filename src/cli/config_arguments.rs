//! Arguments of `waypost config`.
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shared_arguments::{Control, OrderBy, label};

/// Arguments of `waypost config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    pub(super) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Make a key that signs releases, and print its public half for `keys` of [cluster.distribute]
    Key(ConfigKey),
    /// Sign a shared config, and print the release
    Sign(ConfigSign),
    /// Bring a release to a node: all nodes take it, in waves
    Push(ConfigPush),
    /// Show how far the nodes are with the newest release; exits 1 while it is halted
    Status(ConfigStatus),
    /// Let no further node take the newest release
    Halt(ConfigHalt),
    /// Let the nodes go on with the release that is halted
    Resume(ConfigHalt),
}

#[derive(Debug, Args)]
pub(super) struct ConfigKey {
    /// The file of the key; it must not be there yet
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ConfigSign {
    /// The shared config, or a release that is to be signed anew
    pub(super) file: PathBuf,
    /// The file of the key (`waypost config key`)
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// The name of the cluster
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub(super) cluster: String,
    /// The node that takes it first; then the nodes of its region, then all
    #[arg(long, value_name = "NODE", value_parser = label)]
    pub(super) first: String,
    /// Let all nodes take it at once: it was good before
    #[arg(long)]
    pub(super) rollback: bool,
    /// Let it weaken or remove what a reload would refuse without --force
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfigPush {
    /// The release
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) by: OrderBy,
    #[command(flatten)]
    pub(super) control: Control,
}

#[derive(Debug, Args)]
pub(super) struct ConfigStatus {
    #[command(flatten)]
    pub(super) control: Control,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfigHalt {
    #[command(flatten)]
    pub(super) by: OrderBy,
    #[command(flatten)]
    pub(super) control: Control,
}
