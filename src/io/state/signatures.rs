//! Signatures of zones on the disk: one file for each zone, in a folder of their own.
//!
//! ```text
//! state/signatures/
//!   example.org-0123456789abcdef.rrsig     frames of signatures (`dns::zone::signed`, `kept`)
//! ```
//!
//! What has changed is put at the end; a file is written anew, beside the old one and in its place, once it would be more
//! than twice as long as what it has to hold, when its end is torn or when anything of it is damaged. So a file has
//! at most twice the octets of its zone's signatures (some 130 for each of P-256, twice that in the file at the most) and
//! [`ROOM_LEAST`], and what is written is at most three times what has changed. No more than
//! [`SIGNATURES_BYTES_PER_SECOND`] are written, no file anew that takes more than half of what is free on its disk, and
//! each octet may be read by the server's own user alone.
//!
//! Nothing here is dear: a file that cannot be read is as good as none, and what is appended is not waited for until it is on the
//! disk, because a torn end or a hole shows in the checksums and costs the signatures in it.
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::base::HashKey;
use crate::base::limits::{SIGNATURES_BYTES_PER_SECOND, SIGNATURES_FILE_BYTES};
use crate::dns::Name;
use crate::dns::zone::signed::{KeptCondition, KeptMark, KeptSignatures, Signed};
use crate::io::keep;
use crate::zones::{Recalled, ToKeep};

/// Name of the folder in that of the state.
const FOLDER: &str = "signatures";
/// The end of names of files; what ends otherwise is not ours.
const ENDING: &str = ".rrsig";
/// The end of names of files that are being written.
const BESIDE: &str = ".rrsig.new";
/// Octets that a file may have however little it has to hold.
const ROOM_LEAST: u64 = 64 * 1024;
/// Octets that are written in one step.
const STEP_BYTES: usize = 1024 * 1024;
/// The key of the hash in names of files: anything that stays the same.
const KEY: HashKey = HashKey(0x5349_474E_4544);

/// The folder, and what is known of its files.
#[derive(Debug)]
pub(super) struct SignatureFolder {
    folder: PathBuf,
    /// By zone whose file is whole: how long it is.
    whole: BTreeMap<Name, u64>,
}

impl SignatureFolder {
    /// The one in a folder of state; neither need be there.
    pub(super) fn of(state: &Path) -> Self {
        Self {
            folder: state.join(FOLDER),
            whole: BTreeMap::new(),
        }
    }

    /// Signatures that were kept of a zone.
    pub(super) fn recall(&mut self, apex: &Name) -> Recalled {
        self.whole.remove(apex);
        let path = self.path(apex);
        let told = |why: String| Some(format!("`{}` {why}", path.display()));
        let octets = match keep::read(&path, SIGNATURES_FILE_BYTES) {
            Ok(Some(octets)) => octets,
            Ok(None) => return Recalled::default(),
            Err(error) => {
                return Recalled {
                    kept: None,
                    damage: told(format!("cannot be read: {error}")),
                };
            }
        };
        let length = octets.len() as u64;
        let (kept, condition) = KeptSignatures::read(octets);
        let damage = match condition {
            KeptCondition::Whole => {
                self.whole.insert(apex.clone(), length);
                None
            }
            KeptCondition::Torn => None,
            KeptCondition::Damaged(octets) => told(format!(
                "is damaged: {octets} of {length} octets are no signatures"
            )),
        };
        Recalled {
            kept: Some(Arc::new(kept)).filter(|kept| !kept.is_empty()),
            damage,
        }
    }

    /// Keeps signatures: what has changed, or all of them.
    ///
    /// # Errors
    /// Why they are not kept; the file is then as it was, or has an end that is torn.
    pub(super) fn keep(&mut self, to_keep: &ToKeep) -> Result<(), String> {
        let path = self.path(&to_keep.apex);
        let written = self.write(&path, to_keep);
        written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }

