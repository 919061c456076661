//! What was measured, as Markdown: medians of the rounds, ratios of medians, and the bars.
//!
//! A ratio is ours divided by theirs: less is better for us. A bar whose servers took no part is
//! left out, never passed.
use std::fmt::Write;

use crate::Failure;
use crate::deaths::Changes;
use crate::latency::{self, Paces};
use crate::loading::{Loads, Reload};
use crate::packets::Signatures;
use crate::probes::{self, Prober, Probing};
use crate::scenario::{Line, Scenario};
use crate::servers::{Chain, Content, Kind};
use crate::streams::{Stream, StreamCost};

/// The head of the table of bars.
const BARS: &str = "| bar | measured | bound | |\n|---|---:|---:|---|\n";

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
Waypost, asked for no signatures; all others in that table are asked with the DO bit. Where names
are denied, Waypost and Knot have signed the zone themselves; NSD serves what Knot's signer made of it. All queries
carry EDNS; all replies are minimal. *echo* is one blocking recvmmsg and one sendmmsg of 64 and
looks at nothing.
";

/// A report in the making.
#[derive(Default)]
pub(crate) struct Report {
    text: String,
    bars: Vec<Bar>,
    /// Rows of bars that others have drawn.
    adopted: String,
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
            Content::Denying(Chain::Nsec),
            Content::Denying(Chain::Nsec3),
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
            Scenario::Denied(chain) => self.denial_bars(lines, chain),
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

    /// What a proof of absence costs, and what it cost once.
    fn denial_bars(&mut self, lines: &[Line], chain: Chain) {
        let reached = match chain {
            Chain::Nsec => 0.63,
            Chain::Nsec3 => 0.81,
        };
        let within = (lines, Content::Denying(chain));
        let what = format!("signed NXDOMAIN ({}), CPU per query", chain.name());
        self.cost_bar(&what, within, Kind::Knot, 1.0);
        let what = format!("{what}, as it was reached before");
        self.cost_bar(&what, within, Kind::Knot, reached);
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
            (Scenario::Denied(Chain::Nsec), _) => {
                "Signed NXDOMAIN (NSEC, P-256): random labels with DO, 10,000 names"
            }
            (Scenario::Denied(Chain::Nsec3), _) => {
                "Signed NXDOMAIN (NSEC3, P-256): random labels with DO, 10,000 names"
            }
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
        self.load_table(loads);
        let most = [(Kind::Knot, 1.5), (Kind::Knot, 1.5), (Kind::Knot, 1.0)];
        self.load_bars(loads, "zone of 1,000,000 names", most);
    }

    /// Loads of many small zones.
    pub(crate) fn zones(&mut self, loads: &[Loads]) {
        self.line("\n## 10,000 small zones, a file of three records each, from start to the answers of 101 of them\n");
        self.load_table(loads);
        self.line("\nOne after the other in each round, on all cores; Waypost serves nothing but the zones, and Knot has as many workers for them as it likes.");
        let most = [(Kind::Knot, 1.0), (Kind::Knot, 1.0), (Kind::Nsd, 1.0)];
        self.load_bars(loads, "10,000 small zones", most);
    }

    fn load_table(&mut self, loads: &[Loads]) {
        self.line("| server | wall s | CPU s | resident MB | peak MB | waypost ÷ it: wall, CPU, resident |");
        self.line("|---|---:|---:|---:|---:|---:|");
        let ours = load_of(loads, Kind::Waypost);
        for loads in loads {
            let own = medians(loads);
            let ratios = [WALL, CPU, RESIDENT]
                .map(|field| ratio(ours.map(|ours| ours[field]), Some(own[field])));
            let ([wall, cpu, now, peak], name) = (own, loads.kind.name());
            let ratios = ratios.join(", ");
            self.line(&format!(
                "| {name} | {wall:.2} | {cpu:.2} | {now:.0} | {peak:.0} | {ratios} |"
            ));
        }
    }

    /// Bars for time, processor time and memory: the peer of each, and the most.
    fn load_bars(&mut self, loads: &[Loads], what: &str, bars: [(Kind, f64); 3]) {
        let figures = [
            (WALL, "time to load"),
            (CPU, "CPU to load"),
            (RESIDENT, "resident memory"),
        ];
        for ((field, figure), (peer, most)) in figures.into_iter().zip(bars) {
            let pair = load_of(loads, Kind::Waypost).zip(load_of(loads, peer));
            let ratio = pair.map(|(ours, theirs)| ours[field] / theirs[field]);
            let what = format!("{what}, {figure} against {}", peer.name());
            self.bar(what, ratio, most);
        }
    }

