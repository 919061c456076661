//! Parts of the command line that several subcommands have.
use std::path::PathBuf;

use clap::Args;

use crate::base::Span;

/// The place of the config.
#[derive(Debug, Args)]
pub(super) struct Config {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "config.toml")]
    pub(super) config: PathBuf,
}

/// The place of the running server.
#[derive(Debug, Args)]
pub(super) struct Control {
    /// Control address of the running server, or `unix:PATH`; otherwise the socket of the config
    #[arg(long, value_name = "URL|unix:PATH")]
    pub(super) control: Option<String>,
    #[command(flatten)]
    pub(super) proof: ClientProof,
    #[command(flatten)]
    pub(super) config: Config,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The config to go to
    #[arg(value_name = "NEW.toml")]
    pub(super) new: PathBuf,
    /// Ask every node of the cluster what it would change there, each by its own control address
    #[arg(long)]
    pub(super) cluster: bool,
    /// Probe once, from here, each address that the config in use does not probe in this way; exits 1 if one fails
    #[arg(long, conflicts_with = "cluster")]
    pub(super) probe: bool,
    /// The config that is in use, or with --cluster the server that is asked first
    #[command(flatten)]
    pub(super) control: Control,
    /// Print the whole comparison as JSON, with the hashes of both configs and their files
    #[arg(long)]
    pub(super) json: bool,
}

/// By what a client of the control API is known, and what it trusts.
#[derive(Debug, Args)]
pub(super) struct ClientProof {
    /// A file that holds a token (`waypost token new`); otherwise WAYPOST_TOKEN, over HTTP
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Trust the certificates of this PEM file for https, not the system's
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// A PEM file with the certificate that says over https who asks, and those between it and its root
    #[arg(long, value_name = "FILE", requires = "key", alias = "cert")]
    pub(super) certificate: Option<PathBuf>,
    /// A PEM file with the private key of that certificate
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(super) key: Option<PathBuf>,
}

/// The author of an order, and the reason.
#[derive(Debug, Args)]
pub(super) struct OrderBy {
    /// Why, for whoever is on duty next
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) reason: String,
    /// The author; otherwise $SUDO_USER, $USER, or whom the server knows the connection by
    #[arg(long, value_name = "NAME")]
    pub(super) author: Option<String>,
}

/// The author: as named, even if that is nobody, or the user that this machine knows.
pub(super) fn author(
    named: Option<String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let users = ["SUDO_USER", "USER"].iter();
    let mut users = users.filter_map(|name| variable(name));
    named.or_else(|| users.find(|user| !user.trim().is_empty()))
}

/// A name that a config can have.
pub(super) fn label(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=63).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("a name is 1 to 63 letters, digits, `-`, `_` and `.`".to_owned()),
    }
}

/// A span of time above zero.
pub(super) fn span(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).filter(|span| *span > Span::ZERO);
    span.ok_or_else(|| "write it as 500ms, 2s or 1m".to_owned())
}
