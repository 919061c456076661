//! What was measured, as Markdown: medians of the rounds, ratios of medians, and the bars.
//!
//! A ratio is ours divided by theirs: less is better for us. A bar whose servers took no part is
//! left out, never passed.
use std::fmt::Write;

use crate::latency::{self, Paces};
use crate::loading::{Loads, Reload};
use crate::packets::Signatures;
use crate::scenario::{Line, Scenario};
use crate::servers::{Content, Kind};
use crate::streams::{Stream, StreamCost};

/// What a reader must know of the tables.
const NOTES: &str = "
Servers have one core and one answering thread, the generator another core; all servers of a table
run at once and are asked in turn, round by round. *CPU per query* is what the scheduler charged to
all threads and children of the server (user and system) over a counted number of queries in a
closed loop of 192; every reply is checked, and one of 509 read in full. Figures are medians of the
rounds, ratios are ratios of medians. The rate is the machine's as much as the server's; a server
whose core was not busy waited for the generator or for the machine.

Two A records: Waypost answers with two endpoints of a region (`answers = 2`, each watched over TCP),
gdnsd with a multifo set of two addresses per datacenter (each watched by tcp_connect), Knot with
two addresses per country, PowerDNS with two records per country; all read the same MaxMind-format
file. NSD steers nothing. In the signed zone Waypost and Knot have signed every answer beforehand;
PowerDNS signs when it is asked, and keeps what it has signed. *without DO* is the same process of
Waypost, asked for no signatures; all others in that table are asked with the DO bit. All queries
carry EDNS; all replies are minimal. *echo* is one blocking recvmmsg and one sendmmsg of 64 and
looks at nothing.
";

/// A report in the making.
#[derive(Default)]
pub(crate) struct Report {
    text: String,
    bars: Vec<Bar>,
}

/// A promise and what was measured.
struct Bar {
    what: String,
    measured: f64,
    limit: Limit,
}

/// The bound that a bar sets.
#[derive(Clone, Copy)]
enum Limit {
    Most(f64),
    Least(f64),
}

/// The middle of some numbers, or of the two in the middle.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(
        middle(sorted.len() / 2),
        middle(sorted.len().saturating_sub(1) / 2),
    )
}

impl Report {
    /// The scenarios of the closed loop.
    pub(crate) fn scenario(&mut self, scenario: Scenario, lines: &[Line]) {
        for content in [
            Content::Steered,
            Content::Signed,
            Content::Few,
            Content::Many,
        ] {
            let group: Vec<&Line> = lines
                .iter()
                .filter(|line| line.content == content)
                .collect();
            if !group.is_empty() {
                self.group(scenario, content, &group);
            }
        }
        let within = (lines, Content::Many);
        match scenario {
            Scenario::Geo => {
                let within = (lines, Content::Steered);
                self.cost_bar("ECS-geo, CPU per query", within, Kind::Gdnsd, 0.95);
                self.cost_bar("ECS-geo, CPU per query", within, Kind::Knot, 0.80);
                self.cost_bar("ECS-geo, CPU per query", within, Kind::Echo, 1.12);
            }
            Scenario::Dnssec => self.signing_bars(lines),
            Scenario::Static => {
                let within = (lines, Content::Few);
                self.cost_bar("static name, CPU per query", within, Kind::Gdnsd, 1.0);
                self.cost_bar("static name, CPU per query", within, Kind::Knot, 0.85);
                self.cost_bar("static name, CPU per query", within, Kind::Nsd, 0.85);
            }
            Scenario::Absent => {
                let what = "NXDOMAIN among 1,000,000 names, CPU per query";
                self.cost_bar(what, within, Kind::Nsd, 1.0);
                self.cost_bar(what, within, Kind::Knot, 1.0);
                let cost = |content| cost(lines, content, Kind::Waypost);
                let ratio = cost(Content::Many).zip(cost(Content::Few));
                let what = format!("{what}, against ours among 100");
                self.bar(what, ratio.map(|(many, few)| many / few), 1.25);
            }
        }
    }

    /// What signatures cost us, and what they cost others.
    fn signing_bars(&mut self, lines: &[Line]) {
        let within = (lines, Content::Signed);
        let ours = cost(lines, Content::Signed, Kind::Waypost);
        let plain = lines
            .iter()
            .find(|line| line.signatures == Signatures::Unwanted);
        let ratio = ours.zip(plain.map(Line::cost));
        let what = "signed ECS-geo, CPU per query";
        self.bar(
            format!("{what}, against ours without DO"),
            ratio.map(|(with, without)| with / without),
            1.3,
        );
        self.cost_bar(what, within, Kind::Knot, 1.0);
        let theirs = cost(lines, Content::Signed, Kind::Pdns);
        let ratio = theirs.zip(ours).map(|(theirs, ours)| theirs / ours);
        let what = "signed ECS-geo, CPU per query, pdns against ours".to_owned();
        self.bars.extend(ratio.map(|measured| Bar {
            what,
            measured,
            limit: Limit::Least(5.0),
        }));
    }

