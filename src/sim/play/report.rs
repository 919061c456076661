//! A play as one HTML page with pictures, which opens offline and is kept with the incident it
//! rehearsed: no script, no font, nothing fetched.
//!
//! From top to bottom: what it came to; where the traffic went; what was lost; how the endpoints
//! stood; what regions carried beside what they can; the tables; the timeline.
use std::fmt::Write as _;

use super::endpoint_timelines::State;
use super::summary::Summary;
pub use super::svg::escape;
use super::svg::{LEFT, Plot, WIDTH, colour, name};
use super::text::{grouped, percent, time};
use super::timeline::{Kind, clock};

const STYLE: &str = include_str!("report.css");

/// Height of one endpoint's lane and the room between two, in pixels.
const LANE: (u64, u64) = (16, 6);
/// Lines of clients that have a picture of what they lost.
const ROWS: usize = 24;

/// The page.
#[must_use]
pub fn html(summary: &Summary) -> String {
    page(summary, "")
}

/// The page with a section of somebody else's (HTML) before all others.
#[must_use]
pub fn page(summary: &Summary, more: &str) -> String {
    let title = escape(&summary.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
    );
    page.push_str(&lead(summary));
    page.push_str(&tiles(summary));
    page.push_str(more);
    let events = events(summary);
    section(
        &mut page,
        "Where clients were sent",
        &traffic(summary, &events),
    );
    section(&mut page, "Demand lost", &losses(summary, &events));
    section(
        &mut page,
        "How the endpoints stood",
        &timelines(summary, &events),
    );
    section(&mut page, "Load and capacity", &loads(summary, &events));
    section(&mut page, "What clients felt", &felt(summary));
    section(&mut page, "Answers after a switch", &switches(summary));
    section(&mut page, "Timeline", &timeline(summary));
    page.push_str("</main></body></html>\n");
    page
}

fn section(page: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(page, "<section><h2>{title}</h2>{content}</section>");
    }
}

fn lead(summary: &Summary) -> String {
    format!(
        "<p class=\"lead\">{} in virtual time, seed {}: {} probes, {} tables published, {} resolvers. \
         Dashed lines mark the events of the scenario.</p>",
        time(summary.duration_ms),
        summary.seed,
        grouped(summary.probes),
        grouped(summary.tables),
        grouped(summary.resolvers),
    )
}

fn tiles(summary: &Summary) -> String {
    let over = summary
        .regions
        .iter()
        .chain(summary.endpoints.iter().map(|own| &own.carried));
    let over: u64 = over.map(|load| load.overload_ms).sum();
    let stale = summary.switches.iter().max_by_key(|own| own.longest_ms);
    let stale = stale.map_or(("none".to_owned(), String::new()), |own| {
        (
            time(own.longest_ms),
            format!("TTLs allow {}", time(own.bound_ms)),
        )
    });
    let moves = &summary.moves;
    let all = [
        (
            "demand lost",
            percent(summary.lost_ppm),
            "as clients feel it, behind caches".to_owned(),
        ),
        (
            "answers outside a fence",
            summary.fence_breaches.to_string(),
            String::new(),
        ),
        (
            "above capacity",
            time(over),
            "of all regions and endpoints".to_owned(),
        ),
        (
            "moves per client",
            format!(
                "{}.{:02}",
                moves.mean_thousandths / 1000,
                moves.mean_thousandths % 1000 / 10
            ),
            format!(
                "{} at most, {} within one ramp",
                moves.most, moves.most_in_one_ramp
            ),
        ),
        ("longest stale answer", stale.0, stale.1),
    ];
    let tiles = all.iter().map(|(what, value, more)| {
        format!("<div class=\"tile\"><b>{value}</b><span>{what}</span><small>{more}</small></div>")
    });
    format!("<div class=\"tiles\">{}</div>", tiles.collect::<String>())
}

/// When the scenario's events are.
fn events(summary: &Summary) -> Vec<u64> {
    let lines = summary.timeline.iter();
    let lines = lines.filter(|line| line.kind == Kind::Event);
    lines.map(|line| line.at_ms).collect()
}

/// When a stretch begins.
fn bucket_at(summary: &Summary, number: usize) -> u64 {
    number as u64 * summary.charts.bucket.0
}

