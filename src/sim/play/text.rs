//! A summary in words: what matters first, then who felt it, then everything that happened.
use std::fmt::{Display, Formatter, Result};

use super::summary::{Carried, Summary, untouched};
use super::timeline::{Kind, clock};
use crate::base::Span;

/// Switches that are listed; the worst first.
const SWITCHES: usize = 8;

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_head(self, f)?;
        write_promises(self, f)?;
        write_clients(self, f)?;
        write_loads(self, f)?;
        write_endpoints(self, f)?;
        write_switches(self, f)?;
        write_timeline(self, f)
    }
}

fn write_head(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    writeln!(f, "{}", summary.title)?;
    writeln!(
        f,
        "  {} in virtual time with seed {}: {} probes, {} tables, {} resolvers",
        Span(summary.duration_ms),
        summary.seed,
        grouped(summary.probes),
        grouped(summary.tables),
        grouped(summary.resolvers),
    )
}

fn write_promises(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    let over: u64 = all_loads(summary).map(|load| load.overload_ms).sum();
    let stale = summary
        .switches
        .iter()
        .max_by_key(|switch| switch.longest_ms);
    let rows = [
        ("demand lost", percent(summary.lost_ppm)),
        (
            "outside a fence",
            format!("{} answers", summary.fence_breaches),
        ),
        ("above capacity", time(over)),
        (
            "moves per client",
            format!(
                "{} on average, {} at most; {} at most within one of {} ramps",
                thousandths(summary.moves.mean_thousandths),
                summary.moves.most,
                summary.moves.most_in_one_ramp,
                summary.moves.ramps,
            ),
        ),
        (
            "stale answers",
            stale.map_or("none".to_owned(), |worst| {
                format!(
                    "{} at most after a switch; TTLs allow {}",
                    time(worst.longest_ms),
                    time(worst.bound_ms)
                )
            }),
        ),
    ];
    writeln!(f)?;
    for (name, value) in rows {
        writeln!(f, "  {name:<18}{value}")?;
    }
    match &summary.first_breach {
        Some(breach) => writeln!(f, "  first outside: {breach}"),
        None => Ok(()),
    }
}

fn write_clients(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    let touched = summary.clients.iter();
    let touched: Vec<_> = touched.filter(|row| row.felt.unavailable_ms > 0).collect();
    if !touched.is_empty() {
        let mut rows = vec![
            [
                "clients that felt it",
                "unavailable",
                "longest",
                "demand lost",
            ]
            .map(str::to_owned),
        ];
        for row in touched {
            let prefer = row.prefer.as_deref().unwrap_or("no region");
            rows.push([
                format!("{} of {prefer}", row.service),
                time(row.felt.unavailable_ms),
                time(row.felt.longest_ms),
                percent(row.felt.lost_ppm),
            ]);
        }
        write_table(f, &rows)?;
    }
    let untouched = untouched(summary);
    if untouched.is_empty() {
        return Ok(());
    }
    let all = untouched.iter().map(|(service, count)| {
        let of = summary
            .clients
            .iter()
            .filter(|row| row.service == **service);
        match of.count() == *count {
            true => (*service).to_owned(),
            false => format!(
                "{service} of {}",
                regions_untouched(summary, service).join(", ")
            ),
        }
    });
    let all: Vec<String> = all.collect();
    writeln!(f, "\n  felt nothing: {}", all.join("; "))
}

fn regions_untouched(summary: &Summary, service: &str) -> Vec<String> {
    let rows = summary.clients.iter();
    let rows = rows.filter(|row| row.service == service && row.felt.unavailable_ms == 0);
    rows.map(|row| row.prefer.clone().unwrap_or_else(|| "no region".to_owned()))
        .collect()
}

fn write_loads(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    let limited = all_loads(summary).filter(|load| load.capacity.is_some());
    let mut rows = vec![["load", "peak", "capacity", "above it"].map(str::to_owned)];
    rows.extend(limited.map(|load| {
        [
            load.name.clone(),
            load.peak_thousandths.div_ceil(1000).to_string(),
            load.capacity.unwrap_or(0).to_string(),
            time(load.overload_ms),
        ]
    }));
    match rows.len() {
        1 => Ok(()),
        _ => write_table(f, &rows),
    }
}

