//! The copy of a zone that came from a primary, as a master file, and the record beside it.
//!
//! The text of a large zone is larger than the zone. It is never there as a whole: it is written, and read once more for
//! its record, a piece at a time. Whoever writes it does so beside the answers
//! ([`crate::io::background`]); between two pieces a thread that answers has its turn.
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use crate::config::copy::{self, CopyLine};
use crate::dns::transfer::master_pieces;
use crate::dns::zone::Zone;
use crate::io::keep::{self, FileDraft, Readers};

/// Octets that are read at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// Writes the copy of a zone whole, or leaves the old one; its folder is made if it is not there. The record names
/// both before one takes the place of the other.
///
/// # Errors
/// When the system does not let us.
pub fn write_copy(file: &Path, zone: &Zone) -> io::Result<()> {
    let source = format!("version {}, from a primary", zone.serial().unwrap_or(0));
    let pieces = master_pieces(zone, &source);
    let mut pieces = pieces.ok_or_else(|| io::Error::other("there is nothing to write"))?;
    let mut draft = FileDraft::new(Readers::Any, file)?;
    pieces.try_for_each(|piece| draft.file.write_all(piece.as_bytes()))?;
    let line = line_of(&mut draft)?;
    let record = copy::record_of(file);
    let before = fs::read_to_string(&record).unwrap_or_default();
    let both = copy::lines(&before).chain([line.as_str()]);
    let replace = |lines: String| keep::replace_for(Readers::Any, &record, lines.as_bytes());
    replace(copy::record(both))?;
    draft.put_in_place()?;
    replace(copy::record([line.as_str()]))
}

/// The line of a record for what was written.
fn line_of(draft: &mut FileDraft) -> io::Result<String> {
    let mut line = CopyLine::of(draft.file.stream_position()?);
    draft.file.rewind()?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match draft.file.read(&mut block)? {
            0 => return Ok(line.finish()),
            length => line.take(&block[..length]),
        }
    }
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
        let more: String = (0..5000)
            .map(|one| format!("h{one} 60 A 192.0.2.1\n"))
            .collect();
        let apex = Name::parse("z.test").unwrap();
        let nothing = |_: &str| Err("nothing is included".to_owned());
        for serial in 1..3 {
            let text =
                format!("@ 60 SOA ns h {serial} 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n{more}");
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
