//! Root's privileges, given up once every port is open.
//!
//! The process becomes the user of `[server] user`, with that user's groups. What it keeps is the right to open ports below 1024
//! (CAP_NET_BIND_SERVICE), so that a program that takes over, or a config with another address, can; it is handed on to
//! programs that this one starts (ambient). Nothing that it starts can gain anything (`no_new_privs`).
//!
//! Capabilities belong to a thread, and new threads inherit them: so this is called before any is started.
//!
//! Not known here: which files the server needs; the caller names them, to be looked at afterwards.
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;

use caps::{CapSet, Capability};
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setresgid, setresuid};

/// The capabilities that are kept.
const KEPT: [Capability; 1] = [Capability::CAP_NET_BIND_SERVICE];

/// The user that a server is to run as.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    groups_of: std::ffi::CString,
}

/// The outcome of giving up root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootDropped {
    /// They were given up.
    Now,
    /// The process is that user already.
    Before,
    /// It is another user, and cannot become this one.
    Other,
}

impl Account {
    /// Finds a user of this system.
    ///
    /// # Errors
    /// When there is none of this name; for a person.
    pub fn find(name: &str) -> Result<Self, String> {
        let found = User::from_name(name).map_err(|error| error.to_string())?;
        let user = found.ok_or_else(|| {
            format!("[server] user: this system has no user `{name}`; make it with `useradd --system {name}`")
        })?;
        let groups_of = std::ffi::CString::new(user.name.clone());
        Ok(Self {
            groups_of: groups_of.map_err(|error| error.to_string())?,
            name: user.name,
            uid: user.uid,
            gid: user.gid,
        })
    }

    /// Has this user own a folder and what root has written there; the folder is made if it is not there. Does nothing
    /// for whoever is not root.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn own(&self, folder: &Path) -> io::Result<()> {
        if !geteuid().is_root() {
            return Ok(());
        }
        if !folder.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        self.own_below(folder)
    }

    fn own_below(&self, path: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(path)?;
        // A link may lead anywhere, and what another user has is that user's.
        if found.is_symlink() || found.uid() != 0 && found.uid() != self.uid.as_raw() {
            return Ok(());
        }
        if found.uid() == 0 {
            chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))?;
        }
        if found.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own_below(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// Becomes this user, for good.
    ///
    /// # Errors
    /// When root cannot; for a person.
    pub fn become_it(&self) -> Result<RootDropped, String> {
        if geteuid() == self.uid {
            return Ok(RootDropped::Before);
        }
        if !geteuid().is_root() {
            return Ok(RootDropped::Other);
        }
        let refused = |what: &str, why: &dyn std::fmt::Display| {
            format!("cannot give up root for `{}`: {what}: {why}", self.name)
        };
        nix::sys::prctl::set_keepcaps(true).map_err(|why| refused("keeping capabilities", &why))?;
        initgroups(&self.groups_of, self.gid).map_err(|why| refused("groups", &why))?;
        setresgid(self.gid, self.gid, self.gid).map_err(|why| refused("group", &why))?;
        setresuid(self.uid, self.uid, self.uid).map_err(|why| refused("user", &why))?;
        keep().map_err(|why| refused("capabilities", &why))?;
        nix::sys::prctl::set_no_new_privs().map_err(|why| refused("no_new_privs", &why))?;
        Ok(RootDropped::Now)
    }

    /// Sees whether files can be read by whoever this process is now.
    ///
    /// # Errors
    /// Names the first that cannot, and what to do.
    pub fn check_readable<'p>(&self, files: impl Iterator<Item = &'p Path>) -> Result<(), String> {
        for path in files {
            if let Err(error) = File::open(path).map(drop)
                && error.kind() == io::ErrorKind::PermissionDenied
            {
                return Err(format!(
                    "`{}` cannot be read by the user `{}` of [server] user ({error}); a reload would fail: let that user read it, with `chgrp` and `chmod g+r`",
                    path.display(),
                    self.name,
                ));
            }
        }
        Ok(())
    }

    /// Sees whether a folder can be written to by whoever this process is now.
    ///
    /// # Errors
    /// Says what to do.
    pub fn check_writable(&self, folder: &Path) -> Result<(), String> {
        let beside = folder.join(".writable");
        let written = File::create(&beside).and_then(|_| fs::remove_file(&beside));
        written.map_err(|error| {
            format!(
                "`{}` of [server] state cannot be written by the user `{}` of [server] user ({error}); `chown -R {} {}` lets it",
                folder.display(),
                self.name,
                self.name,
                folder.display(),
            )
        })
    }
}

/// Lets go of all capabilities but those of [`KEPT`] that there are; those are handed on.
fn keep() -> Result<(), caps::errors::CapsError> {
    let had = caps::read(None, CapSet::Permitted)?;
    let kept: HashSet<Capability> = KEPT.into_iter().filter(|one| had.contains(one)).collect();
    for set in [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable] {
        caps::set(None, set, &kept)?;
    }
    // A container may forbid it; then programs that this one starts have nothing, which is safe.
    let _ = caps::set(None, CapSet::Ambient, &kept);
    Ok(())
}