fn all_loads(summary: &Summary) -> impl Iterator<Item = &Carried> {
    let endpoints = summary.endpoints.iter().map(|own| &own.carried);
    summary.regions.iter().chain(endpoints)
}

fn write_endpoints(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    let busy = summary.endpoints.iter();
    let busy = busy.filter(|own| own.falls + own.returns > 0 || own.behind_ppm + own.slow_ppm > 0);
    let mut rows = vec![
        [
            "endpoints that changed",
            "falls",
            "returns",
            "served while behind",
            "served while slow",
        ]
        .map(str::to_owned),
    ];
    rows.extend(busy.map(|own| {
        [
            own.carried.name.clone(),
            own.falls.to_string(),
            own.returns.to_string(),
            percent(own.behind_ppm),
            percent(own.slow_ppm),
        ]
    }));
    match rows.len() {
        1 => Ok(()),
        _ => write_table(f, &rows),
    }
}

fn write_switches(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    let mut switches: Vec<_> = summary.switches.iter().collect();
    switches.sort_by_key(|own| (std::cmp::Reverse(own.longest_ms), own.at_ms));
    let mut rows = vec![
        [
            "stopped being answered",
            "at",
            "named still for",
            "TTLs allow",
        ]
        .map(str::to_owned),
    ];
    rows.extend(switches.iter().take(SWITCHES).map(|own| {
        [
            own.endpoint.clone(),
            clock(own.at_ms),
            time(own.longest_ms),
            time(own.bound_ms),
        ]
    }));
    if rows.len() == 1 {
        return Ok(());
    }
    write_table(f, &rows)?;
    match switches.len().saturating_sub(SWITCHES) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more, none named longer"),
    }
}

fn write_timeline(summary: &Summary, f: &mut Formatter<'_>) -> Result {
    writeln!(f, "\ntimeline")?;
    for line in &summary.timeline {
        let mark = match line.kind {
            Kind::Event => '!',
            Kind::Notice => ' ',
            Kind::Clients => '>',
        };
        let times = match line.times {
            1 => String::new(),
            times => format!(" ({times} times)"),
        };
        writeln!(f, "  {} {mark} {}{times}", clock(line.at_ms), line.text)?;
    }
    match summary.timeline_left_out {
        0 => Ok(()),
        more => writeln!(f, "  and {} more lines", grouped(more)),
    }
}

/// A head and rows, the first column to the left and the others to the right.
fn write_table<const N: usize>(f: &mut Formatter<'_>, rows: &[[String; N]]) -> Result {
    let widths = std::array::from_fn::<usize, N, _>(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    writeln!(f)?;
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            match column {
                0 => write!(f, "  {cell:<width$}")?,
                _ => write!(f, "  {cell:>width$}")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}

/// A time in the unit that suits it: `0`, `3.2 s`, `4 m 05 s`, `2 h 03 m`.
pub(super) fn time(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 if ms == 0 => "0".to_owned(),
        0..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Millionths as percent: `0`, `0.003 %`, `12.500 %`.
pub(super) fn percent(ppm: u64) -> String {
    match ppm {
        0 => "0".to_owned(),
        1..10 => "below 0.001 %".to_owned(),
        _ => format!("{}.{:03} %", ppm / 10_000, ppm % 10_000 / 10),
    }
}

fn thousandths(milli: u64) -> String {
    format!("{}.{:02}", milli / 1000, milli % 1000 / 10)
}

/// A number in groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (ms, text) in [
            (0, "0"),
            (40, "0.0 s"),
            (59_990, "59.9 s"),
            (65_000, "1 m 05 s"),
            (7_380_000, "2 h 03 m"),
        ] {
            assert_eq!(time(ms), text);
        }
        for (ppm, text) in [
            (0, "0"),
            (9, "below 0.001 %"),
            (30, "0.003 %"),
            (125_000, "12.500 %"),
        ] {
            assert_eq!(percent(ppm), text);
        }
        assert_eq!((&*grouped(7), &*grouped(1_234_567)), ("7", "1,234,567"));
    }
}
