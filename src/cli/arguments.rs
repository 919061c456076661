//! The command line: one definition for `--help`, errors and parsing.
//!
//! Exit codes: 0 well, 1 found a problem, 2 invalid usage (clap's own).
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::base::{Span, TimeSpec};
use crate::engine::order::Override;
use crate::geo::Network;
use crate::plan::{AccessRole, LogFormat, ScopePattern};

pub(super) use super::shared_arguments::{
    ClientProof, Config, Control, OrderBy, Plan, label, span,
};

/// Health-aware authoritative DNS server and global traffic manager.
#[derive(Debug, Parser)]
#[command(name = "waypost", version, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the first config, zone and keys of a domain, and say what its parent needs
    ///
    /// What is not given is asked for on a terminal. Nothing that is there already is overwritten. It ends with the NS and DS
    /// records for the parent, and with the commands that test them.
    Init(super::init::Init),
    /// Serve: probe every endpoint, answer every query
    Run(Run),
    /// Report every error of config, zones and geo file, and what cannot work in them
    Check(super::check::Check),
    /// Print a JSON Schema of the config, for editors
    Schema,
    /// Write configs in one way, comments and meaning kept
    Fmt(super::fmt::Fmt),
    /// Say what one client is answered, and why
    Explain(Explain),
    /// Ask a name server, and show everything in its reply
    ///
    /// A small `dig`. It asks the config's first listener if no server is named, and its control
    /// API for the reason of the answer. Exits 1 without an answer (SERVFAIL and REFUSED are none).
    Query(Query),
    /// Prove that no combination of failures leads a client out of its fence or to no answer
    Verify(super::verify::Verify),
    /// Say what another config would change in behaviour: who moves where, and what is lost
    ///
    /// Compares the config in use (`--config`) with another by answers, not by text: with
    /// everything healthy, and with each region, provider and endpoint down. Exits 1 when a rule in the new config's [guard] is broken (`max_moved`,
    /// `losses`), or when a client can be sent where its fence kept it out before.
    Plan(Plan),
    /// Play a scenario of outages, orders and load against a config, in virtual time
    ///
    /// The real engine and the real answers, with clients whose resolvers cache them: what they
    /// would have felt, in seconds instead of days. `scenarios/` has some to begin with.
    Simulate(Simulate),
    /// Play a scenario on the live system, and compare it with what `simulate` says
    ///
    /// Outages are played as drains of what `--allow` names, each of which ends by itself soon after a drill that is gone. It stops at the
    /// bounds of load and errors, at any outage, and with its terminal; what it did is undone.
    Drill(super::drill::arguments::Drill),
    /// Show regions, pools, endpoints and ramps of a running server
    Status(Status),
    /// Ask a running server whether it is ready (`/readyz`): exit code 0, or 1
    Ready(Control),
    /// Make a running server read its config again
    Reload(Reload),
    /// Replace a running server by its program as it is installed now
    ///
    /// The server starts its own executable again, which reads and checks everything, takes over the sockets and the state,
    /// and answers; only then the old process ends. No query is lost, and a program that fails changes
    /// nothing. Connections over QUIC are closed once their queries are answered, and new ones belong to the new
    /// process. SIGUSR2 does the same.
    Upgrade(Upgrade),
    /// Let what waits for an operator's word come back
    ///
    /// Endpoints whose recovery has `gate = "approve"` or `failback = "manual"` stay out after an
    /// outage until they are approved. The word is for this return: the next outage asks again. With
    /// `--refuse` the return is refused: it stays out until it is approved, or falls again; one that has
    /// begun is taken back at once.
    Approve(ApproveOrder),
    /// Take a region, provider or endpoint out gradually
    ///
    /// Its clients leave by the steps of the recovery. It stays out while any order covers it: until
    /// `waypost undrain` of the same name or the end that was given, over reloads and, where
    /// `[server] state` is set, over restarts too. A drain that leaves clients of a service without a
    /// healthy endpoint, or asks more than the stated capacities, is refused without `--force`.
    Drain(Drain),
    /// Lift the drain of this name
    ///
    /// Whatever no other order holds comes back by the steps of the recovery, as after an outage; which
    /// others still hold something is said.
    Undrain(Order),
    /// Override what probes say of a region, provider or endpoint, for a time
    ///
    /// `up` serves it in full, also if probes find it down or it waits for its gate; `down` takes it out at
    /// once; a share as `30%` is the most that it has. It never leads a client out of its fence. Where several
    /// orders cover an endpoint the least counts: a drain, or `down`, is not undone by `up`. It ends by itself, after
    /// an hour if nothing is said and after 30 days at most, or by `waypost force NAME --lift`; what it
    /// took away comes back by the steps of the recovery.
    Force(ForceOrder),
    /// Report how an endpoint is, for a monitor of type `push`
    Push(super::push::Push),
    /// List the orders in force and to come, and those that have ended
    Orders(OrderListing),
    /// Show an ACME server that a name is ours (dns-01)
    ///
    /// Sets TXT records of `_acme-challenge` names in the running server; they go by themselves,
    /// and stay over reloads and restarts until then.
    Acme(super::acme::Acme),
    /// Declare records of zones while the server runs
    ///
    /// They lie over what the zone's file says, and stay until they are deleted; `[dynamic]` says which may be declared, and by whom.
    Records(super::records::RecordsArguments),
    /// Serve the records of Kubernetes' external-dns, as its webhook provider
    ///
    /// Runs beside external-dns, which asks it over loopback, and declares by the control API what external-dns wants. `[dynamic]` of the server
    /// says which records may be declared, and by whom.
    ExternalDns(super::external_dns::ExternalDns),
    /// Steer among Kubernetes clusters: start the controller, a program of its own
    ///
    /// Becomes `waypost-kubernetes`, which lies beside this program or on the path.
    Kubernetes(super::kubernetes::Kubernetes),
    /// Write all that is declared as files: records, services, monitors, regions, endpoints
    ///
    /// Records are in `example.org.records`, and `[services.api]` is in `services/api.toml`, as `apply` reads them.
    Export(super::declared::ExportArguments),
    /// Bring what is declared to what the files of a folder say
    ///
    /// Shows what would change, and what `waypost plan` says of it; changes it with `--yes`. Without it, the exit code is 1 if there is something
    /// to change. Zones without a file, and services, monitors or regions without a folder, are left alone.
    Apply(super::records::ApplyArguments),
    /// Make a token for the control API
    Token(TokenArguments),
    /// Make, list and revoke the nodes of a cluster
    Node(super::node::arguments::NodeArguments),
    /// Give the nodes of a cluster the config that they share: signed, in waves
    Config(super::config_arguments::ConfigArguments),
    /// Look at the cluster that a running server is of
    Cluster(super::cluster::ClusterArguments),
    /// Look at the log of changes
    Audit(Audit),
    /// Make, show and roll the keys of signed zones
    Keys(super::keys::Keys),
    /// Start the server with endpoints of its own, and play an outage
    Demo(Demo),
    /// Translate the config of another server, and say what was lost (exit code 1); `docs/migration.md` has the words
    Import(super::import_arguments::ImportArguments),
    /// Save config, zones, keys and state in one archive
    ///
    /// A server may run meanwhile. The archive holds private keys: it is made for its owner alone, and belongs encrypted wherever
    /// it is sent.
    Backup(super::backup::Backup),
    /// Bring back what `waypost backup` has saved, into an empty place
    ///
    /// All digests are compared before anything is written.
    Restore(super::backup::Restore),
    /// Print the completions of a shell, for bash: `waypost completions bash > /etc/bash_completion.d/waypost`
    Completions(super::describe::Completions),
    /// Print the man page of waypost, or write those of all commands into a folder
    Man(super::describe::Man),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) config: Config,
    /// The form of log lines, whatever `[log]` says
    #[arg(long, value_enum)]
    pub(super) log: Option<LogFormat>,
    /// Take the place of the server that has started this program (`waypost upgrade`)
    #[arg(long, hide = true)]
    pub(super) take_over: bool,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The name that the client asks for
    pub(super) name: String,
    /// The client's address
    #[arg(long, value_name = "IP")]
    pub(super) client: IpAddr,
    /// The type that it asks for
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    pub(super) qtype: String,
    /// Suppose that this region, provider or endpoint is down; may be given again
    #[arg(long, value_name = "REGION|PROVIDER|ENDPOINT")]
    pub(super) down: Vec<String>,
    /// Ask from this address on behalf of the client: it decides which view is seen
    #[arg(long, value_name = "IP", conflicts_with = "view")]
    pub(super) from: Option<IpAddr>,
    /// Ask in this view, or in `default`, wherever the client is
    #[arg(long, value_name = "NAME")]
    pub(super) view: Option<String>,
    #[command(flatten)]
    pub(super) config: Config,
    /// Ask a running server, with its present health, instead of reading the config
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(super) control: Option<String>,
    #[command(flatten)]
    pub(super) proof: ClientProof,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Query {
    /// What to ask whom, as NAME [TYPE] [@SERVER[:PORT]]; A of the config's first listener
    #[arg(
        value_names = ["NAME", "TYPE", "@SERVER"],
        num_args = 1..=3,
        required = true
    )]
    pub(super) words: Vec<String>,
    /// Ask for the answer of this client network (ECS)
    #[arg(long, value_name = "CIDR", value_parser = client_network)]
    pub(super) subnet: Option<Network>,
    /// Ask over TCP at once, not only if the reply was truncated over UDP
    #[arg(long)]
    pub(super) tcp: bool,
    /// Ask over TLS, at port 853 if none is given
    #[arg(long, conflicts_with = "tcp")]
    pub(super) tls: bool,
    /// Trust the certificates of this PEM file, not the system's
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(super) ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long, requires = "tls", conflicts_with = "ca")]
    pub(super) insecure: bool,
    /// The name that the certificate must have; default: the server as it was named
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub(super) tls_name: Option<String>,
    /// Ask for signatures and proofs (DO)
    #[arg(long)]
    pub(super) dnssec: bool,
    /// Ask who the server is
    #[arg(long)]
    pub(super) nsid: bool,
    /// Send a cookie; ask again with the server's if it wants that
    #[arg(long)]
    pub(super) cookie: bool,
    /// How long to wait for a reply
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = span)]
    pub(super) timeout: Span,
    /// Control address of the running server, which knows the reason of the answer
    #[arg(long, value_name = "URL")]
    pub(super) control: Option<String>,
    #[command(flatten)]
    pub(super) config: Config,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A network around any address of it: whoever asks thinks of a client.
