//! Scripts of the demo: what dies and comes back, and when.
//!
//! One step a line: `4s kill fra-hetzner`, `22s heal eu-frankfurt`, `44s end`. `#` starts a
//! comment. Times count from the moment when every endpoint is healthy.
use std::time::Duration;

/// The outage that is played when no script is named.
pub(super) const OUTAGE: &str = include_str!("outage.script");

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// When.
    pub(super) at: Duration,
    /// What.
    pub(super) act: Act,
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

/// Reads a script; the steps come out in order of time, the last one is `end`.
///
/// # Errors
/// Every bad line, with its number and what it should be.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut errors = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split('#').next().unwrap_or_default().trim();
        if code.is_empty() {
            continue;
        }
        match step(code) {
            Ok(step) => steps.push(step),
            Err(error) => errors.push(format!("line {number}: `{code}`: {error}")),
        }
    }
    steps.sort_by_key(|step| step.at);
    if steps.last().is_none_or(|step| step.act != Act::End) {
        errors.push("the last step must be `TIME end`".to_owned());
    }
    if errors.is_empty() {
        Ok(steps)
    } else {
        Err(errors.join("\n"))
    }
}

fn step(code: &str) -> Result<Step, String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let act = match words[1..] {
        ["kill", whom] => Act::Kill(whom.to_owned()),
        ["heal", whom] => Act::Heal(whom.to_owned()),
        ["end"] => Act::End,
        _ => return Err("write `TIME kill NAME`, `TIME heal NAME` or `TIME end`".to_owned()),
    };
    Ok(Step {
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
    Ok(Duration::from_millis(number * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_script_reads_and_ends() {
        let steps = parse(OUTAGE).unwrap();
        assert_eq!(steps.last().unwrap().act, Act::End);
        assert!(steps.iter().any(|step| matches!(step.act, Act::Heal(_))));
    }

    #[test]
    fn bad_lines_are_all_named() {
        let error = parse("4s kill\n5x kill a\n# fine\n6s heal b # back").unwrap_err();
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
}
