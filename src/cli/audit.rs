//! `waypost audit verify`: whether the log of changes is as it was written.
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;

use super::arguments::{Audit, AuditCommand, AuditVerify};
use super::remote::Remote;
use super::say;
use crate::daemon::Failure;
use crate::io::audit::{WholeChain, files as files_of, verify as verify_files};
use crate::io::files;

/// The last line, as a running server knows it.
#[derive(Deserialize)]
struct KnownHead {
    seq: u64,
    hash: String,
}

/// Looks at the log.
pub(super) fn audit(arguments: &Audit) -> Result<ExitCode, Failure> {
    match &arguments.command {
        AuditCommand::Verify(arguments) => verify(arguments),
    }
}

fn verify(arguments: &AuditVerify) -> Result<ExitCode, Failure> {
    let paths = match &arguments.file {
        Some(file) => vec![file.clone()],
        None => in_config(arguments)?,
    };
    // Asked first: a line that is written meanwhile is no fault.
    let known = match arguments.file {
        Some(_) => None,
        None => known(arguments),
    };
    let whole = verify_files(&paths).map_err(|broken| broken.to_string())?;
    compare(&whole, arguments.head.as_deref(), known.as_ref())?;
    let (first, last, head) = (whole.first, whole.last, &whole.head);
    match (arguments.json, last) {
        (true, _) => say(&json!({ "first": first, "last": last, "head": head }).to_string()),
        (false, 0) => say("well: it holds no line"),
        (false, _) => say(&format!("well: lines {first} to {last}, head {head}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a log whose end is not the one that is known.
fn compare(
    whole: &WholeChain,
    head: Option<&str>,
    known: Option<&KnownHead>,
) -> Result<(), Failure> {
    if let Some(head) = head.filter(|head| *head != whole.head) {
        return Err(format!(
            "the last line has hash {}, and not {head}",
            whole.head
        ));
    }
    let Some(known) = known else {
        return Ok(());
    };
    let is_shorter = whole.last < known.seq;
    let is_other = whole.last == known.seq && whole.head != known.hash;
    if is_shorter || is_other {
        return Err(format!(
            "the log ends with line {}, and the server wrote line {} with hash {}: its end was cut off or altered",
            whole.last, known.seq, known.hash
        ));
    }
    Ok(())
}

fn in_config(arguments: &AuditVerify) -> Result<Vec<PathBuf>, Failure> {
    let path = &arguments.control.config.config;
    let loaded = files::contact(path).map_err(|error| error.to_string())?;
    let log = loaded.audit.ok_or("the config has no [control] audit")?;
    files_of(&log).map_err(|error| format!("{}: {error}", log.display()))
}

/// The last line as the running server knows it, if one answers.
fn known(arguments: &AuditVerify) -> Option<KnownHead> {
    let remote = Remote::find(&arguments.control).ok()?;
    let body = remote.get("/api/v1/audit", &[]).ok()?;
    serde_json::from_str(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_was_cut_off_is_seen_by_whoever_knows_it() {
        let whole = WholeChain {
            first: 1,
            last: 4,
            head: "aa".to_owned(),
        };
        let known = |seq, hash: &str| KnownHead {
            seq,
            hash: hash.to_owned(),
        };
        assert_eq!(compare(&whole, Some("aa"), Some(&known(4, "aa"))), Ok(()));
        assert_eq!(
            compare(&whole, None, Some(&known(3, "bb"))),
            Ok(()),
            "written meanwhile"
        );
        assert!(compare(&whole, Some("bb"), None).is_err());
        assert!(compare(&whole, None, Some(&known(5, "bb"))).is_err());
        assert!(compare(&whole, None, Some(&known(4, "bb"))).is_err());
    }
}
