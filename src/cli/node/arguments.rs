//! The command line of `waypost node`.
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::base::Span;
use crate::cli::shared_arguments::{Config, Control, OrderBy, label, span};

#[derive(Debug, Args)]
pub(crate) struct NodeArguments {
    #[command(subcommand)]
    pub(super) command: NodeCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// Make the keys and the certificate of a node, and print its part of the config
    ///
    /// The folder then goes to the node, and `[[cluster.nodes]]` into the config of every node. A private CA is made if there is none:
    /// keep its folder where no node is. Nothing is overwritten; `--renew` makes another certificate, and keeps the key that others know.
    New(NodeNew),
    /// List the nodes of a config, with their keys and the age of certificates
    List(NodeList),
    /// Let no node listen to this one any more, neither to its votes nor to its orders
    ///
    /// It is in force at once where it is given, and on every other node as soon as that hears of it. Where the folder of the CA is named, the
    /// certificate is taken back as well; the list that says so (`crl.pem`) is to be brought to all nodes.
    Revoke(NodeRevoke),
}

#[derive(Debug, Args)]
pub(super) struct NodeList {
    #[command(flatten)]
    pub(super) config: Config,
    /// The folder of the CA, which has the certificates of the other nodes
    #[arg(long = "ca-dir", value_name = "FOLDER")]
    pub(super) authority: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct NodeRevoke {
    /// The node's name
    pub(super) name: String,
    #[command(flatten)]
    pub(super) by: OrderBy,
    /// The folder of the CA, to take the certificate back as well
    #[arg(long = "ca-dir", value_name = "FOLDER")]
    pub(super) authority: Option<PathBuf>,
    /// The longest time to wait until the other nodes know it
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = span)]
    pub(super) wait: Span,
    #[command(flatten)]
    pub(super) control: Control,
}

#[derive(Debug, Args)]
pub(super) struct NodeNew {
    /// Its name
    #[arg(value_parser = label)]
    pub(super) name: String,
    /// The folder of its files; otherwise one of its name here
    #[arg(long, value_name = "FOLDER")]
    pub(super) dir: Option<PathBuf>,
    /// The folder of the private CA, which is made if there is none
    #[arg(
        long = "ca-dir",
        value_name = "FOLDER",
        default_value = "ca",
        alias = "ca"
    )]
    pub(super) authority: PathBuf,
    /// A host name or address by which other nodes reach it; may be given again
    #[arg(long, value_name = "HOST")]
    pub(super) address: Vec<String>,
    /// The region that it stands in
    #[arg(long, value_name = "REGION", value_parser = label, default_value = "REGION", hide_default_value = true)]
    pub(super) region: String,
    /// The provider that runs it
    #[arg(long, value_name = "PROVIDER", value_parser = label, default_value = "PROVIDER", hide_default_value = true)]
    pub(super) provider: String,
    /// It follows the nodes that vote, and has no vote
    #[arg(long)]
    pub(super) follower: bool,
    /// The time for which the certificate is good
    #[arg(long = "for", value_name = "TIME", default_value = "730d", value_parser = span)]
    pub(super) lifetime: Span,
    /// Keep its key, and make another certificate
    #[arg(long)]
    pub(super) renew: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}
