//! `waypost cluster`: what a running node knows of the others.
//!
//! The matrix has a row for each vantage that hears, and a column for each that is heard, by its number. What is not known is blank: a node that is not
//! heard does not say whom it hears.
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::arguments::Control;
use super::present::{Paint, ago, columns, line};
use super::remote::Remote;
use super::say;
use super::secret::{self, SecretArguments};
use crate::base::limits::{CERTIFICATE_NEAR, CLUSTER_SKEW_TOLD};
use crate::daemon::Failure;
use crate::io::clock::Clock;
use crate::io::terminal::has_colours;
use crate::share::{ClusterSummary, ClusterView, HeadView, NatsView, NodeView};

/// Vantages that a matrix has room for.
const MATRIX: usize = 20;
/// Digits of a hash that are shown.
const DIGITS: usize = 8;

#[derive(Debug, Args)]
pub(super) struct ClusterArguments {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Show who hears whom, whose clock is off, and who differs in orders or config
    Status(ClusterStatus),
    /// List, set, remove and roll the secrets that all nodes have in common
    Secret(SecretArguments),
}

#[derive(Debug, Args)]
struct ClusterStatus {
    #[command(flatten)]
    control: Control,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does what the command says.
pub(super) fn cluster(arguments: &ClusterArguments) -> Result<ExitCode, Failure> {
    let arguments = match &arguments.command {
        ClusterCommand::Status(arguments) => arguments,
        ClusterCommand::Secret(arguments) => return secret::secret(arguments),
    };
    let remote = Remote::find(&arguments.control)?;
    if arguments.json {
        say(remote.get(PATH, &[])?.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let paint = if has_colours(&std::io::stdout()) {
        Paint::Ansi
    } else {
        Paint::Plain
    };
    say(page(&ask(&remote)?, paint).trim_end());
    Ok(ExitCode::SUCCESS)
}

const PATH: &str = "/api/v1/cluster";

/// Asks a server what it knows of the others.
pub(super) fn ask(remote: &Remote) -> Result<ClusterView, Failure> {
    let body = remote.get(PATH, &[])?;
    let view = serde_json::from_str(&body);
    view.map_err(|error| format!("the server's answer is not a cluster: {error}"))
}

/// The whole page.
fn page(view: &ClusterView, paint: Paint) -> String {
    let mut out = String::new();
    line(&mut out, &summary(&view.summary, paint));
    let connected = view.summary.nats.as_ref();
    if let Some(nats) = connected.filter(|nats| nats.server.is_some()) {
        line(&mut out, &format!("  {}", link(nats)));
    }
    line(&mut out, "");
    out += &nodes(&view.nodes);
    let vantages: Vec<&NodeView> = view
        .nodes
        .iter()
        .filter(|own| own.part == "vantage")
        .collect();
    if vantages.len() > 1 {
        line(&mut out, "\nwho hears whom (a row hears a column)");
        out += &matrix(&vantages);
    }
    out
}

/// The cluster in one line, and one for each thing that is wrong.
pub(super) fn summary(own: &ClusterSummary, paint: Paint) -> String {
    let footing = match &*own.footing {
        "together" => paint.code("32", "together"),
        "apart" => paint.code("1;31", "apart: no majority is heard, nothing is taken out"),
        "alone" => paint.code(
            "1;31",
            "alone: no majority for long, those who are heard decide",
        ),
        other => other.to_owned(),
    };
    let digits = own.orders.get(..DIGITS).unwrap_or(&own.orders);
    let mut text = format!(
        "cluster {}  node {}  {footing}  vantages {} of {}  nodes {} of {}  orders {digits}",
        own.cluster, own.node, own.vantages.heard, own.vantages.of, own.nodes.heard, own.nodes.of,
    );
    for (names, what) in [
        (&own.orders_differ, "have other orders"),
        (&own.config_differs, "have another config"),
        (&own.skewed, "have a clock that is off"),
    ] {
        if !names.is_empty() {
            text += &paint.code("33", &format!("\n  {} {what}", names.join(", ")));
        }
    }
    let unconnected = own.nats.as_ref().filter(|nats| nats.server.is_none());
    if let Some(nats) = unconnected {
        text += &paint.code("33", &format!("\n  {}", link(nats)));
    }
    for refused in &own.declared_refused {
        text += &paint.code("33", &format!("\n  not taken: {refused}"));
    }
    for told in &own.certificates {
        text += &paint.code("1;31", &format!("\n  {told}"));
    }
    for doubt in &own.secrets {
        text += &paint.code("33", &format!("\n  {doubt}"));
    }
    if let Some(expires) = own.certificate_expires {
        let left = expires.saturating_sub(Clock::start().wall_seconds());
        if left > 0 && left < u64::from(CERTIFICATE_NEAR.as_secs()) {
            let days = left / 86_400;
            let told = format!("\n  this node's certificate expires in {days} days: renew it");
            text += &paint.code("33", &told);
        }
    }
    if let Some(release) = own.release.as_ref().filter(|one| one.state == "halted") {
        let told = format!(
            "\n  release {} is halted: {}",
            release.version, release.reason
        );
        text += &paint.code("1;31", &told);
    }
    match &*own.route {
        "withdrawn" => {
            let route = format!("\n  the anycast route is withdrawn: {}", own.route_reason);
            text += &paint.code("1;31", &route);
        }
        "unsound" => {
            let route = format!("\n  the anycast route is kept still: {}", own.route_reason);
            text += &paint.code("33", &route);
        }
        _ => {}
    }
    if own.twin {
        let twin = "\n  another node writes with this node's key: this one is silent";
        text += &paint.code("1;31", twin);
    }
    text
}

/// The connection to NATS in one line.
fn link(nats: &NatsView) -> String {
    let lasts = Clock::start().wall_seconds().saturating_sub(nats.since);
    let lasts = ago(lasts * 1000);
    let why = nats.trouble.as_ref();
    let told = |before: &str| why.map_or_else(String::new, |why| format!("{before}{why}"));
    match &nats.server {
        Some(server) => format!("connected to {server} for {lasts}{}", told("; before: ")),
        None => format!("no NATS server is connected to, for {lasts}{}", told(": ")),
    }
}

fn nodes(nodes: &[NodeView]) -> String {
    let heading = [
        "node", "region", "provider", "part", "state", "age", "by", "skew", "orders", "config",
        "table",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(nodes.iter().map(|node| {
        let none = || "-".to_owned();
        let head = node.head.as_ref();
        let mark = |text: &str, is_same: bool| {
            let digits = text.get(..DIGITS).unwrap_or(text);
            let mark = if is_same { "" } else { " differs" };
            format!("{digits}{mark}")
        };
        let doubting = if node.doubting { ", doubting" } else { "" };
        let off = |skew: u64| {
            let mark = if skew > CLUSTER_SKEW_TOLD.0 {
                " off"
            } else {
                ""
            };
            format!("{}{mark}", ago(skew))
        };
        [
            node.name.clone(),
            node.region.clone(),
            node.provider.clone(),
            node.part.clone(),
            format!("{}{doubting}{}", node.state, route(head)),
            node.age_ms.map_or_else(none, ago),
            node.heard_by.clone().unwrap_or_else(none),
            node.skew_ms.map_or_else(none, off),
            head.map_or_else(none, |own| mark(&own.orders, own.orders_same)),
            head.map_or_else(none, |own| mark(&own.config, own.config_same)),
            head.map_or_else(none, |own| own.generation.to_string()),
        ]
    }));
    columns(&rows)
}

/// The state of a node's anycast route, where it is not as it should be.
fn route(head: Option<&HeadView>) -> String {
    let route = head.map_or("", |head| &*head.route);
    match route {
        "" | "announced" => String::new(),
        other => format!(", {other}"),
    }
}

/// The matrix of who hears whom; where there are many, a line for each with those that it does not hear.
fn matrix(vantages: &[&NodeView]) -> String {
    let hears = |row: &NodeView, column: &NodeView| row.hears.contains(&column.name);
    let speaks = |row: &NodeView| matches!(&*row.state, "this" | "heard" | "late");
    let mut out = String::new();
    if vantages.len() > MATRIX {
        for row in vantages.iter().filter(|row| speaks(row)) {
            let others = vantages.iter().filter(|column| column.name != row.name);
            let deaf: Vec<&str> = others
                .filter(|column| !hears(row, column))
                .map(|column| &*column.name)
                .collect();
            let whom = if deaf.is_empty() {
                "all".to_owned()
            } else {
                format!("all but {}", deaf.join(", "))
            };
            line(&mut out, &format!("  {} hears {whom}", row.name));
        }
        return out;
    }
    let wide = vantages.iter().map(|own| own.name.len()).max().unwrap_or(0);
    let numbers: String = (1..=vantages.len())
        .map(|number| format!("{number:>3}"))
        .collect();
    line(&mut out, &format!("     {:wide$}{numbers}", ""));
    for (number, row) in (1..).zip(vantages) {
        let cells = vantages.iter().map(|column| match () {
            () if column.name == row.name => "  ·",
            () if !speaks(row) => "   ",
            () if hears(row, column) => "  x",
            () => "  -",
        });
        let cells: String = cells.collect();
        line(&mut out, &format!("{number:>3}  {:wide$}{cells}", row.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::HeardOf;

    fn node(name: &str, state: &str, hears: &[&str]) -> NodeView {
        NodeView {
            name: name.into(),
            region: "eu".into(),
            provider: "ovh".into(),
            part: "vantage".into(),
            state: state.into(),
            age_ms: (state != "this").then_some(900),
            heard_by: (state == "heard").then(|| "nats".into()),
            skew_ms: (state == "late").then_some(40_000),
            hears: hears.iter().map(|own| (*own).to_owned()).collect(),
            head: (state == "heard").then(|| HeadView {
                orders: "0123456789abcdef".into(),
                config: "fedcba9876543210".into(),
                config_same: true,
                generation: 7,
                route: match name {
                    "tor1" => "withdrawn".into(),
                    _ => String::new(),
                },
                ..HeadView::default()
            }),
            ..NodeView::default()
        }
    }

    #[test]
    fn the_page_shows_who_hears_whom_and_who_differs() {
        let heard = |heard| HeardOf { heard, of: 4 };
        let view = ClusterView {
            summary: ClusterSummary {
                cluster: "prod".into(),
                node: "fra1".into(),
                footing: "apart".into(),
                vantages: heard(2),
                nodes: heard(2),
                twin: true,
                orders: "00112233445566".into(),
                orders_differ: vec!["tor1".into()],
                skewed: vec!["sin1".into()],
                certificates: vec!["this node's certificate has expired, by its clock".into()],
                nats: Some(NatsView {
                    since: u64::MAX,
                    trouble: Some("nats b:4222: it does not answer".into()),
                    ..NatsView::default()
                }),
                ..ClusterSummary::default()
            },
            nodes: vec![
                node("fra1", "this", &["tor1"]),
                node("sin1", "late", &["fra1"]),
                node("syd1", "silent", &[]),
                node("tor1", "heard", &["fra1", "sin1"]),
            ],
        };
        let expected = "\
cluster prod  node fra1  apart: no majority is heard, nothing is taken out  vantages 2 of 4  nodes 2 of 4  orders 00112233
  tor1 have other orders
  sin1 have a clock that is off
  no NATS server is connected to, for 0ms: nats b:4222: it does not answer
  this node's certificate has expired, by its clock
  another node writes with this node's key: this one is silent

node  region  provider  part     state             age    by    skew     orders            config    table
fra1  eu      ovh       vantage  this              -      -     -        -                 -         -
sin1  eu      ovh       vantage  late              900ms  -     40s off  -                 -         -
syd1  eu      ovh       vantage  silent            900ms  -     -        -                 -         -
tor1  eu      ovh       vantage  heard, withdrawn  900ms  nats  -        01234567 differs  fedcba98  7

who hears whom (a row hears a column)
           1  2  3  4
  1  fra1  ·  -  -  x
  2  sin1  x  ·  -  -
  3  syd1        ·
  4  tor1  x  x  -  ·
";
        assert_eq!(page(&view, Paint::Plain), expected);
        let mut connected = view;
        connected.summary.nats = Some(NatsView {
            server: Some("nats b:4222".into()),
            since: u64::MAX,
            trouble: None,
        });
        assert!(page(&connected, Paint::Plain).contains("\n  connected to nats b:4222 for 0ms\n"));
        let many: Vec<NodeView> = (0..30)
            .map(|number| node(&format!("n{number}"), "heard", &["n1"]))
            .collect();
        let all: Vec<&NodeView> = many.iter().collect();
        assert!(
            matrix(&all).contains("  n0 hears all but n2, n3,"),
            "{}",
            matrix(&all)
        );
    }
}
