//! `waypost node`: keys and certificates of the nodes of a cluster.
//!
//! | module | what it does |
//! |---|---|
//! | `arguments` | the command line |
//! | `authority` | the private CA: makes certificates, and takes them back |
//! | `make` | `new` |
//!
//! A node has two keys: one that signs what it says, which the others know by the config, and one of TLS, for which a private CA
//! vouches. The CA lies where the operator keeps it, and no node needs its key.
pub(super) mod arguments;
mod authority;
mod make;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use self::arguments::{NodeArguments, NodeCommand, NodeList, NodeRevoke};
use self::authority::{Authority, Validity};
use super::cluster;
use super::remote::{Remote, text_of};
use super::shared_arguments::author;
use super::{judged, present, say};
use crate::base::{Span, to_hexadecimal};
use crate::daemon::Failure;
use crate::io::clock::Clock;
use crate::plan::{ClusterPart, ClusterRules};
use crate::share::{ClusterView, NodeView};

/// Time between two looks at who knows an order.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Seconds of a day.
const DAY: u64 = 86_400;

/// Does what the command says.
pub(super) fn node(arguments: &NodeArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        NodeCommand::New(arguments) => make::new(arguments),
        NodeCommand::List(arguments) => list(arguments),
        NodeCommand::Revoke(arguments) => revoke(arguments),
    }
}

fn list(arguments: &NodeList) -> Result<ExitCode, Failure> {
    let config = &arguments.config.config;
    let plan = judged::read(config)?.compiled.plan;
    let missing = || format!("{} has no [cluster]", config.display());
    let rules = plan.cluster.ok_or_else(missing)?;
    let now = Clock::start().wall_seconds();
    let nodes = rules.nodes.iter().map(|node| {
        let file = certificate(&rules, &node.name, arguments.authority.as_deref());
        (node, file.and_then(|path| Validity::read(&path)))
    });
    if arguments.json {
        let nodes = nodes.map(|(node, validity)| {
            json!({
                "name": node.name, "key": format!("ed25519:{}", to_hexadecimal(&node.key)), "region": node.region,
                "provider": node.provider, "part": part(node.part), "this": node.name == rules.node,
                "certificate_age_s": validity.map(|own| now.saturating_sub(own.from)),
                "certificate_left_s": validity.map(|own| own.until.saturating_sub(now)),
            })
        });
        say(&json!({ "cluster": rules.name, "nodes": nodes.collect::<Vec<_>>() }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let rows = nodes.map(|(node, validity)| {
        let mark = if node.name == rules.node {
            " (this)"
        } else {
            ""
        };
        let key = to_hexadecimal(&node.key[..6]);
        [
            format!("{}{mark}", node.name),
            node.region.clone(),
            node.provider.clone(),
            part(node.part).to_owned(),
            format!("ed25519:{key}…"),
            validity.map_or("-".to_owned(), |own| age(own, now)),
        ]
    });
    let heading = ["node", "region", "provider", "part", "key", "certificate"];
    let rows = std::iter::once(heading.map(str::to_owned)).chain(rows);
    say(present::columns(&rows.collect::<Vec<_>>()).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The file of a node's certificate: this one's, or what the CA has issued.
fn certificate(rules: &ClusterRules, node: &str, authority: Option<&Path>) -> Option<PathBuf> {
    if node == rules.node {
        return Some(rules.files.certificate.clone());
    }
    authority.map(|folder| Authority::issued(folder, node))
}

fn part(part: ClusterPart) -> &'static str {
    match part {
        ClusterPart::Vantage => "vantage",
        ClusterPart::Follower => "follower",
        ClusterPart::RevokedVantage => "vantage, revoked",
        ClusterPart::RevokedFollower => "follower, revoked",
    }
}

fn age(validity: Validity, now: u64) -> String {
    let age = now.saturating_sub(validity.from) / DAY;
    match validity.until.checked_sub(now) {
        None => format!("{age} days old, EXPIRED"),
        Some(left) => format!("{age} days old, {} left", left / DAY),
    }
}

fn revoke(arguments: &NodeRevoke) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let name = &*arguments.name;
    let by = author(arguments.by.author.clone(), |name| std::env::var(name).ok());
    let mut fields = vec![("node", name), ("reason", &arguments.by.reason)];
    fields.extend(by.as_deref().map(|by| ("author", by)));
    let told = remote.post("/api/v1/cluster/revoke", &fields)?;
    say(&text_of(&told, "result").unwrap_or(told));
    if let Some(folder) = &arguments.authority {
        let taken = Authority::open(folder)?.revoke(name, Clock::start().wall_seconds())?;
        say(&format!(
            "{taken} certificates taken back: bring {} to all nodes, as `revoked` of [cluster]",
            Authority::list(folder).display()
        ));
    }
    say(&wait_for_all(&remote, arguments.wait)?);
    Ok(ExitCode::SUCCESS)
}

/// Waits until all that are heard have the same orders, and says who has.
#[expect(
    clippy::disallowed_methods,
    reason = "a command that waits for a server has nothing else to do"
)]
fn wait_for_all(remote: &Remote, longest: Span) -> Result<String, Failure> {
    let begun = Instant::now();
    loop {
        let view = cluster::ask(remote)?;
        let (known, unknown) = known_by(&view);
        if unknown.is_empty() {
            return Ok(format!("known by {}", known.join(", ")));
        }
        if begun.elapsed() >= Duration::from_millis(longest.0) {
            return Ok(format!(
                "known by {}; not yet, or unheard: {}",
                known.join(", "),
                unknown.join(", ")
            ));
        }
        sleep(LOOK_EVERY);
    }
}

/// The nodes that have the orders of the one that was asked, and those of which nobody knows.
fn known_by(view: &ClusterView) -> (Vec<&str>, Vec<&str>) {
    let nodes = view.nodes.iter().filter(|node| node.state != "revoked");
    let has = |node: &NodeView| {
        let same = node.head.as_ref().is_some_and(|head| head.orders_same);
        node.state == "this" || node.state == "heard" && same
    };
    let (known, unknown): (Vec<_>, Vec<_>) = nodes.partition(|node| has(node));
    (
        known.iter().map(|node| &*node.name).collect(),
        unknown.iter().map(|node| &*node.name).collect(),
    )
}