/// Demand carried by each region, one upon the other.
fn traffic(summary: &Summary, events: &[u64]) -> String {
    let buckets = &summary.charts.buckets;
    let sums = buckets
        .iter()
        .map(|bucket| bucket.regions.iter().map(|own| own.0).sum());
    let most: u64 = sums.max().unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    let plot = Plot {
        duration: summary.duration_ms,
        height: 190,
    };
    let mut grounds = vec![0; buckets.len()];
    let mut content = String::new();
    for number in 0..summary.regions.len() {
        let mut points = Vec::new();
        for (place, bucket) in buckets.iter().enumerate() {
            let own = bucket.regions.get(number).map_or(0, |own| own.0);
            let (bottom, top) = (grounds[place], grounds[place] + own);
            grounds[place] = top;
            points.push((bucket_at(summary, place), bottom, top));
            points.push((bucket_at(summary, place + 1), bottom, top));
        }
        content.push_str(&plot.area(&points, most, colour(number)));
    }
    content.push_str(&name("all demand", plot.height / 2));
    let picture = plot.picture("demand carried by each region over time", events, &content);
    let names = summary.regions.iter().enumerate();
    let names = names.map(|(number, region)| {
        let part = percent(region.part_ppm);
        let name = escape(&region.name);
        format!(
            "<li><i style=\"background:{}\"></i>{name} <small>{part}</small></li>",
            colour(number)
        )
    });
    format!(
        "<ul class=\"key\">{}</ul>{picture}",
        names.collect::<String>()
    )
}

/// A strip for each line of clients that lost something: the darker the more.
fn losses(summary: &Summary, events: &[u64]) -> String {
    let buckets = &summary.charts.buckets;
    let rows = summary.charts.rows.iter().enumerate();
    let touched: Vec<(usize, &String)> = rows
        .filter(|(row, _)| {
            buckets
                .iter()
                .any(|bucket| bucket.lost.get(*row).is_some_and(|lost| *lost > 0))
        })
        .take(ROWS)
        .collect();
    if touched.is_empty() {
        return "<p>Nothing was lost.</p>".to_owned();
    }
    let plot = Plot {
        duration: summary.duration_ms,
        height: touched.len() as u64 * (LANE.0 + LANE.1),
    };
    let mut content = String::new();
    for (line, (row, label)) in touched.iter().enumerate() {
        let top = line as u64 * (LANE.0 + LANE.1) + LANE.1 / 2;
        content.push_str(&plot.bar((0, summary.duration_ms), (top, LANE.0), "well"));
        for (place, bucket) in buckets.iter().enumerate() {
            let lost = bucket.lost.get(*row).copied().unwrap_or(0);
            if lost > 0 {
                let span = (bucket_at(summary, place), bucket_at(summary, place + 1));
                content.push_str(&plot.bar(span, (top, LANE.0), shade(lost)));
            }
        }
        content.push_str(&name(label, top + LANE.0 / 2));
    }
    let key = "<ul class=\"key\"><li><i class=\"well\"></i>all served</li>\
               <li><i class=\"lost-1\"></i>below 1 % lost</li><li><i class=\"lost-2\"></i>below 10 %</li>\
               <li><i class=\"lost-3\"></i>below half</li><li><i class=\"lost-4\"></i>more</li></ul>";
    format!(
        "{key}{}",
        plot.picture("demand lost over time by clients", events, &content)
    )
}

fn shade(lost_ppm: u64) -> &'static str {
    match lost_ppm {
        0..10_000 => "lost-1",
        10_000..100_000 => "lost-2",
        100_000..500_000 => "lost-3",
        _ => "lost-4",
    }
}

/// A lane for each endpoint.
fn timelines(summary: &Summary, events: &[u64]) -> String {
    let timelines = &summary.charts.timelines;
    let plot = Plot {
        duration: summary.duration_ms,
        height: timelines.len() as u64 * (LANE.0 + LANE.1),
    };
    let mut content = String::new();
    for (number, (timeline, endpoint)) in timelines.iter().zip(&summary.endpoints).enumerate() {
        let top = number as u64 * (LANE.0 + LANE.1) + LANE.1 / 2;
        for (place, (at, state, share)) in timeline.iter().enumerate() {
            let start = summary.charts.start;
            let next = timeline
                .get(place + 1)
                .map_or(summary.duration_ms, |next| next.0.since(start).0);
            let span = (at.since(start).0, next);
            content.push_str(&plot.bar(span, (top, LANE.0), state.word()));
            if [State::Ramping, State::Degraded].contains(state) {
                let height = LANE.0 * u64::from(share.0) / 1000;
                let filled = (top + LANE.0 - height, height);
                content.push_str(&plot.bar(span, filled, "serving"));
            }
        }
        content.push_str(&name(&endpoint.carried.name, top + LANE.0 / 2));
    }
    const KEY: [(&str, &str); 7] = [
        ("serving", "serving"),
        ("ramping", "on its ramp, filled to its share"),
        ("degraded", "slow, filled to its share"),
        ("waiting", "held, gated or unapproved"),
        ("out", "out"),
        ("kept", "seen down, and kept"),
        ("drained", "drained"),
    ];
    let key = KEY
        .iter()
        .map(|(class, words)| format!("<li><i class=\"{class}\"></i>{words}</li>"));
    let picture = plot.picture("states of the endpoints over time", events, &content);
    format!(
        "<ul class=\"key\">{}</ul>{picture}",
        key.collect::<String>()
    )
}