fn client_network(text: &str) -> Result<Network, String> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    let read = || {
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            "" => most,
            digits => digits.parse().ok().filter(|bits| *bits <= most)?,
        };
        Some(Network::around(address, prefix))
    };
    read().ok_or_else(|| "write it as 198.51.100.0/24 or 2001:db8::/48".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// What happens
    #[arg(value_name = "SCENARIO.toml")]
    pub(super) scenario: PathBuf,
    /// The config that it happens to; default: the one that the scenario names, or config.toml
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Write a page with charts, which opens offline
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// What chance starts from, instead of the scenario's own
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    pub(super) control: Control,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    pub(super) control: Control,
    /// Accept a config that weakens what is in force, or drops more of it than `[guard]` allows
    #[arg(long)]
    pub(super) force: bool,
    /// Accept the list that this discovery holds back, in place of reading the config
    #[arg(long, value_name = "DISCOVERY", conflicts_with = "force")]
    pub(super) accept: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Upgrade {
    #[command(flatten)]
    pub(super) control: Control,
    /// Time that the new program may take until it answers; then it is killed, and the old one stays
    #[arg(long, value_name = "TIME", default_value = "80s", value_parser = span)]
    pub(super) timeout: Span,
}

/// An order to a running server.
#[derive(Debug, Args)]
pub(super) struct Order {
    /// What it is for: everything that has this name
    #[arg(value_name = "REGION|PROVIDER|ENDPOINT")]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) by: OrderBy,
    #[command(flatten)]
    pub(super) control: Control,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApproveOrder {
    #[command(flatten)]
    pub(super) order: Order,
    /// Refuse the return instead
    #[arg(long)]
    pub(super) refuse: bool,
}

/// The beginning and the end of an order.
#[derive(Debug, Args)]
pub(super) struct OrderWindow {
    /// Its beginning: in so long (`30m`, `2h`), or at a time in RFC 3339 (`2027-03-01T22:00:00Z`); otherwise now
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) from: Option<TimeSpec>,
    /// The time at which it ends by itself, written likewise
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "lasts")]
    pub(super) until: Option<TimeSpec>,
    /// The time that it holds from its beginning
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub(super) lasts: Option<Span>,
}