    fn group(&mut self, scenario: Scenario, content: Content, lines: &[&Line]) {
        let title = match (scenario, content) {
            (Scenario::Geo, _) => {
                "ECS-geo: 20,000 client networks, one steered name, two A records"
            }
            (Scenario::Dnssec, _) => {
                "Signed ECS-geo: the same queries with DO, two A records and an RRSIG (P-256)"
            }
            (Scenario::Static, _) => "Static name: one A record",
            (Scenario::Absent, Content::Many) => "NXDOMAIN: random labels, 1,000,000 names",
            (Scenario::Absent, _) => "NXDOMAIN: random labels, 100 names",
        };
        let costs =
            |line: &Line| -> Vec<f64> { line.samples.iter().map(|sample| sample.cost).collect() };
        let ours = lines.iter().find(|line| line.kind == Kind::Waypost);
        let ours = ours.map(|line| median(costs(line).into_iter()));
        self.line(&format!("\n## {title}\n"));
        self.line(
            "| server | CPU µs per query | least to most | queries/s | core busy | waypost ÷ it |",
        );
        self.line("|---|---:|---:|---:|---:|---:|");
        for line in lines {
            let all = costs(line);
            let cost = median(all.iter().copied());
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let most = all.iter().copied().fold(0.0, f64::max);
            let rate = median(line.samples.iter().map(|sample| sample.rate));
            let busy = 100.0 * median(line.samples.iter().map(|sample| sample.busy));
            let (name, ratio) = (line.name(), ratio(ours, Some(cost)));
            self.line(&format!(
                "| {name} | {cost:.2} | {least:.2} to {most:.2} | {rate:.0} | {busy:.0} % | {ratio} |"
            ));
        }
    }

    /// Latency at one rate.
    pub(crate) fn latency(&mut self, outcome: &latency::Outcome) {
        let p99 = |kind| {
            let found = outcome.servers.iter().find(|paces| paces.kind == kind);
            found.map(|paces| median(paces.rounds.iter().map(|round| round.p99)))
        };
        let rate = outcome.rate;
        self.line(&format!(
            "\n## Latency: the queries of ECS-geo, {rate:.0} a second (half of our maximum, if no rate was given)\n"
        ));
        self.line("| server | p50 µs | p99 µs | least to most p99 | lost | waypost's p99 ÷ it |");
        self.line("|---|---:|---:|---:|---:|---:|");
        for Paces { kind, rounds } in &outcome.servers {
            let p50 = median(rounds.iter().map(|round| round.p50));
            let own = median(rounds.iter().map(|round| round.p99));
            let least = rounds
                .iter()
                .map(|round| round.p99)
                .fold(f64::INFINITY, f64::min);
            let most = rounds.iter().map(|round| round.p99).fold(0.0, f64::max);
            let lost: usize = rounds.iter().map(|round| round.lost).sum();
            let (name, ratio) = (kind.name(), ratio(p99(Kind::Waypost), Some(own)));
            self.line(&format!(
                "| {name} | {p50:.1} | {own:.1} | {least:.1} to {most:.1} | {lost} | {ratio} |"
            ));
        }
        for peer in [Kind::Gdnsd, Kind::Knot] {
            let ratio = p99(Kind::Waypost)
                .zip(p99(peer))
                .map(|(ours, theirs)| ours / theirs);
            let what = format!("p99 at half of our maximum, against {}", peer.name());
            self.bar(what, ratio, 1.0);
        }
    }

    /// Loads of the large zone.
    pub(crate) fn loads(&mut self, loads: &[Loads]) {
        self.line("\n## A zone of 1,000,000 names, from start to the first answer\n");
        self.line("| server | wall s | CPU s | resident MB | peak MB |");
        self.line("|---|---:|---:|---:|---:|");
        for loads in loads {
            let [wall, cpu, now, peak] = medians(loads);
            let name = loads.kind.name();
            self.line(&format!(
                "| {name} | {wall:.2} | {cpu:.2} | {now:.0} | {peak:.0} |"
            ));
        }
        let of = |kind| loads.iter().find(|loads| loads.kind == kind).map(medians);
        let pair = of(Kind::Waypost).zip(of(Kind::Knot));
        let ratio = |field: usize| pair.map(|(ours, theirs)| ours[field] / theirs[field]);
        let what = "zone of 1,000,000 names";
        self.bar(format!("{what}, time to load against knot"), ratio(0), 1.5);
        self.bar(format!("{what}, CPU to load against knot"), ratio(1), 1.5);
        self.bar(
            format!("{what}, resident memory against knot"),
            ratio(2),
            1.0,
        );
    }

