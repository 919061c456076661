//! What must be told of a zone, put before `named-checkzone`, `kzonecheck` and `nsd-checkzone` too.
//!
//! Where not all of them refuse a zone, it is served here as well, and the advice is no more than a warning.
use std::process::{Command, Stdio};

use crate::advised::{CASES, HEAD};

/// How the three programs are called; each takes the file last.
const CHECKERS: [&[&str]; 3] = [
    &["named-checkzone", "-q", "example.org"],
    &["kzonecheck", "-o", "example.org"],
    &["nsd-checkzone", "example.org"],
];

#[test]
fn nothing_is_refused_that_another_server_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    let (mut refused, texts) = (0, CASES.iter().map(|(text, _)| format!("{HEAD}{text}")));
    let others = [
        HEAD.replace("@ NS ns2\n", ""),
        HEAD.replace(" mail ", " user@example.org. "),
        HEAD.replace("604800", "1800"),
        format!("{HEAD}a 1w CNAME www\n"),
    ];
    for text in texts.chain(others) {
        std::fs::write(&file, &text).unwrap();
        let takes = CHECKERS.map(|words| {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().unwrap().success()
        });
        assert!(
            takes.contains(&true),
            "all of them refuse, so should we:\n{text}"
        );
        refused += usize::from(takes.contains(&false));
    }
    assert!(
        refused > 10,
        "the programs refuse {refused} of these: do they run at all?"
    );
}
