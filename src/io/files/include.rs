//! Brings the files that a config includes.
//!
//! Each pattern is watched as such, so that a file that comes or goes is a change, and each file by itself. A folder that cannot be
//! listed and a file that cannot be read are told as of the pattern that asked for them, and nothing of the config is taken.
//! How many files there may be, and how large they are together, has a bound. What they say is not known here.
use std::collections::BTreeSet;
use std::path::Path;

use super::watch::{self, Stamp, Watch};
use super::{Beside, Loaded, explain, finish, read};
use crate::base::limits;
use crate::config::{self, Included, Spec};

/// Brings all that the text of a config includes, in order, and watches it.
pub(super) fn bring(config_path: &Path, text: &str, watch: &mut Watch) -> Vec<Included> {
    let home = config_path.parent().unwrap_or(Path::new(""));
    let mut room = limits::CONFIG_BYTES.saturating_sub(text.len() as u64);
    let (mut all, mut seen) = (Vec::new(), BTreeSet::from([config_path.to_owned()]));
    for pattern in config::wanted_includes(text) {
        let path = home.join(&pattern);
        let paths = match watch::pattern_of(&path) {
            None => vec![path],
            Some((folder, name)) => match watch::names_of(folder, name) {
                Ok(names) => {
                    watch.add(path.clone(), Some(Stamp::of_names(&names)));
                    names.iter().map(|name| folder.join(name)).collect()
                }
                Err(error) => {
                    watch.add(path.clone(), None);
                    let content = Err(explain(folder, &error));
                    let path = folder.to_owned();
                    all.push(Included {
                        pattern,
                        path,
                        content,
                    });
                    continue;
                }
            },
        };
        for path in paths {
            if !seen.insert(path.clone()) {
                continue;
            }
            let content = match all.len() < limits::INCLUDED_FILES {
                true => bring_one(&path, &mut room, watch),
                false => Err(format!(
                    "is one of more than {} files",
                    limits::INCLUDED_FILES
                )),
            };
            let is_too_many = all.len() >= limits::INCLUDED_FILES;
            let pattern = pattern.clone();
            all.push(Included {
                pattern,
                path,
                content,
            });
            if is_too_many {
                return all;
            }
        }
    }
    all
}

/// Reads all that the config in force names, as [`super::load_in_force`] does, with another text in one of the included files.
#[must_use]
pub fn load_in_force_with(
    in_force: &Spec,
    beside: Beside<'_>,
    (path, text): (&Path, &str),
) -> Loaded {
    let (config, mut included) = in_force.written();
    for one in included.iter_mut().filter(|one| one.path == path) {
        one.content = Ok(text.as_bytes().to_vec());
    }
    let texts = (&*included, beside);
    finish((in_force.path(), config), texts, Watch::default())
}

/// Brings a file that has no more bytes than there is room for, and takes those away.
fn bring_one(path: &Path, room: &mut u64, watch: &mut Watch) -> Result<Vec<u8>, String> {
    let (stamp, content) = read(path, limits::CONFIG_BYTES);
    watch.add(path.to_owned(), stamp);
    let content = content?;
    *room = room.checked_sub(content.len() as u64 + 1).ok_or_else(|| {
        format!(
            "makes the config larger than {} bytes",
            limits::CONFIG_BYTES
        )
    })?;
    Ok(content)
}
