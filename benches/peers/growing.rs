//! What `benches/growing/run` measures beside Knot and NSD, as a part of this report: signing, and transfers in and out.
use std::path::Path;
use std::process::Command;

use crate::process::Cores;
use crate::scenario::Stage;
use crate::{Failure, explain};

/// Rounds at most; each is long enough to be steady.
const ROUNDS: usize = 3;

/// Runs one of its parts on all cores; its section of the report.
pub(crate) fn run(stage: &Stage<'_>, part: &str) -> Result<String, Failure> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/growing/run");
    let waypost = stage.common.waypost.canonicalize();
    let waypost = waypost.map_err(explain("the waypost program"))?;
    let rounds = stage.common.rounds.min(ROUNDS).to_string();
    let mut command = Command::new(program);
    command
        .args(["--rounds", &rounds, part])
        .env("WAYPOST", waypost);
    let log = stage.world.path(&format!("growing-{part}"));
    let name = format!("benches/growing/run {part}");
    let process = stage.split.start(Cores::All, &name, &mut command, log)?;
    process.finish()
}
