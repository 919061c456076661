//! Files of keys: read, written, locked.
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use nix::fcntl::{Flock, FlockArg};
use thiserror::Error;

use crate::base::limits::{KEY_FILE_BYTES, KEY_TRIES};
use crate::dns::Name;
use crate::dns::dnssec::bind::{self, KeyTimes};
use crate::dns::dnssec::key::{FLAGS_ENTRY, FLAGS_ZONE, RsaSize};
use crate::dns::dnssec::{Algorithm, PrivateKey, PublicKey, pkcs8};
use crate::keys::{Key, KeyId, Ring, Role, Time};

/// Bits of a mode that give anything to anybody but the owner.
const OTHERS: u32 = 0o077;

/// What is wrong with a file of keys, or with their folder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {reason}", path.display())]
pub struct KeysError {
    /// Which file.
    pub path: PathBuf,
    /// Why, and what to do about it.
    pub reason: String,
}

/// The files of one zone in its folder of keys.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    zone: Name,
}

/// The same, while nobody else may change them.
#[derive(Debug)]
pub struct Locked<'s> {
    store: &'s Store,
    _lock: Flock<File>,
}

/// A key that comes from elsewhere.
#[derive(Debug)]
pub struct Brought {
    /// The key.
    pub key: PrivateKey,
    /// Whose it is, if its files say so.
    pub zone: Option<Name>,
    /// The times of its files.
    pub times: KeyTimes,
}

impl Store {
    /// The keys of `zone` in `folder`.
    #[must_use]
    pub fn new(folder: &Path, zone: &Name) -> Self {
        Self {
            folder: folder.to_owned(),
            zone: zone.clone(),
        }
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    /// Where the state is.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        let name = bind::file_zone(&self.zone);
        self.folder.join(format!("{name}state"))
    }

    /// Where a key's file with this ending is.
    #[must_use]
    pub fn key_path(&self, id: KeyId, ending: &str) -> PathBuf {
        let stem = bind::file_stem(&self.zone, id.algorithm, id.tag);
        self.folder.join(format!("{stem}.{ending}"))
    }

