//! Scripts of the demo: what dies and comes back, and when.
//!
//! One step a line: `4s kill fra-hetzner`, `22s heal eu-frankfurt`, `44s end`. `#` starts a
//! comment. Times count from the moment when every endpoint is healthy.
use std::time::Duration;

use crate::base::Span;

/// The outage that is played when no script is named.
pub(super) const OUTAGE: &str = include_str!("outage.script");

/// A script as text.
#[derive(Debug)]
pub(super) struct Script {
    /// Where it comes from, for messages.
    pub(super) source: String,
    /// Its lines.
    pub(super) text: String,
}

impl Script {
    /// The steps in order of time, the last one is `end`. `is_known` tells whether anything of
    /// the config has a name.
    ///
    /// # Errors
    /// Every bad line, with its number and what it should be.
    pub(super) fn steps(&self, is_known: impl Fn(&str) -> bool) -> Result<Vec<Step>, String> {
        parse(&self.text, is_known).map_err(|errors| format!("{}:\n{errors}", self.source))
    }
}

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Number of the line, from 1.
    line: usize,
    /// When.
    pub(super) at: Duration,
    /// What.
    pub(super) act: Act,
}

impl Step {
    /// When, as the engine counts time.
    pub(super) fn since_start(&self) -> Span {
        Span(u64::try_from(self.at.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What happens to the machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A region's, a provider's or one endpoint's machines die.
    Kill(String),
    /// They come back.
    Heal(String),
    /// The play is over.
    End,
}

/// The steps of a script, or every bad line.
fn parse(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut errors: Vec<(usize, String)> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let code = text.split('#').next().unwrap_or_default().trim();
        if code.is_empty() {
            continue;
        }
        match step(line, code) {
            Ok(step) => {
                errors.extend(unknown(&step, &is_known).map(|error| (line, error)));
                steps.push(step);
            }
            Err(error) => errors.push((line, format!("`{code}`: {error}"))),
        }
    }
    steps.sort_by_key(|step| step.at);
    errors.extend(after_end(&steps));
    errors.sort();
    let mut lines: Vec<String> = errors
        .into_iter()
        .map(|(line, error)| format!("line {line}: {error}"))
        .collect();
    if steps.iter().all(|step| step.act != Act::End) {
        lines.push("the last step must be `TIME end`".to_owned());
    }
    match lines.is_empty() {
        true => Ok(steps),
        false => Err(lines.join("\n")),
    }
}

/// What is wrong with a step that names nothing of the config.
fn unknown(step: &Step, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let (Act::Kill(whom) | Act::Heal(whom)) = &step.act else {
        return None;
    };
    let message = || format!("`{whom}` is no region, provider or endpoint of the config");
    (!is_known(whom)).then(message)
}

/// The steps that would never be played, each by its line.
fn after_end(steps: &[Step]) -> impl Iterator<Item = (usize, String)> {
    let end = steps.iter().position(|step| step.act == Act::End);
    let (end, late) = end.map_or((None, &[][..]), |end| {
        (Some(&steps[end]), &steps[end + 1..])
    });
    late.iter().zip(end.into_iter().cycle()).map(|(step, end)| {
        let message = format!(
            "comes at {}, but line {} ends the play at {}",
            step.since_start(),
            end.line,
            end.since_start()
        );
        (step.line, message)
    })
}

fn step(line: usize, code: &str) -> Result<Step, String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let act = match words[1..] {
        ["kill", whom] => Act::Kill(whom.to_owned()),
        ["heal", whom] => Act::Heal(whom.to_owned()),
        ["end"] => Act::End,
        _ => return Err("write `TIME kill NAME`, `TIME heal NAME` or `TIME end`".to_owned()),
    };
    Ok(Step {
        line,
        at: time(words[0])?,
        act,
    })
}

fn time(word: &str) -> Result<Duration, String> {
    let (digits, scale) = match word.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (word.strip_suffix('s').unwrap_or_default(), 1000),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{word}` is no time; write it as 1500ms or 4s"))?;
    let millis = number.checked_mul(scale);
    let millis = millis.ok_or_else(|| format!("`{word}` is too long a time"))?;
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_script_reads_and_ends() {
        let steps = parse(OUTAGE, |_| true).unwrap();
        assert_eq!(steps.last().unwrap().act, Act::End);
        assert!(steps.iter().any(|step| matches!(step.act, Act::Heal(_))));
    }

    #[test]
    fn bad_lines_are_all_named() {
        let error = parse("4s kill\n5x kill a\n# fine\n6s heal b # back", |_| true).unwrap_err();
        for part in [
            "line 1: `4s kill`",
            "line 2",
            "`5x` is no time",
            "must be `TIME end`",
        ] {
            assert!(error.contains(part), "{part:?} is missing in {error}");
        }
        assert!(!error.contains("line 4"));
    }

    #[test]
    fn unknown_names_and_late_steps_are_told_by_their_lines() {
        let error = parse("9s kill a\n5s end\n1s kill b\n2x\n5s heal a", |name| {
            name == "a"
        });
        assert_eq!(
            error.unwrap_err(),
            "line 1: comes at 9s, but line 2 ends the play at 5s\n\
             line 3: `b` is no region, provider or endpoint of the config\n\
             line 4: `2x`: write `TIME kill NAME`, `TIME heal NAME` or `TIME end`\n\
             line 5: comes at 5s, but line 2 ends the play at 5s"
        );
    }
}