/// A picture for each region that states a capacity, its own or its endpoints'.
fn loads(summary: &Summary, events: &[u64]) -> String {
    let mut pictures = String::new();
    for (number, region) in summary.regions.iter().enumerate() {
        let counted =
            |bucket: &super::buckets::Bucket| bucket.regions.get(number).map_or(0, |own| own.1);
        let of_endpoints = summary.endpoints.iter().zip(&summary.charts.region_of);
        let of_endpoints = of_endpoints.filter(|(_, own)| **own == number);
        let sum: Option<u64> = of_endpoints.map(|(own, _)| own.carried.capacity).sum();
        let Some(capacity) = region.capacity.or(sum).map(|units| units * 1_000_000) else {
            continue;
        };
        let buckets = &summary.charts.buckets;
        let most = buckets.iter().map(counted).max().unwrap_or(0).max(capacity) * 11 / 10;
        let plot = Plot {
            duration: summary.duration_ms,
            height: 70,
        };
        let mut points = Vec::new();
        for (place, bucket) in buckets.iter().enumerate() {
            points.push((bucket_at(summary, place), 0, counted(bucket)));
            points.push((bucket_at(summary, place + 1), 0, counted(bucket)));
        }
        let mut content = plot.area(&points, most, colour(number));
        let limit = [(0, capacity), (summary.duration_ms, capacity)];
        content.push_str(&plot.line(&limit, most, "limit", "currentColor"));
        content.push_str(&name(&region.name, plot.height / 2));
        let label = format!(
            "<text class=\"limit\" x=\"{}\" y=\"{}\">{}</text>",
            LEFT + WIDTH - 4,
            plot.y(capacity, most) / 10 + 12,
            grouped(capacity / 1_000_000)
        );
        content.push_str(&label);
        pictures.push_str(&plot.picture("load beside capacity", events, &content));
    }
    pictures
}

fn felt(summary: &Summary) -> String {
    let rows = summary.clients.iter().map(|row| {
        let cells = [
            escape(&row.service),
            escape(row.prefer.as_deref().unwrap_or("no region")),
            time(row.felt.unavailable_ms),
            time(row.felt.longest_ms),
            percent(row.felt.lost_ppm),
        ];
        table_row(&cells)
    });
    let head = [
        "service",
        "clients of",
        "unavailable, on average",
        "longest",
        "demand lost",
    ];
    table(&head, &rows.collect::<String>())
}

fn switches(summary: &Summary) -> String {
    if summary.switches.is_empty() {
        return String::new();
    }
    let rows = summary.switches.iter().map(|own| {
        let cells = [
            escape(&own.endpoint),
            clock(own.at_ms),
            time(own.longest_ms),
            time(own.bound_ms),
        ];
        table_row(&cells)
    });
    let head = [
        "endpoint",
        "stopped being answered at",
        "named by a cache still for",
        "TTLs allow",
    ];
    table(&head, &rows.collect::<String>())
}

fn timeline(summary: &Summary) -> String {
    let lines = summary.timeline.iter().map(|line| {
        let class = match line.kind {
            Kind::Event => "of-event",
            Kind::Notice => "of-notice",
            Kind::Clients => "of-clients",
        };
        let times = match line.times {
            1 => String::new(),
            times => format!(" <small>({times} times)</small>"),
        };
        let (at, text) = (clock(line.at_ms), escape(&line.text));
        format!("<tr class=\"{class}\"><td>{at}</td><td>{text}{times}</td></tr>")
    });
    let more = match summary.timeline_left_out {
        0 => String::new(),
        more => format!("<p>and {} more lines</p>", grouped(more)),
    };
    format!(
        "<table class=\"timeline\">{}</table>{more}",
        lines.collect::<String>()
    )
}

fn table(head: &[&str], rows: &str) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    format!("<table><tr>{head}</tr>{rows}</table>")
}

fn table_row(cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<td>{cell}</td>"))
        .collect();
    format!("<tr>{cells}</tr>")
}