    /// What is remembered; an empty ring where there is no state yet.
    ///
    /// # Errors
    /// When there is a state that cannot be read.
    pub fn ring(&self) -> Result<Ring, KeysError> {
        let path = self.state_path();
        // What cannot be looked at is not taken for what is not there.
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Ok(Ring::default()),
            Err(error) => return Err(refuse(&path, error.to_string())),
        }
        let text = read_text(&path)?;
        serde_json::from_str(&text).map_err(|error| KeysError {
            reason: format!("is not a state of keys ({error}); bring it back from a backup"),
            path,
        })
    }

    /// A key with its secret.
    ///
    /// # Errors
    /// When a file is missing, not well, open to others, or when the two do not belong together.
    pub fn key(&self, id: KeyId) -> Result<PrivateKey, KeysError> {
        let brought = bring_pair(&self.key_path(id, "key"), &self.key_path(id, "private"))?;
        let public = brought.key.public();
        if (public.tag(), public.algorithm) != (id.tag, id.algorithm) {
            let reason = format!("holds key {}, not what its name says", public.tag());
            return Err(refuse(&self.key_path(id, "key"), reason));
        }
        Ok(brought.key)
    }

    /// A key without its secret.
    ///
    /// # Errors
    /// When its file is missing or not well.
    pub fn public(&self, id: KeyId) -> Result<PublicKey, KeysError> {
        let path = self.key_path(id, "key");
        read_public(&path).map(|(_, key)| key)
    }

    /// Private files of the zone that the state does not name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn strays(&self, ring: &Ring) -> Result<Vec<PathBuf>, KeysError> {
        let known: Vec<PathBuf> = ring
            .keys
            .iter()
            .map(|key| self.key_path(key.id, "private"))
            .collect();
        let mut found = self.private_files()?;
        found.retain(|path| !known.contains(path));
        Ok(found)
    }

    /// The keys whose files are here, whether the state names them or not, with their prints.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn held(&self) -> Result<BTreeSet<(KeyId, u64)>, KeysError> {
        let files = self.private_files()?;
        let keys = files.iter().filter_map(|path| {
            let (_, key) = read_public(&path.with_extension("key")).ok()?;
            let id = KeyId {
                tag: key.tag(),
                algorithm: key.algorithm,
            };
            Some((id, key.print()))
        });
        Ok(keys.collect())
    }

    /// The secret of a key, as other nodes are given it.
    ///
    /// # Errors
    /// As [`Store::key`], and when it cannot be written.
    pub fn secret(&self, id: KeyId) -> Result<String, KeysError> {
        let text = bind::write_private(&self.key(id)?, &KeyTimes::default());
        let path = self.key_path(id, "private");
        text.ok_or_else(|| refuse(&path, "cannot be written as text".to_owned()))
    }

    /// Keeps a key that another node gives, beside the state, which does not name it yet.
    ///
    /// # Errors
    /// When it is not the key that it is said to be, or cannot be written.
    pub fn keep(&self, key: &Key, print: u64, secret: &str) -> Result<(), KeysError> {
        let path = self.key_path(key.id, "private");
        let failed = |error: String| refuse(&path, error);
        let file = bind::read_private(secret).map_err(|error| failed(error.to_string()))?;
        let made = PrivateKey::from_material(flags(key.role), &file.material);
        let made = made.map_err(|error| failed(error.to_string()))?;
        if made.public().print() != print {
            return Err(failed(
                "is another key than the node that gives it says".to_owned(),
            ));
        }
        let times = KeyTimes {
            created: Some(key.created.0),
            ..KeyTimes::default()
        };
        let locked = self.lock()?;
        if path.exists() && !self.key_path(key.id, "key").exists() {
            // A crash came between its two files.
            fs::remove_file(&path).map_err(|error| failed(error.to_string()))?;
        }
        locked.write(&made, key.role, &times, key.created)?;
        Ok(())
    }

    /// Waits until nobody else works here. The folder is made if it is not there, for its owner
    /// alone.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn lock(&self) -> Result<Locked<'_>, KeysError> {
        let failed = |error: std::io::Error| refuse(&self.folder, error.to_string());
        if !self.folder.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(&self.folder).map_err(failed)?;
        }
        let folder = File::open(&self.folder).map_err(failed)?;
        let lock = Flock::lock(folder, FlockArg::LockExclusive)
            .map_err(|(_, error)| refuse(&self.folder, error.to_string()))?;
        Ok(Locked {
            store: self,
            _lock: lock,
        })
    }

    fn private_files(&self) -> Result<Vec<PathBuf>, KeysError> {
        let start = format!("K{}+", bind::file_zone(&self.zone));
        let mut found = Vec::new();
        if !self.folder.is_dir() {
            return Ok(found);
        }
        let failed = |error: std::io::Error| refuse(&self.folder, error.to_string());
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(&start) && name.ends_with(".private")) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Locked<'_> {
    /// What is remembered.
    ///
    /// # Errors
    /// As [`Store::ring`].
    pub fn ring(&self) -> Result<Ring, KeysError> {
        self.store.ring()
    }

    /// Remembers a ring.
    ///
    /// # Errors
    /// When the file cannot be written; then the old one is still there.
    pub fn save(&self, ring: &Ring) -> Result<(), KeysError> {
        let path = self.store.state_path();
        let failed = |error: String| refuse(&path, error);
        let mut text =
            serde_json::to_string_pretty(ring).map_err(|error| failed(error.to_string()))?;
        text.push('\n');
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let _ = fs::remove_file(&beside); // A crash may have left it; under the lock it is nobody's.
        write_new(&beside, &text, 0o600)?;
        fs::rename(&beside, &path).map_err(|error| failed(error.to_string()))?;
        self.sync()
    }

    /// Makes a key and writes its files; the state does not name it yet. Its tag is that of no
    /// other key of the zone.
    ///
    /// # Errors
    /// When no key could be made or written.
    pub fn make(
        &self,
        role: Role,
        algorithm: Algorithm,
        size: RsaSize,
        now: Time,
    ) -> Result<Key, KeysError> {
        let failed = |reason: &str| refuse(&self.store.folder, reason.to_owned());
        for _ in 0..KEY_TRIES {
            let flags = flags(role);
            let key = match algorithm {
                Algorithm::RsaSha256 => PrivateKey::generate_rsa(flags, size),
                Algorithm::EcdsaP256 | Algorithm::Ed25519 => {
                    let mut random = [0; 32];
                    rand::fill(&mut random)
                        .map_err(|_| failed("the system gives no random octets"))?;
                    PrivateKey::generate(algorithm, flags, random)
                }
            };
            let Ok(key) = key else { continue };
            if self.is_taken(key.public().tag())? {
                continue;
            }
            let times = KeyTimes {
                created: Some(now.0),
                ..KeyTimes::default()
            };
            return self.write(&key, role, &times, now);
        }
        Err(failed("no new key could be made"))
    }

    /// Writes the files of a key; never over files that are there.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written.
    pub fn write(
        &self,
        key: &PrivateKey,
        role: Role,
        times: &KeyTimes,
        now: Time,
    ) -> Result<Key, KeysError> {
        let public = key.public();
        let id = KeyId {
            tag: public.tag(),
            algorithm: public.algorithm,
        };
        let path = self.store.key_path(id, "private");
        let private = bind::write_private(key, times);
        let private = private.ok_or_else(|| refuse(&path, "the key cannot be written".into()))?;
        write_new(&path, &private, 0o600)?;
        let public = bind::write_public(&self.store.zone, public, times);
        write_new(&self.store.key_path(id, "key"), &public, 0o644)?;
        self.sync()?;
        Ok(Key::new(id, role, now))
    }

    /// Whether a key of the zone has this tag, in use or not, of whatever algorithm.
    fn is_taken(&self, tag: u16) -> Result<bool, KeysError> {
        let ending = format!("+{tag:05}.private");
        let files = self.store.private_files()?;
        let mut names = files.iter().filter_map(|path| path.file_name()?.to_str());
        let remembered = self.ring()?.keys.iter().any(|key| key.id.tag == tag);
        Ok(remembered || names.any(|name| name.ends_with(&ending)))
    }

    /// What was renamed or made in the folder outlives a loss of power.
    fn sync(&self) -> Result<(), KeysError> {
        let folder = File::open(&self.store.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|error| refuse(&self.store.folder, error.to_string()))
    }
}