    fn write(&mut self, path: &Path, to_keep: &ToKeep) -> io::Result<()> {
        let ToKeep {
            apex,
            signed,
            since,
        } = to_keep;
        // Until it is done, nobody knows what is in the file.
        let whole = self.whole.remove(apex);
        let room = 2 * signed.kept_bytes() + ROOM_LEAST;
        let length = match (whole, since) {
            (Some(length), Some(since)) if length <= room => {
                let mut out = PacedFile::append(path, room - length)?;
                match out.put(signed, since) {
                    Ok(()) => Some(length + out.written),
                    // There is no room for more at its end.
                    Err(error) if error.kind() == ErrorKind::FileTooLarge => None,
                    Err(error) => return Err(error),
                }
            }
            _ => None,
        };
        let length = match length {
            Some(length) => length,
            None => self.replace(path, signed)?,
        };
        self.whole.insert(apex.clone(), length);
        Ok(())
    }

    /// Writes a file anew; gives its length.
    fn replace(&self, path: &Path, signed: &Signed) -> io::Result<u64> {
        if !self.folder.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(&self.folder)?;
        }
        leave_room(&self.folder, signed.kept_bytes())?;
        let beside = path.with_extension(BESIDE.trim_start_matches('.'));
        let mut out = PacedFile::create(&beside)?;
        let written = out
            .put(signed, &KeptMark::default())
            .and_then(|()| out.file.sync_all())
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // What is half written takes room that others need.
            let _ = fs::remove_file(&beside);
        }
        written.map(|()| out.written)
    }

    /// Removes the files of all other zones, and what was left half written.
    pub(super) fn retain(&mut self, apexes: &BTreeSet<Name>) {
        self.whole.retain(|apex, _| apexes.contains(apex));
        let wanted: BTreeSet<PathBuf> = apexes.iter().map(|apex| self.path(apex)).collect();
        // Without a folder there is nothing to remove.
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for file in files {
            let (name, path) = (file.file_name(), file.path());
            let name = name.to_string_lossy();
            let is_ours = name.ends_with(ENDING) || name.ends_with(BESIDE);
            if is_ours && !wanted.contains(&path) {
                // It costs room, and nothing else, if it stays.
                let _ = fs::remove_file(path);
            }
        }
    }

    fn path(&self, apex: &Name) -> PathBuf {
        const LONGEST: usize = 100;
        let wire = apex.as_wire().to_ascii_lowercase();
        let text = apex.to_string().to_ascii_lowercase();
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_.".contains(*letter);
        let plain: String = text.chars().filter(is_plain).take(LONGEST).collect();
        let plain = plain.trim_matches('.');
        self.folder
            .join(format!("{plain}-{:016x}{ENDING}", KEY.hash(&wire)))
    }
}

/// Waits for as long as so many octets may take.
#[expect(
    clippy::disallowed_methods,
    reason = "this thread does nothing else, and nobody waits for it"
)]
fn pause(octets: u64) {
    let micros = octets * 1000 / (SIGNATURES_BYTES_PER_SECOND / 1000);
    sleep(Duration::from_micros(micros));
}

/// Refuses to write so many octets where less than twice as many are free: what others keep there comes first.
fn leave_room(folder: &Path, octets: u64) -> io::Result<()> {
    let system = nix::sys::statvfs::statvfs(folder)?;
    let free = system.blocks_available() * system.fragment_size();
    match free < 2 * octets {
        true => Err(io::Error::new(
            ErrorKind::StorageFull,
            format!(
                "there are {free} octets free, and {octets} are not written where they take more than half"
            ),
        )),
        false => Ok(()),
    }
}

/// A file that is written at a bounded pace, and to a bounded length.
struct PacedFile {
    file: File,
    waiting: Vec<u8>,
    /// Octets that may be written.
    room: u64,
    written: u64,
}

