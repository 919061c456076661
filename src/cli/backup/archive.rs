//! The archive: files in tar and gzip, and a manifest behind them with their digests.
//!
//! It is read from its beginning to its end, one file in memory at a time. An archive that was cut off has no manifest; one whose files
//! are not those of the manifest, to the octet, is refused.
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use aws_lc_rs::digest;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use nix::unistd::{Gid, Group, Uid, User};
use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header};

use super::sources::{BackupPart, BackupSources};
use crate::base::shown;
use crate::daemon::Failure;
use crate::io::clock::Clock;

/// Name of the last entry.
const MANIFEST: &str = "waypost-backup.json";
/// The form of the archive that is written, and read.
const FORMAT: u32 = 1;

/// The contents of an archive, and where they are from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Of the program that has written it.
    pub(super) version: String,
    /// Seconds since 1970.
    #[serde(with = "shown::utc")]
    pub(super) made_at: u64,
    /// Name of the machine.
    pub(super) host: String,
    /// The config, by its path there.
    pub(super) config: PathBuf,
    /// Folders of state and keys.
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) files: Vec<SavedFile>,
}

/// A file of the archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedFile {
    /// Its path, from the root.
    pub(super) path: PathBuf,
    pub(super) part: BackupPart,
    pub(super) octets: u64,
    sha256: String,
}

/// A file or folder as it stands in the archive.
#[derive(Debug)]
pub(super) struct ArchiveEntry {
    /// Its path, from the root.
    pub(super) path: PathBuf,
    /// Permissions.
    pub(super) mode: u32,
    /// User and group, by name where this system has the name, otherwise by number.
    pub(super) owner: (Uid, Gid),
    /// Nothing for a folder.
    pub(super) content: Option<Vec<u8>>,
}

/// Writes an archive. A file that goes away meanwhile is omitted.
///
/// # Errors
/// A file cannot be read, or the archive not be written.
pub(super) fn write(sources: &BackupSources, out: impl Write) -> Result<Manifest, Failure> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: Clock::start().wall_seconds(),
        host: host.trim().to_owned(),
        config: sources.config.clone(),
        folders: sources.folders.clone(),
        files: Vec::new(),
    };
    let mut archive = Builder::new(GzEncoder::new(out, Compression::default()));
    let folders = sources.files.keys().chain(&sources.folders);
    let folders = folders.flat_map(|path| path.ancestors().skip(1));
    let folders: BTreeSet<&Path> = folders
        .chain(sources.folders.iter().map(PathBuf::as_path))
        .collect();
    let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    for folder in folders.into_iter().filter(|own| own.parent().is_some()) {
        let metadata = fs::metadata(folder).map_err(|error| failed(folder, error))?;
        append(
            &mut archive,
            folder,
            &header(&metadata, EntryType::Directory),
            &[],
        )?;
    }
    for (path, part) in &sources.files {
        let (metadata, content) = match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(|error| failed(path, error))?,
        };
        append(
            &mut archive,
            path,
            &header(&metadata, EntryType::Regular),
            &content,
        )?;
        manifest.files.push(SavedFile {
            path: path.clone(),
            part: *part,
            octets: content.len() as u64,
            sha256: sha256(&content),
        });
    }
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| error.to_string())?;
    let mut own = Header::new_gnu();
    own.set_mode(0o600);
    own.set_uid(Uid::current().as_raw().into());
    own.set_gid(Gid::current().as_raw().into());
    own.set_mtime(manifest.made_at);
    append(&mut archive, Path::new(MANIFEST), &own, &text)?;
    let gzip = archive.into_inner().map_err(|error| error.to_string())?;
    gzip.finish().map_err(|error| error.to_string())?;
    Ok(manifest)
}

fn read(path: &Path) -> io::Result<(Metadata, Vec<u8>)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok((metadata, content))
}

fn header(metadata: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    // A name that is too long for the header is left to the number.
    if let Ok(Some(user)) = User::from_uid(Uid::from_raw(metadata.uid())) {
        let _ = header.set_username(&user.name);
    }
    if let Ok(Some(group)) = Group::from_gid(Gid::from_raw(metadata.gid())) {
        let _ = header.set_groupname(&group.name);
    }
    header
}

fn append(
    archive: &mut Builder<impl Write>,
    path: &Path,
    header: &Header,
    content: &[u8],
) -> Result<(), Failure> {
    let mut header = header.clone();
    header.set_size(content.len() as u64);
    let name = path.strip_prefix("/").unwrap_or(path);
    let done = archive.append_data(&mut header, name, content);
    done.map_err(|error| format!("cannot write the archive: {error}"))
}

/// Reads the whole archive, and compares each file with its digest.
///
/// # Errors
/// It is no archive of `waypost backup`, or not as it was written.
pub(super) fn verify(archive: &Path) -> Result<Manifest, Failure> {
    let mut found: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut manifest = None;
    each(archive, |entry| {
        if let Some(content) = entry.content {
            match entry.path == Path::new("/").join(MANIFEST) {
                true => manifest = Some(content),
                false => drop(found.insert(entry.path, sha256(&content))),
            }
        }
        Ok(())
    })?;
    let named = |what: &str| format!("{}: {what}", archive.display());
    let text = manifest
        .ok_or_else(|| named("is no whole archive of `waypost backup`: it has no manifest"))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| named(&format!("has a manifest that cannot be read: {error}")))?;
    if manifest.format != FORMAT {
        return Err(named(
            "was written by a newer waypost: restore it with that one",
        ));
    }
    for file in &manifest.files {
        let is_same = found
            .remove(&file.path)
            .is_some_and(|own| own == file.sha256);
        if !is_same {
            return Err(named(&format!(
                "`{}` is not as it was saved",
                file.path.display()
            )));
        }
    }
    match found.keys().next() {
        Some(path) => Err(named(&format!(
            "`{}` is not in the manifest",
            path.display()
        ))),
        None => Ok(manifest),
    }
}

