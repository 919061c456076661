//! Folders that are another system's root: what packages and images hold is started in them.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::run;

/// The user that a program becomes, by number; 0 for root.
#[derive(Clone, Copy)]
pub(crate) struct User(pub(crate) u32);

/// Copies the libraries of the program under test to where it looks for them: unlike a release for a package or an image, it is not
/// linked statically.
pub(crate) fn furnish(root: &Path) {
    let (text, well) = run("ldd", &[env!("CARGO_BIN_EXE_waypost")]);
    assert!(well, "{text}");
    for library in text.split_whitespace().filter(|word| word.starts_with('/')) {
        copy(Path::new(library), &below(root, library));
    }
}

/// Copies a file, and makes its folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to)
        .unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
}

/// A path of that system, as it is reached from here.
pub(crate) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A command in that root: the words are the program there and its arguments.
pub(crate) fn command(root: &Path, user: User, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command
        .arg(format!("--root={}", root.display()))
        .arg("--wd=/etc/waypost")
        .args(["--setgid", &user.0.to_string()])
        .args(["--setuid", &user.0.to_string()])
        .arg("--")
        .args(words);
    command
}