    /// What probes cost.
    pub(crate) fn probes(&mut self, all: &[Probing]) {
        self.line("\n## 10,000 HTTP endpoints at 5 s, nobody scraping\n");
        self.line("| server | CPU µs per probe | least to most | of a core | probes, of those due | connections per probe | resident MB | peak MB | waypost ÷ it |");
        self.line("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        let each = |own: &Probing, of: fn(&probes::Round) -> f64| -> Vec<f64> {
            own.rounds.iter().map(of).collect()
        };
        let middle = |own: &Probing, of| median(each(own, of).into_iter());
        let of = |prober, figure| {
            let found = all.iter().find(|own| own.prober == prober);
            found.map(|own| middle(own, figure))
        };
        let cost: fn(&probes::Round) -> f64 = |round| round.cost;
        let memory: fn(&probes::Round) -> f64 = |round| megabytes(round.memory.now);
        for own in all {
            let costs = each(own, cost);
            let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
            let most = costs.iter().copied().fold(0.0, f64::max);
            let (name, spent) = (own.prober.name(), middle(own, cost));
            let busy = 100.0 * middle(own, |round| round.busy);
            let done = 100.0 * middle(own, |round| round.done);
            let dialled = middle(own, |round| round.dialled);
            let now = middle(own, memory);
            let peak = middle(own, |round| megabytes(round.memory.peak));
            let ratio = ratio(of(Prober::Waypost, cost), Some(spent));
            self.line(&format!(
                "| {name} | {spent:.1} | {least:.1} to {most:.1} | {busy:.1} % | {done:.0} % | {dialled:.2} | {now:.0} | {peak:.0} | {ratio} |"
            ));
        }
        self.line("\nEach has the core for itself, for 20 s after its first probes and 15 s more, one after the other in each round; what is probed counts the probes.");
        let theirs = of(Prober::Gdnsd, cost);
        for (prober, how, most) in [
            (Prober::Waypost, "a connection for each probe", 1.0),
            (Prober::Kept, "connections kept", 0.6),
        ] {
            let what = format!("10,000 HTTP endpoints at 5 s, {how}");
            let pair = of(prober, cost).zip(theirs);
            let ratio = pair.map(|(ours, theirs)| ours / theirs);
            self.bar(format!("{what}, CPU per probe against gdnsd"), ratio, most);
            self.bar(format!("{what}, resident MB"), of(prober, memory), 60.0);
            let done = of(prober, |round| round.done);
            self.bars.extend(done.map(|measured| Bar {
                what: format!("{what}, probes that came, of those due"),
                measured,
                limit: Limit::Least(0.95),
            }));
        }
    }

    /// Deaths of endpoints, until the answer changed.
    pub(crate) fn deaths(&mut self, all: &[Changes]) {
        let middle = |own: &Changes| median(own.taken.iter().copied());
        let of = |kind| all.iter().find(|own| own.kind == kind).map(middle);
        self.line("\n## From the death of an endpoint to the changed answer: probes over TCP every 2 s, three failures\n");
        self.line("| server | deaths | median s | least to most | waypost ÷ it |");
        self.line("|---|---:|---:|---:|---:|");
        for own in all {
            let (name, count, taken) = (own.kind.name(), own.taken.len(), middle(own));
            let least = own.taken.iter().copied().fold(f64::INFINITY, f64::min);
            let most = own.taken.iter().copied().fold(0.0, f64::max);
            let ratio = ratio(of(Kind::Waypost), Some(taken));
            self.line(&format!(
                "| {name} | {count} | {taken:.2} | {least:.2} to {most:.2} | {ratio} |"
            ));
        }
        self.line("\nTwo seconds are the shortest interval that gdnsd takes. Waypost probes an endpoint that has failed sooner again (`near_interval`, by default half of the interval).");
        let pair = of(Kind::Waypost).zip(of(Kind::Gdnsd));
        let ratio = pair.map(|(ours, theirs)| ours / theirs);
        let what = "from a death to the changed answer, against gdnsd";
        self.bar(what.to_owned(), ratio, 1.0);
    }

    /// A section that another program has written, its bars last.
    pub(crate) fn adopt(&mut self, section: &str) -> Result<(), Failure> {
        let parts = section.split_once(BARS);
        let (text, bars) = parts.ok_or_else(|| format!("there are no bars in {section}"))?;
        self.line(&format!("\n{}", text.trim()));
        self.adopted.push_str(bars.trim_start());
        Ok(())
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
        let mut text = BARS.to_owned();
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
        text + self.adopted.trim_end() + "\n" + NOTES + &self.text
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

/// Places of [`medians`].
const WALL: usize = 0;
const CPU: usize = 1;
const RESIDENT: usize = 2;

fn load_of(loads: &[Loads], kind: Kind) -> Option<[f64; 4]> {
    loads.iter().find(|loads| loads.kind == kind).map(medians)
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