/// Goes through the entries of an archive.
///
/// # Errors
/// It cannot be read, holds something else than files and folders, or what is done with an entry fails.
pub(super) fn each(
    archive: &Path,
    mut take: impl FnMut(ArchiveEntry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| format!("{}: {error}", archive.display());
    let file = File::open(archive).map_err(failed)?;
    let mut reader = tar::Archive::new(GzDecoder::new(file));
    for entry in reader.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = entry.path().map_err(failed)?.into_owned();
        let is_plain = name
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let kind = entry.header().entry_type();
        if !is_plain || !(kind.is_file() || kind.is_dir()) {
            return Err(format!(
                "{}: `{}` is no file or folder of a backup",
                archive.display(),
                name.display()
            ));
        }
        let mut content = None;
        if kind.is_file() {
            let mut octets = Vec::new();
            entry.read_to_end(&mut octets).map_err(failed)?;
            content = Some(octets);
        }
        take(ArchiveEntry {
            path: Path::new("/").join(name),
            mode: entry.header().mode().map_err(failed)?,
            owner: owner(entry.header()).map_err(failed)?,
            content,
        })?;
    }
    Ok(())
}

fn owner(header: &Header) -> io::Result<(Uid, Gid)> {
    let number = |id: u64| u32::try_from(id).map_err(io::Error::other);
    let name = |name: Result<Option<&str>, _>| name.ok().flatten().map(str::to_owned);
    let user = name(header.username()).and_then(|own| User::from_name(&own).ok().flatten());
    let group = name(header.groupname()).and_then(|own| Group::from_name(&own).ok().flatten());
    let uid = user.map_or(Uid::from_raw(number(header.uid()?)?), |own| own.uid);
    let gid = group.map_or(Gid::from_raw(number(header.gid()?)?), |own| own.gid);
    Ok((uid, gid))
}

fn sha256(octets: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, octets);
    let digits = hash.as_ref().iter().map(|octet| format!("{octet:02x}"));
    digits.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A folder with a config and a folder of state, and an archive of them beside it.
    pub(in crate::cli::backup) fn saved() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        fs::create_dir(at("state")).unwrap();
        fs::write(at("config.toml"), "listen = 53").unwrap();
        fs::write(at("state/health.log"), "drain fra-one").unwrap();
        let sources = BackupSources {
            config: at("config.toml"),
            folders: [at("state")].into(),
            files: [
                (at("config.toml"), BackupPart::Config),
                (at("state/health.log"), BackupPart::State),
                (at("gone"), BackupPart::State),
            ]
            .into(),
        };
        let archive = at("archive");
        let manifest = write(&sources, File::create(&archive).unwrap()).unwrap();
        assert_eq!(manifest.files.len(), 2, "a file that is gone is omitted");
        (folder, archive)
    }

    /// Alters the octets that are packed.
    fn repack(archive: &Path, alter: impl Fn(Vec<u8>) -> Vec<u8>) {
        let mut octets = Vec::new();
        GzDecoder::new(File::open(archive).unwrap())
            .read_to_end(&mut octets)
            .unwrap();
        let mut gzip = GzEncoder::new(File::create(archive).unwrap(), Compression::fast());
        gzip.write_all(&alter(octets)).unwrap();
        gzip.finish().unwrap();
    }

    #[test]
    fn an_archive_says_what_it_holds_and_who_may_read_it() {
        let (folder, archive) = saved();
        let manifest = verify(&archive).unwrap();
        let found: Vec<_> = manifest
            .files
            .iter()
            .map(|own| (own.part, own.octets))
            .collect();
        assert_eq!(found, [(BackupPart::Config, 11), (BackupPart::State, 13)]);
        let mut modes = BTreeMap::new();
        each(&archive, |entry| {
            modes.insert(entry.path, (entry.mode, entry.owner.0));
            Ok(())
        })
        .unwrap();
        let state = folder.path().canonicalize().unwrap().join("state");
        let mode = fs::metadata(&state).unwrap().mode() & 0o7777;
        assert_eq!(modes[&state], (mode, Uid::current()));
    }

    #[test]
    fn an_archive_that_is_not_as_it_was_written_is_refused() {
        let (_folder, archive) = saved();
        repack(&archive, |mut octets| {
            let place = octets.windows(5).position(|own| own == b"drain").unwrap();
            octets[place] = b'D';
            octets
        });
        let why = verify(&archive).unwrap_err();
        assert!(why.contains("health.log` is not as it was saved"), "{why}");
        let (_folder, archive) = saved();
        repack(&archive, |octets| octets[..octets.len() / 2].to_vec());
        assert!(verify(&archive).is_err());
        repack(&archive, |_| vec![0; 1024]);
        let why = verify(&archive).unwrap_err();
        assert!(why.contains("no manifest"), "{why}");
    }

    #[test]
    fn a_path_that_leads_out_of_the_place_is_refused() {
        let (_folder, archive) = saved();
        let mut header = Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o600);
        let name = b"a/../../etc/passwd";
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_cksum();
        repack(&archive, |octets| [header.as_bytes(), &octets[..]].concat());
        let why = verify(&archive).unwrap_err();
        assert!(why.contains("no file or folder of a backup"), "{why}");
    }
}
