//! A wall clock that programs are shown in place of the machine's: `tests/support/clock.c`, compiled here and loaded before the C library.
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use crate::world::{World, repository, run};

/// The clock of one world.
pub(crate) struct ShownClock {
    library: PathBuf,
    path: PathBuf,
    file: File,
}

impl ShownClock {
    /// A clock that is so many seconds ahead; behind, if negative. The name is that of its file.
    pub(crate) fn new(world: &World, name: &str, ahead: i64) -> Self {
        let (library, path) = (world.path(&format!("{name}.so")), world.path(name));
        let source = repository("tests/support/clock.c");
        let [source, target] = [&source, &library].map(|path| path.to_str().unwrap());
        let options = [
            "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", target, source,
        ];
        let (said, is_well) = run("cc", &options);
        assert!(is_well, "{said}");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        let own = Self {
            library,
            path,
            file: file.unwrap(),
        };
        own.set(ahead);
        own
    }

    /// Sets it so many seconds ahead; whoever reads it meanwhile sees the old time or the new one.
    pub(crate) fn set(&self, ahead: i64) {
        self.file.write_all_at(&ahead.to_ne_bytes(), 0).unwrap();
    }

    /// Has a program see it.
    pub(crate) fn show(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("CLOCK_AHEAD", &self.path);
    }
}
