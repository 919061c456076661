//! `waypost fmt`: configs written in one way, comments and meaning kept.
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::saying::say;
use crate::config;
use crate::daemon::Failure;

/// The path that stands for standard input.
const INPUT: &str = "-";

/// Arguments of `waypost fmt`.
#[derive(Debug, Args)]
pub(super) struct Fmt {
    /// Files to format, and `-` for standard input, which is printed
    #[arg(value_name = "FILE", default_value = "config.toml")]
    files: Vec<PathBuf>,
    /// Change nothing: name the files that are written otherwise, and exit 1 if there are any
    #[arg(long)]
    check: bool,
}

/// The fate of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Formatted {
    Same,
    Changed,
}

/// Formats each file; exits 1 if one cannot be, or with `--check` would be changed.
pub(super) fn fmt(arguments: &Fmt) -> Result<ExitCode, Failure> {
    let mut outcome = ExitCode::SUCCESS;
    for path in &arguments.files {
        match one(path, arguments) {
            Ok(Formatted::Same) => {}
            Ok(Formatted::Changed) => {
                if arguments.check {
                    outcome = ExitCode::FAILURE;
                }
            }
            Err(reason) => {
                say(&reason);
                outcome = ExitCode::FAILURE;
            }
        }
    }
    Ok(outcome)
}

fn one(path: &Path, arguments: &Fmt) -> Result<Formatted, String> {
    let is_input = path.as_os_str() == INPUT;
    let text = match is_input {
        true => {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            read.map(|_| text)
        }
        false => fs::read_to_string(path),
    };
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    let formatted = config::format(path, &text).map_err(|found| found.render(false))?;
    let outcome = match formatted == text {
        true => Formatted::Same,
        false => Formatted::Changed,
    };
    if arguments.check {
        if outcome == Formatted::Changed {
            say(&format!("{} is not formatted", path.display()));
        }
    } else if is_input {
        say(formatted.trim_end_matches('\n'));
    } else if outcome == Formatted::Changed {
        fs::write(path, formatted).map_err(|error| format!("{}: {error}", path.display()))?;
        say(&format!("{} formatted", path.display()));
    }
    Ok(outcome)
}
