//! The copy of a zone that came from a primary, as a master file, and the record beside it.
use std::fs;
use std::io;
use std::path::Path;

use crate::config::copy;
use crate::dns::transfer::Content;
use crate::dns::zone::Zone;
use crate::io::keep::{self, Readers};

/// Writes the copy of a zone whole, or leaves the old one; its folder is made if it is not there. The record names
/// both before one takes the place of the other.
///
/// # Errors
/// When the system does not let us.
pub fn write_copy(file: &Path, zone: &Zone) -> io::Result<()> {
    let content = Content::of_zone(zone);
    let content = content.ok_or_else(|| io::Error::other("there is nothing to write"))?;
    let text = content.to_master(&format!("version {}, from a primary", content.serial()));
    let line = copy::line(text.as_bytes());
    let record = copy::record_of(file);
    let before = fs::read_to_string(&record).unwrap_or_default();
    let both = copy::lines(&before).chain([line.as_str()]);
    let replace = |path: &Path, octets: &[u8]| keep::replace_for(Readers::Any, path, octets);
    replace(&record, copy::record(both).as_bytes())?;
    replace(file, text.as_bytes())?;
    replace(&record, copy::record([line.as_str()]).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;
    use crate::dns::master;

    #[test]
    fn a_copy_is_read_as_what_was_written_and_its_record_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken/z.zone");
        let apex = Name::parse("z.test").unwrap();
        let nothing = |_: &str| Err("nothing is included".to_owned());
        for serial in 1..3 {
            let text = format!("@ 60 SOA ns h {serial} 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n");
            let zone = master::read(&apex, text.as_bytes(), &nothing, &[])
                .zone
                .unwrap();
            write_copy(&file, &zone).unwrap();
            let written = fs::read(&file).unwrap();
            let record = fs::read(copy::record_of(&file)).unwrap();
            assert!(copy::is_whole(&written, &record));
            assert!(!copy::is_whole(&written[1..], &record));
            let again = master::read(&apex, &written, &nothing, &[]).zone.unwrap();
            assert_eq!(again.serial(), Some(serial));
        }
    }
}
