//! `waypost completions` and `waypost man`: the command line, described for shells and for `man`.
//!
//! Both are made from the one definition that parses the command line, by the program itself: what is installed with it
//! cannot be of another version.
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::arguments::Cli;
use super::say;
use crate::daemon::Failure;

/// The text at the foot of each page.
const VERSION: &str = concat!("waypost ", env!("CARGO_PKG_VERSION"));

/// Arguments of `waypost completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `waypost man`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder for a page of each command; it is made if it is not there
    folder: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub(super) fn completions(arguments: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "waypost", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints the page of `waypost`, or writes all pages.
pub(super) fn man(arguments: &Man) -> Result<ExitCode, Failure> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let Some(folder) = &arguments.folder else {
        say(page(&cli)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let failed = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, text) in pages(&cli)? {
        let path = folder.join(format!("{name}.1"));
        let mut file = std::fs::File::create(&path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The pages of a command and of all below it that are shown, each with its name.
fn pages(command: &Command) -> Result<Vec<(String, String)>, Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut all = vec![(name.to_owned(), page(command)?)];
    for below in command.get_subcommands().filter(|own| !own.is_hide_set()) {
        all.extend(pages(below)?);
    }
    Ok(all)
}

fn page(command: &Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone())
        .date(" ")
        .source(VERSION);
    page.render(&mut text).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&text);
    // Blanks at the ends of lines mean nothing to a reader, and are errors to `mandoc`; so are breaks around an empty line.
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    Ok(lines
        .collect::<String>()
        .replace("\n.br\n\n.br\n", "\n.sp\n"))
}