#[derive(Debug, Args)]
pub(super) struct Drain {
    #[command(flatten)]
    pub(super) order: Order,
    #[command(flatten)]
    pub(super) window: OrderWindow,
    /// Say who would move and what would be lost, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Drain even where clients are left without a healthy endpoint, or above capacity
    #[arg(long)]
    pub(super) force: bool,
    /// Wait until no new answer has it any more; the order stays if this is interrupted
    #[arg(long, conflicts_with_all = ["dry_run", "json"])]
    pub(super) wait: bool,
}

#[derive(Debug, Args)]
pub(super) struct ForceOrder {
    /// Everything that has this name
    #[arg(value_name = "REGION|PROVIDER|ENDPOINT")]
    pub(super) name: String,
    /// The share that it has instead, in percent at most: `up`, `down` or `30%`
    #[arg(value_name = "up|down|SHARE", value_parser = share, required_unless_present = "lift", conflicts_with = "lift")]
    pub(super) value: Option<Override>,
    /// Lift the override of this name
    #[arg(long, conflicts_with_all = ["from", "until", "lasts", "dry_run"])]
    pub(super) lift: bool,
    #[command(flatten)]
    pub(super) window: OrderWindow,
    #[command(flatten)]
    pub(super) by: OrderBy,
    /// Say who would move and what would be lost, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) control: Control,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct OrderListing {
    #[command(flatten)]
    pub(super) control: Control,
    /// The number of those to show that have ended
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(super) history: usize,
    /// Print JSON, with the whole history
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    pub(super) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a new secret, once, and the table for the config that knows it by its hash
    New(TokenNew),
}

