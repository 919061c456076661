//! The command line: `docs/src/reference/cli.md` is what `--help` prints.
//!
//! `UPDATE_DOCS=1 cargo test --test pure documents::commands` writes the page.
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const PAGE: &str = "docs/src/reference/cli.md";

const HEAD: &str = "# Commands

Each command prints this with `--help`. Exit codes: 0 well, 1 a problem was found, 2 invalid usage. Commands that talk to a
running server find it by the socket of the config (`--config`), or by `--control`.

<!-- Written by `UPDATE_DOCS=1 cargo test --test pure documents::commands`. -->
";

/// The long help of a command.
fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(words)
        .arg("--help")
        .env("COLUMNS", "100")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{words:?}: {text}");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The commands that a help lists, but for `help` itself.
fn subcommands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let named = lines.filter(|line| !line.starts_with("   "));
    let names = named.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// A section for a command and for each below it.
fn describe(words: &[&str], page: &mut String) {
    let help = help(words);
    let name = [&["waypost"], words].concat().join(" ");
    let depth = "#".repeat(2 + words.len().saturating_sub(1));
    writeln!(page, "\n{depth} `{name}`\n\n```text\n{help}\n```").unwrap();
    for below in subcommands(&help) {
        describe(&[words, &[&below]].concat(), page);
    }
}

#[test]
fn the_page_of_commands_is_what_help_prints() {
    let mut page = HEAD.to_owned();
    describe(&[], &mut page);
    assert!(page.contains("`waypost keys roll`"), "{page}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    assert!(
        fs::read_to_string(PAGE).unwrap_or_default() == page,
        "{PAGE} is not what --help prints: UPDATE_DOCS=1 cargo test --test pure documents::commands"
    );
}