    /// A second load under queries.
    pub(crate) fn reload(&mut self, reload: &Reload) {
        let Reload {
            asked,
            lost,
            p99_before,
            p99_during,
            taken,
            memory,
        } = reload;
        let peak = megabytes(memory.peak);
        self.line("\n## The same zone read again under load, one core for all of it\n");
        self.line(&format!(
            "{asked} queries, {lost} lost; the new version was served {taken:.2} s after it was asked for; \
             p99 {p99_before:.0} µs before and {p99_during:.0} µs meanwhile; peak memory {peak:.0} MB."
        ));
        let lost = u32::try_from(*lost).map_or(f64::NAN, f64::from);
        self.bar(
            "queries lost during the second load".to_owned(),
            Some(lost),
            0.0,
        );
    }

    /// Streams, beside the best peer of each.
    pub(crate) fn streams(&mut self, costs: &[StreamCost]) {
        self.line("\n## Streams: the static name over connections that stay (dnsperf, h2load)\n");
        self.line("| transport | server | CPU per query µs |\n|---|---|---:|");
        for cost in costs {
            let (stream, server) = (cost.stream, cost.server);
            self.line(&format!("| {stream:?} | {server} | {:.2} |", cost.cost()));
        }
        for stream in [Stream::Tcp, Stream::Tls, Stream::Https] {
            let of = |is_ours: bool| {
                let own = costs
                    .iter()
                    .filter(|cost| cost.stream == stream && (cost.server == "waypost") == is_ours);
                own.map(StreamCost::cost).min_by(f64::total_cmp)
            };
            let ratio = of(true).zip(of(false)).map(|(ours, best)| ours / best);
            let what = format!("CPU per query over {stream:?}, against the best peer");
            self.bar(what, ratio, 1.0);
        }
    }

    /// The whole, verdicts first.
    pub(crate) fn finish(&self) -> String {
        let mut text = String::from("| bar | measured | bound | |\n|---|---:|---:|---|\n");
        for Bar {
            what,
            measured,
            limit,
        } in &self.bars
        {
            let (limit, is_reached) = match limit {
                Limit::Most(most) => (format!("at most {most:.2}"), measured <= most),
                Limit::Least(least) => (format!("at least {least:.2}"), measured >= least),
            };
            let verdict = if is_reached { "reached" } else { "**missed**" };
            writeln!(text, "| {what} | {measured:.2} | {limit} | {verdict} |")
                .expect("a string takes all");
        }
        text + NOTES + &self.text
    }

    fn cost_bar(
        &mut self,
        what: &str,
        (lines, content): (&[Line], Content),
        peer: Kind,
        most: f64,
    ) {
        let ours = cost(lines, content, Kind::Waypost);
        let ratio = ours
            .zip(cost(lines, content, peer))
            .map(|(ours, theirs)| ours / theirs);
        self.bar(format!("{what}, against {}", peer.name()), ratio, most);
    }

    fn bar(&mut self, what: String, measured: Option<f64>, most: f64) {
        self.bars.extend(measured.map(|measured| Bar {
            what,
            measured,
            limit: Limit::Most(most),
        }));
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// Median CPU time per query; the first line counts, where a server has two.
fn cost(lines: &[Line], content: Content, kind: Kind) -> Option<f64> {
    let found = lines
        .iter()
        .find(|line| line.kind == kind && line.content == content);
    found.map(Line::cost)
}

/// Wall and CPU seconds, resident and peak megabytes.
fn medians(loads: &Loads) -> [f64; 4] {
    [
        median(loads.rounds.iter().map(|load| load.wall)),
        median(loads.rounds.iter().map(|load| load.cpu)),
        median(loads.rounds.iter().map(|load| megabytes(load.memory.now))),
        median(loads.rounds.iter().map(|load| megabytes(load.memory.peak))),
    ]
}

fn megabytes(kibibytes: u64) -> f64 {
    u32::try_from(kibibytes).map_or(f64::NAN, f64::from) * 1024.0 / 1e6
}

fn ratio(ours: Option<f64>, theirs: Option<f64>) -> String {
    let both = ours.zip(theirs);
    both.map_or_else(String::new, |(ours, theirs)| {
        format!("{:.2}", ours / theirs)
    })
}