#[derive(Debug, Args)]
pub(super) struct TokenNew {
    /// Its name, which stands in the log of changes
    #[arg(value_parser = label)]
    pub(super) name: String,
    /// Its role: viewer (to see), operator (to order, within its scope), dns (to set challenges), admin
    #[arg(long, value_parser = role)]
    pub(super) role: AccessRole,
    /// The things that an operator may order for, such as "eu-*" or "service:www"; may be given again; everything if absent
    #[arg(long, value_name = "PATTERN", value_parser = scope)]
    pub(super) scope: Vec<ScopePattern>,
    /// The time that it is good for, such as 90d; for ever if absent
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub(super) lifetime: Option<Span>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn role(text: &str) -> Result<AccessRole, String> {
    let mut words = AccessRole::WORDS.iter();
    let found = words.find(|(word, _)| *word == text);
    found
        .map(|(_, role)| *role)
        .ok_or_else(|| "it is reporter, viewer, operator, dns or admin".to_owned())
}

fn scope(text: &str) -> Result<ScopePattern, String> {
    ScopePattern::parse(text).ok_or_else(|| {
        "write names with `*`, such as \"eu-*\", \"provider:ovh\" or \"service:www\"".to_owned()
    })
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    pub(super) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check that no line was altered, dropped or put elsewhere
    ///
    /// Without FILE it goes through the log of the config and all files that were rotated away, and compares the end with what
    /// the running server knows, if one answers. Exits 1 at the first line that is not as it was written.
    Verify(AuditVerify),
}

#[derive(Debug, Args)]
pub(super) struct AuditVerify {
    /// The file; otherwise that of the config, with those that were rotated away
    pub(super) file: Option<PathBuf>,
    /// The hash that the last line must have
    #[arg(long, value_name = "HASH")]
    pub(super) head: Option<String>,
    #[command(flatten)]
    pub(super) control: Control,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn time(text: &str) -> Result<TimeSpec, String> {
    TimeSpec::parse(text).ok_or_else(|| TimeSpec::HELP.to_owned())
}

fn share(text: &str) -> Result<Override, String> {
    let help = "write up, down or a share of 0% to 100%";
    Override::parse(text).ok_or_else(|| help.to_owned())
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The config file; a config of its own if absent
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Play this script: lines of `TIME kill|heal REGION|PROVIDER|ENDPOINT`, then `TIME end`
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// Play nothing and stay: kill and heal machines by key, or on the page (`--web`)
    #[arg(long, conflicts_with = "script")]
    pub(super) keep: bool,
    /// Open the server's page, which shows the play as well, in a browser
    #[arg(long)]
    pub(super) web: bool,
    /// Play with three nodes: an outage, a node that is cut off, an order, and how all come to the same again
    #[arg(long, conflicts_with_all = ["config", "script", "keep"])]
    pub(super) cluster: bool,
    /// Print lines even on a terminal
    #[arg(long, conflicts_with = "keep")]
    pub(super) plain: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
