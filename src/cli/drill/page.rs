//! The result of a drill, in words and as a section of the simulation's page.
use std::fmt::Write as _;

use super::arguments::Drill;
use super::compared::{Compared, DrillLook, DrillOutcome, TOLERANCE_PERMILLE};
use crate::cli::present::{line, percent};
use crate::sim::play::drill::DrillStep;
use crate::sim::play::report::escape;

/// The steps that are about to be done.
pub(super) fn opening(arguments: &Drill, steps: &[DrillStep]) -> String {
    let mut out = match arguments.shadow {
        true => "In the table alone; nothing is ordered:".to_owned(),
        false => "On the live system:".to_owned(),
    };
    for step in steps {
        let DrillStep { scope, from, until } = step;
        let _ = write!(out, "\n  {from}  drain {scope} until {until}");
    }
    out
}

/// The result, in words.
pub(super) fn text(outcome: &DrillOutcome) -> String {
    let mut out = String::new();
    for look in &outcome.looks {
        line(&mut out, &format!("at {}, {}:", look.at, drained(look)));
        for part in &look.parts {
            let [predicted, seen] = parts(part);
            let Compared {
                service,
                family,
                region,
                ..
            } = part;
            let mark = if part.is_as_predicted() {
                ""
            } else {
                "  <-- not as predicted"
            };
            line(
                &mut out,
                &format!(
                    "  {service:<14} {family}  {region:<18} predicted {predicted:>6}, seen {seen:>6}{mark}"
                ),
            );
        }
    }
    for verdict in verdicts(outcome) {
        line(&mut out, &verdict);
    }
    out
}

/// The same as HTML.
pub(super) fn section(outcome: &DrillOutcome) -> String {
    let mut rows = String::new();
    for look in &outcome.looks {
        for part in &look.parts {
            let [predicted, seen] = parts(part);
            let verdict = if part.is_as_predicted() {
                "as predicted"
            } else {
                "<b>not as predicted</b>"
            };
            let cells = [
                look.at.to_string(),
                escape(&drained(look)),
                escape(&part.service),
                part.family.to_owned(),
                escape(&part.region),
                predicted,
                seen,
                verdict.to_owned(),
            ];
            let cells = cells.map(|cell| format!("<td>{cell}</td>")).concat();
            let _ = write!(rows, "<tr>{cells}</tr>");
        }
    }
    let heads = [
        "at",
        "drained",
        "service",
        "family",
        "region",
        "predicted",
        "seen",
        "",
    ];
    let heads = heads.map(|head| format!("<th>{head}</th>")).concat();
    let verdicts = verdicts(outcome);
    let verdicts = verdicts.iter().map(|one| format!("<p>{}</p>", escape(one)));
    format!(
        "<section><h2>What happened</h2>{}<table><tr>{heads}</tr>{rows}</table></section>",
        verdicts.collect::<String>()
    )
}

fn drained(look: &DrillLook) -> String {
    match look.drained.is_empty() {
        true => "nothing drained".to_owned(),
        false => format!("without {}", look.drained.join(", ")),
    }
}

fn parts(part: &Compared) -> [String; 2] {
    [part.predicted_permille, part.seen_permille].map(percent)
}

fn verdicts(outcome: &DrillOutcome) -> Vec<String> {
    let mut all = Vec::new();
    match &outcome.stopped {
        Some(why) => all.push(format!("STOPPED after {}: {why}", outcome.lasted)),
        None => all.push("played to its end".to_owned()),
    }
    match outcome.left.is_empty() {
        true => all.push("nothing is left of it: every drain is lifted".to_owned()),
        false => all.extend(outcome.left.iter().map(|own| format!("NOT LIFTED: {own}"))),
    }
    let looks = outcome.looks.len();
    all.push(match outcome.surprises() {
        0 => format!("clients went where they were predicted to go, at {looks} moments"),
        more => format!(
            "{more} parts differ by more than {} from what was predicted",
            percent(TOLERANCE_PERMILLE)
        ),
    });
    all
}
