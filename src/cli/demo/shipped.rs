//! The config and the zone that the demo brings along, for whoever has the program and nothing else.
//!
//! They are written to a folder of their own, which is removed with [`Shipped`]: a server reads files, and what it keeps
//! (its state) lies beside its config.
use std::path::PathBuf;
use std::{env, fs, io, process};

const FILES: &[(&str, &str)] = &[
    ("config.toml", include_str!("../../../config.toml")),
    (
        "zones/example.org.zone",
        include_str!("../../../zones/example.org.zone"),
    ),
];

/// The files on disk, as long as this lives.
pub(super) struct Shipped {
    folder: PathBuf,
}

impl Shipped {
    /// Writes them below the system's folder for temporary files.
    pub(super) fn unpack() -> io::Result<Self> {
        let name = format!("waypost-demo-{}", process::id());
        let shipped = Self {
            folder: env::temp_dir().join(name),
        };
        fs::create_dir(&shipped.folder)?;
        for (name, text) in FILES {
            let path = shipped.folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&shipped.folder))?;
            fs::write(path, text)?;
        }
        Ok(shipped)
    }

    /// The config.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        // What stays behind is small, and in a folder that systems empty.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_brought_along_is_a_config_without_errors_and_leaves_nothing() {
        let shipped = Shipped::unpack().unwrap();
        let folder = shipped.folder.clone();
        let loaded = crate::io::files::load(&shipped.config()).unwrap();
        let compiled = crate::config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
        let (compiled, found) = compiled.unwrap();
        assert_eq!(compiled.plan.services.len(), 3, "{}", found.render(false));
        drop(shipped);
        assert!(!folder.exists());
    }
}
