//! The tutorial's commands, run exactly as a reader would: one shell, one block after the other.
//!
//! A block marked `sh` is run. One marked `output` behind it holds lines that must be among what that block printed, in
//! this order. Blocks with other marks (installing, the registrar's part) are for people alone.
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{World, repository};

/// Stops what is still running, whatever happened; and stops at the first command that fails.
const PREAMBLE: &str = "set -e -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";

/// Printed before each block.
const MARK: &str = "@@ block";

/// A block of commands and the lines that it is said to print.
#[derive(Debug, Default)]
struct Step {
    commands: String,
    expected: Vec<String>,
}

/// The steps of a page.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match (&open, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                if kind == "sh" {
                    steps.push(Step::default());
                }
                open = Some(kind.to_owned());
            }
            (Some(_), Some("")) => open = None,
            (Some(kind), _) => {
                let step = steps.last_mut();
                match (kind.as_str(), step) {
                    ("sh", Some(step)) => step.commands += &format!("{line}\n"),
                    ("output", Some(step)) => step.expected.push(line.trim().to_owned()),
                    _ => {}
                }
            }
            (None, None) => {}
        }
    }
    steps
}

#[test]
fn the_tutorial_works_as_it_is_written() {
    let page = std::fs::read_to_string(repository("docs/src/tutorial.md")).unwrap();
    let steps = steps(&page);
    assert!(steps.len() >= 10, "{} blocks are few", steps.len());
    let mut script = PREAMBLE.to_owned();
    for step in &steps {
        script += &format!("echo '{MARK}'\n{}", step.commands);
    }
    let world = World::new();
    world.write("script", &script);
    let program = Path::new(env!("CARGO_BIN_EXE_waypost"));
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("timeout")
        .args(["600", "bash", "script"])
        .env(
            "PATH",
            format!("{}:{path}", program.parent().unwrap().display()),
        )
        .current_dir(world.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{complaints}");
    let parts: Vec<&str> = printed.split(MARK).skip(1).collect();
    assert_eq!(parts.len(), steps.len(), "{printed}");
    for (step, part) in steps.iter().zip(parts) {
        let mut lines = part.lines();
        for expected in &step.expected {
            assert!(
                lines.any(|line| line.contains(expected.as_str())),
                "`{expected}` is not printed, or not in this order, by\n{}\nbut\n{part}",
                step.commands
            );
        }
    }
}
