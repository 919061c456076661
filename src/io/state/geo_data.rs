//! Geo databases as they were compiled last, so that a start need not compile them again.
//!
//! ```text
//! state/geo/NAME.geo    NAME: a hash of the path of the database's file
//!   MAGIC | digest of the file u64 | what the file system said of it, 7 x i64 | checksum of that u64
//!   the compiled form ([`Database::compiled`])
//! ```
//!
//! What is kept is what the file says, and not what a config makes of it: so no claim, override or region of the config can
//! be served by data that was compiled for another. The sorting by claims is done at each start; it costs a fraction.
//!
//! **When it is used.** If the file system says of the file what it said when it was compiled (size, inode, device, times of
//! content and inode), the file is not read at all: that is what makes a start fast. Where it says something else (a copy, a
//! container made anew), the file is read, and its digest decides. A file that changes while all of that stays as it was
//! needs a clock set back or a disk written from outside; a server that starts then answers by the file before, as it would
//! have without a restart, until [`verify`] has read the file beside the answers, a moment later. Then what is kept goes, and
//! the config is read again.
//!
//! **When it is not.** What is of another version, damaged, or for another content counts as absent, and is written
//! anew. A damaged one is told. It is read into memory, and not mapped: the program forbids unsafe code, a mapping that is
//! safe would have to promise that nobody truncates the file meanwhile, and reading costs 1 ms for 4 MB of it.
//!
//! **What it may cost.** [`GEO_FILES_KEPT`] files of at most [`GEO_FILE_KEPT_BYTES`]; those that were used longest ago go.
//! A disk that takes nothing costs only this. It does not know when to write; that is the reader's of the config.
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use crate::base::HashKey;
use crate::base::limits::{GEO_FILE_KEPT_BYTES, GEO_FILES_KEPT};
use crate::config::ReadyGeo;
use crate::geo::{Database, FileDigest};
use crate::io::keep;

/// The first octets of a file of this version.
const MAGIC: &[u8; 16] = b"waypost kept 001";
/// Octets in front of the compiled form.
const HEAD: usize = MAGIC.len() + 8 + MARK + 8;
/// Octets of a mark.
const MARK: usize = 7 * 8;

/// A geo database's file as it was found, and what is kept of it.
#[derive(Clone, Debug)]
pub struct GeoData {
    /// The file.
    pub source: PathBuf,
    /// The file in which what is compiled of it is kept.
    pub kept: PathBuf,
    /// The way in which the database has come.
    pub origin: GeoOrigin,
    /// The damage of what was kept, if there is any.
    pub damage: Option<String>,
    /// The file system's word on the file before it was read; None if there is none.
    mark: Option<[u8; MARK]>,
}

/// The way in which a database has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeoOrigin {
    /// From its file.
    File,
    /// From what was kept of a file of this digest, which the present one is by its digest.
    SameContent(u64),
    /// From what was kept of a file of this digest, which the present one is by what the file system says.
    SameFile(u64),
}

/// The outcome of a look at the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeoVerdict {
    /// It is what was compiled.
    Same,
    /// It is not, though the file system says so.
    Other,
    /// It has changed since; whoever watches it has seen that.
    Moved,
}

/// The octets in front of a database that is kept, taken apart.
struct KeptHead {
    digest: u64,
    mark: [u8; MARK],
}

impl GeoData {
    /// Looks for what is kept of a file under a folder of state, and takes it up if the file system says that the file is
    /// the same.
    #[must_use]
    pub fn find(state: &Path, source: &Path) -> (Self, Option<ReadyGeo>) {
        let mut found = Self {
            source: source.to_owned(),
            kept: kept_path(state, source),
            origin: GeoOrigin::File,
            damage: None,
            mark: fs::metadata(source).ok().as_ref().map(mark_of),
        };
        let Some(mark) = found.mark else {
            return (found, None);
        };
        let ready = match read_head(&found.kept) {
            Ok(Some((file, head))) if head.mark == mark => found.take_up(file, &head),
            Ok(_) => None,
            Err(why) => {
                found.damage = Some(why);
                None
            }
        };
        found.origin = ready
            .as_ref()
            .map_or(GeoOrigin::File, |ready| GeoOrigin::SameFile(ready.digest));
        (found, ready)
    }

    /// Takes up what is kept, if it was compiled from these octets.
    pub fn find_by_content(&mut self, octets: &[u8]) -> Option<ReadyGeo> {
        // What is damaged has been told.
        let (file, head) = read_head(&self.kept).ok()??;
        if head.digest != FileDigest::of(octets) {
            return None;
        }
        let ready = self.take_up(file, &head)?;
        self.origin = GeoOrigin::SameContent(ready.digest);
        Some(ready)
    }

    fn take_up(&mut self, file: File, head: &KeptHead) -> Option<ReadyGeo> {
        let taken = read_rest(file).and_then(|octets| {
            Database::take_up(octets).ok_or_else(|| "it is not what was written".to_owned())
        });
        match taken {
            Ok(database) => Some(ReadyGeo {
                database,
                digest: head.digest,
            }),
            Err(why) => {
                self.damage = Some(why);
                None
            }
        }
    }

    /// Tells whether two looks were at one file, as far as the file system knows.
    #[must_use]
    pub fn is_of_same_file(&self, other: &Self) -> bool {
        self.mark.is_some() && (&self.source, &self.mark) == (&other.source, &other.mark)
    }

