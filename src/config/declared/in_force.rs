//! The files of a config in force, as they were read: what is declared is compiled with those, and not with what stands there by now.
use std::path::Path;

use super::path::SOURCE;
use crate::config::include::Included;
use crate::config::spec::Spec;

impl Spec {
    /// The path of the config's own file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the config's own file, and the files that it includes.
    #[must_use]
    pub fn written(&self) -> (&str, Vec<Included>) {
        let mut parts = self.parts().filter(|(path, _)| !path.starts_with(SOURCE));
        let config = parts.next().map_or("", |(_, text)| text);
        let included = parts.map(|(path, text)| Included {
            pattern: String::new(),
            path: path.into(),
            content: Ok(text.as_bytes().to_vec()),
        });
        (config, included.collect())
    }
}