impl Brought {
    /// Reads a key from elsewhere: a `.key` or `.private` file of BIND (the other lies beside
    /// it), or a file in PKCS #8 PEM, which does not say what the key is for.
    ///
    /// # Errors
    /// When a file is missing, not well, open to others, or holds no key of ours.
    pub fn read(path: &Path, role: Role) -> Result<Self, KeysError> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("key" | "private")) {
            return bring_pair(&path.with_extension("key"), &path.with_extension("private"));
        }
        let text = read_private_text(path)?;
        if !pkcs8::is_pem(&text) {
            let reason = "is neither a `.private` file of BIND nor a key in PKCS #8 PEM";
            return Err(refuse(path, reason.to_owned()));
        }
        let material = pkcs8::read(&text).map_err(|error| refuse(path, error.to_string()))?;
        let key = PrivateKey::from_material(flags(role), &material);
        Ok(Self {
            key: key.map_err(|error| refuse(path, error.to_string()))?,
            zone: None,
            times: KeyTimes::default(),
        })
    }
}

const fn flags(role: Role) -> u16 {
    match role {
        Role::Ksk | Role::Csk => FLAGS_ENTRY,
        Role::Zsk => FLAGS_ZONE,
    }
}

fn bring_pair(public_path: &Path, private_path: &Path) -> Result<Brought, KeysError> {
    let (zone, public) = read_public(public_path)?;
    let text = read_private_text(private_path)?;
    let failed = |error: String| refuse(private_path, error);
    let file = bind::read_private(&text).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKey::from_material(public.flags, &file.material);
    let key = key.map_err(|error| failed(error.to_string()))?;
    if *key.public() != public {
        let reason = format!("is not the secret of the key in {}", public_path.display());
        return Err(failed(reason));
    }
    Ok(Brought {
        key,
        zone: Some(zone),
        times: file.times,
    })
}

fn read_public(path: &Path) -> Result<(Name, PublicKey), KeysError> {
    let text = read_text(path)?;
    bind::read_public(&text).map_err(|error| refuse(path, error.to_string()))
}

fn refuse(path: &Path, reason: String) -> KeysError {
    KeysError {
        path: path.to_owned(),
        reason,
    }
}

/// The text of a file that nobody but its owner may read or change.
fn read_private_text(path: &Path) -> Result<String, KeysError> {
    let metadata = fs::metadata(path).map_err(|error| refuse(path, error.to_string()))?;
    let open = metadata.mode() & OTHERS;
    if open != 0 {
        let mode = metadata.mode() & 0o777;
        let reason = format!(
            "is open to others (mode {mode:04o}); run `chmod 600` on it, and roll the key if \
             somebody may have read it"
        );
        return Err(refuse(path, reason));
    }
    read_text(path)
}

fn read_text(path: &Path) -> Result<String, KeysError> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| refuse(path, error.to_string()))?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Err(refuse(path, "is not a regular file".to_owned()));
    }
    let read = file.take(KEY_FILE_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| refuse(path, error.to_string()))?;
    match text.len() as u64 > KEY_FILE_BYTES {
        true => Err(refuse(
            path,
            format!("is larger than {KEY_FILE_BYTES} bytes"),
        )),
        false => Ok(text),
    }
}

/// Writes a file that was not there, so that a crash leaves all of it or none that counts.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), KeysError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(
        |error| match error.kind() == std::io::ErrorKind::AlreadyExists {
            true => refuse(
                path,
                "is there already, and no key is written over another".to_owned(),
            ),
            false => refuse(path, error.to_string()),
        },
    )
}