    /// Keeps what was compiled of the file, which is read once more for its digest; how many octets that is, or None if
    /// the file has changed since.
    ///
    /// # Errors
    /// The reason why it cannot be kept.
    pub fn keep(&self, database: &Database) -> Result<Option<usize>, String> {
        let say = |error: &dyn std::fmt::Display| {
            format!("cannot write `{}`: {error}", self.kept.display())
        };
        let Some((mark, digest)) = self.digest_if_unmoved()? else {
            return Ok(None);
        };
        let compiled = database.compiled();
        let compiled = compiled.filter(|own| (own.len() + HEAD) as u64 <= GEO_FILE_KEPT_BYTES);
        let compiled = compiled
            .ok_or_else(|| say(&format!("it is larger than {GEO_FILE_KEPT_BYTES} bytes")))?;
        let octets = [&head(digest, &mark)[..], &compiled].concat();
        drop(compiled);
        keep::replace(&self.kept, &octets).map_err(|error| say(&error))?;
        forget_oldest(&self.kept);
        Ok(Some(octets.len()))
    }

    /// Looks whether a file that was taken for the same is.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    pub fn verify(&self) -> Result<GeoVerdict, String> {
        let known = match self.origin {
            GeoOrigin::File => return Ok(GeoVerdict::Same),
            GeoOrigin::SameContent(digest) | GeoOrigin::SameFile(digest) => digest,
        };
        Ok(match self.digest_if_unmoved()? {
            None => GeoVerdict::Moved,
            Some((_, digest)) if digest == known => GeoVerdict::Same,
            Some(_) => GeoVerdict::Other,
        })
    }

    /// Forgets what is kept.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        fs::remove_file(&self.kept)
    }

    /// The digest of the file, if it is as it was found before it was read and after.
    fn digest_if_unmoved(&self) -> Result<Option<([u8; MARK], u64)>, String> {
        let say = |error: io::Error| format!("cannot read `{}`: {error}", self.source.display());
        let Some(mark) = self.mark else {
            return Ok(None);
        };
        let digest = digest_of(&self.source).map_err(say)?;
        let now = fs::metadata(&self.source).map_err(say)?;
        Ok((mark_of(&now) == mark).then_some((mark, digest)))
    }
}

/// The name under which what is compiled of a file is kept.
fn kept_path(state: &Path, source: &Path) -> PathBuf {
    let source = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
    let name = HashKey::from_secret(b"geo").hash(source.as_os_str().as_encoded_bytes());
    state.join(FOLDER).join(format!("{name:016x}.geo"))
}

/// Name of the folder in that of the state.
const FOLDER: &str = "geo";

/// Marks that tell one content of a file from another, as far as the file system knows.
fn mark_of(metadata: &Metadata) -> [u8; MARK] {
    let numbers = [
        metadata.size(),
        metadata.ino(),
        metadata.dev(),
        metadata.mtime().cast_unsigned(),
        metadata.mtime_nsec().cast_unsigned(),
        metadata.ctime().cast_unsigned(),
        metadata.ctime_nsec().cast_unsigned(),
    ];
    let mut mark = [0; MARK];
    for (octets, number) in mark.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
        *octets = number.to_le_bytes();
    }
    mark
}

fn head(digest: u64, mark: &[u8; MARK]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(digest.to_le_bytes());
    head.extend(mark);
    let sum = HashKey::from_secret(MAGIC).hash(&head);
    head.extend(sum.to_le_bytes());
    head
}

/// Opens what is kept; None when there is none, or one of another version.
fn read_head(path: &Path) -> Result<Option<(File, KeptHead)>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut octets = [0; HEAD];
    file.read_exact(&mut octets)
        .map_err(|error| error.to_string())?;
    let (magic, rest) = octets.split_at(MAGIC.len());
    if magic != MAGIC {
        return Ok(None);
    }
    let digest = rest.first_chunk().map(|own| u64::from_le_bytes(*own));
    let mark = rest[8..].first_chunk().copied();
    let (Some(digest), Some(mark)) = (digest, mark) else {
        return Ok(None);
    };
    if head(digest, &mark) != octets {
        return Err("its head is not what was written".to_owned());
    }
    Ok(Some((file, KeptHead { digest, mark })))
}

fn read_rest(mut file: File) -> Result<Bytes, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length > GEO_FILE_KEPT_BYTES {
        return Err(format!("it is larger than {GEO_FILE_KEPT_BYTES} bytes"));
    }
    let mut octets = Vec::new();
    let room = usize::try_from(length).unwrap_or(0);
    let reserved = octets.try_reserve_exact(room);
    reserved.map_err(|error| error.to_string())?;
    file.read_to_end(&mut octets)
        .map_err(|error| error.to_string())?;
    Ok(octets.into())
}

/// The digest of a file, of which one piece is held at a time.
fn digest_of(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let (mut digest, mut piece) = (FileDigest::start(), Vec::with_capacity(FileDigest::PIECE));
    loop {
        piece.clear();
        (&mut file)
            .take(FileDigest::PIECE as u64)
            .read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(digest.end());
        }
        digest = digest.piece(&piece);
    }
}

/// Removes what was written longest ago, where there is more than may be kept.
fn forget_oldest(newest: &Path) {
    let Some(folder) = newest.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
        return;
    };
    let written = |path: &Path| fs::metadata(path).and_then(|own| own.modified());
    let mut others: Vec<(SystemTime, PathBuf)> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path != newest)
        .map(|path| (written(&path).unwrap_or(SystemTime::UNIX_EPOCH), path))
        .collect();
    others.sort();
    let past = (others.len() + 1).saturating_sub(GEO_FILES_KEPT);
    for (_, path) in others.into_iter().take(past) {
        // What cannot be removed is tried again when the next is written.
        drop(fs::remove_file(path));
    }
}