impl PacedFile {
    fn append(path: &Path, room: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self::of(file, room))
    }

    fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Self::of(options.open(path)?, SIGNATURES_FILE_BYTES))
    }

    fn of(file: File, room: u64) -> Self {
        Self {
            file,
            waiting: Vec::new(),
            room,
            written: 0,
        }
    }

    /// Writes the signatures that were not there before.
    fn put(&mut self, signed: &Signed, since: &KeptMark) -> io::Result<()> {
        for block in 0..signed.blocks() {
            signed.frame(block, since, &mut self.waiting);
            if self.waiting.len() >= STEP_BYTES {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let octets = self.waiting.len() as u64;
        if octets > self.room - self.written {
            return Err(io::Error::new(
                ErrorKind::FileTooLarge,
                format!("it would have more than {} octets", self.room),
            ));
        }
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        self.written += octets;
        if octets >= STEP_BYTES as u64 {
            pause(octets);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::dns::dnssec::{Algorithm, PrivateKey};
    use crate::dns::rr::rtype;
    use crate::dns::zone::signed::{Denial, Signing};
    use crate::dns::zone::{Record, Zone};

    const NOW: u64 = 1_800_000_000;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    /// A zone of so many names, signed at a time.
    fn signed(apex: &str, names: usize, now: u64) -> Arc<Signed> {
        let apex = name(apex);
        let record = |owner: Name, rtype, rdata: &[u8]| Record {
            owner,
            rtype,
            ttl: 60,
            rdata: rdata.to_vec(),
            line: 1,
        };
        let soa = [&[0, 0][..], &[1; 20]].concat();
        let mut records = vec![
            record(apex.clone(), rtype::SOA, &soa),
            record(apex.clone(), rtype::NS, &[0]),
        ];
        records.extend((0..names).map(|number| {
            let owner = name(&format!("n{number}.{apex}"));
            record(owner, rtype::TXT, b"\x01t")
        }));
        let zone = Arc::new(Zone::build(&apex, records, &[]).unwrap());
        let key = PrivateKey::generate(Algorithm::Ed25519, 257, [1; 32]).unwrap();
        let key = Arc::new(key);
        let signing = Signing {
            entry_keys: vec![Arc::clone(&key)],
            zone_keys: vec![key],
            denial: Denial::Nsec,
            validity: 14 * 86_400,
        };
        renewed(&Signed::following(None, zone, signing, &[]), now)
    }

    fn renewed(signed: &Signed, now: u64) -> Arc<Signed> {
        let chunks = signed.stale(now).into_iter();
        let chunks = chunks.map(|chunk| (chunk, signed.sign(chunk, now)));
        Arc::new(signed.renewed(chunks.collect()))
    }

    fn to_keep(signed: &Arc<Signed>, since: Option<KeptMark>) -> ToKeep {
        ToKeep {
            apex: signed.zone().apex().clone(),
            signed: Arc::clone(signed),
            since,
        }
    }

    /// The number of chunks of a zone that lack something of what was kept of it.
    fn lacking(folder: &Path, signed: &Signed, now: u64) -> (usize, Option<String>) {
        let mut folder = SignatureFolder::of(folder);
        let Recalled { kept, damage } = folder.recall(signed.zone().apex());
        let kept = kept.unwrap_or_default();
        let chunks = (0..signed.blocks()).map(|block| (block, signed.adopt(block, &kept)));
        (signed.renewed(chunks.collect()).lacking(now).len(), damage)
    }

    fn only_file(folder: &Path) -> PathBuf {
        let files = fs::read_dir(folder.join(FOLDER)).unwrap();
        let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    #[test]
    fn what_is_kept_is_found_again_and_the_file_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let signed = signed("Example.org", 100, NOW);
        assert_eq!(
            lacking(folder.path(), &signed, NOW),
            (signed.blocks(), None)
        );
        let mut files = SignatureFolder::of(folder.path());
        files.keep(&to_keep(&signed, None)).unwrap();
        assert_eq!(lacking(folder.path(), &signed, NOW), (0, None));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = only_file(folder.path());
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        let text = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.starts_with("example.org-"), "{text}");
    }

    #[test]
    fn changes_are_added_and_a_file_never_has_twice_what_it_has_to_hold() {
        let folder = tempfile::tempdir().unwrap();
        let mut signed = signed("example.org", 3000, NOW);
        let mut files = SignatureFolder::of(folder.path());
        files.keep(&to_keep(&signed, None)).unwrap();
        let length = || fs::metadata(only_file(folder.path())).unwrap().len();
        let whole = length();
        let (mut added, mut rewritten) = (0, 0);
        for day in 1..30 {
            let (now, mark, before) = (NOW + day * 86_400, signed.mark(), length());
            signed = renewed(&signed, now);
            files.keep(&to_keep(&signed, Some(mark))).unwrap();
            match length() > before {
                true => added += 1,
                false => rewritten += 1,
            }
            assert!(length() <= 2 * signed.kept_bytes() + ROOM_LEAST);
            assert_eq!(lacking(folder.path(), &signed, now), (0, None));
            assert!(length() >= whole, "{whole}");
        }
        assert!(added > 20 && rewritten > 1, "{added} {rewritten}");
        // A zone that has become small has a small file again.
        let small = super::tests::signed("example.org", 3, NOW);
        files.keep(&to_keep(&small, Some(signed.mark()))).unwrap();
        assert!(length() < ROOM_LEAST, "{}", length());
        assert_eq!(lacking(folder.path(), &small, NOW), (0, None));
    }

    #[test]
    fn a_torn_end_is_no_damage_and_a_flipped_bit_is_told_and_costs_its_frame() {
        let folder = tempfile::tempdir().unwrap();
        let signed = signed("example.org", 200, NOW);
        let mut files = SignatureFolder::of(folder.path());
        files.keep(&to_keep(&signed, None)).unwrap();
        let path = only_file(folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        assert_eq!(lacking(folder.path(), &signed, NOW), (1, None));
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 4;
        fs::write(&path, &flipped).unwrap();
        let (lacks, damage) = lacking(folder.path(), &signed, NOW);
        assert_eq!(lacks, 1);
        assert!(damage.unwrap().contains("is damaged"));
        // Nothing is put behind what is damaged.
        let mut files = SignatureFolder::of(folder.path());
        drop(files.recall(&name("example.org")));
        files.keep(&to_keep(&signed, Some(signed.mark()))).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
        fs::write(&path, "something else").unwrap();
        let (lacks, damage) = lacking(folder.path(), &signed, NOW);
        assert_eq!(lacks, signed.blocks());
        assert!(damage.is_some());
    }

    #[test]
    fn files_of_zones_that_are_gone_are_removed_and_others_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = SignatureFolder::of(folder.path());
        files.retain(&BTreeSet::new());
        for apex in ["one.test", "two.test"] {
            files.keep(&to_keep(&signed(apex, 3, NOW), None)).unwrap();
        }
        let inside = folder.path().join(FOLDER);
        fs::write(inside.join("one.test-1.rrsig.new"), "half").unwrap();
        fs::write(inside.join("notes.txt"), "mine").unwrap();
        files.retain(&BTreeSet::from([name("TWO.test")]));
        let left = fs::read_dir(&inside).unwrap();
        let mut left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left[0], "notes.txt");
        assert!(left[1].to_string_lossy().starts_with("two.test-"));
        assert_eq!(left.len(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_told_and_written_whole_once_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::write(&state, "a file, not a folder").unwrap();
        let signed = signed("example.org", 30, NOW);
        let mut files = SignatureFolder::of(&state);
        let refused = files.keep(&to_keep(&signed, None)).unwrap_err();
        assert!(refused.starts_with("cannot write `"), "{refused}");
        fs::remove_file(&state).unwrap();
        files.keep(&to_keep(&signed, Some(signed.mark()))).unwrap();
        assert_eq!(lacking(&state, &signed, NOW), (0, None));
    }
}
