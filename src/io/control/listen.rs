//! The listeners of the control API: the Unix socket, HTTP (in the clear or over TLS), and metrics alone.
//!
//! The socket appears under its name only when it is ready, with its mode: it is bound beside it and renamed, so that one that a
//! dead process left is replaced in one step. One that somebody answers is left alone. Its file is not removed at the end: a
//! successor may have it already, for an upgrade hands the open socket over.
//!
//! Its mode is 0600; where one group has a role it belongs to that group with 0660, and where several have, 0666: who may do
//! what is found from who connects, not from the mode.
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::{fs, net};

use nix::unistd::{Group, chown};

use crate::io::inherited::Inherited;
use crate::plan::{AccessRules, Chosen, GroupRole};

/// Listeners that are open, and not yet read.
#[derive(Debug, Default)]
pub(super) struct BoundListeners {
    pub(super) unix: Option<UnixListener>,
    pub(super) http: Option<net::TcpListener>,
    pub(super) metrics: Option<net::TcpListener>,
    /// Listeners that are done without, each with the reason.
    pub(super) doubts: Vec<String>,
}

impl BoundListeners {
    /// Opens what the config asks for; port 0 lets the kernel choose.
    /// What was given of it is taken instead.
    pub(super) fn open(access: &AccessRules, given: &mut Inherited) -> io::Result<Self> {
        let mut over_tcp = |key: &str, at: Option<SocketAddr>| {
            let opened = at.map(|at| given.tcp(at).map_or_else(|| tcp(key, at), adopt));
            opened.transpose()
        };
        let mut bound = Self {
            http: over_tcp("listen", access.listen)?,
            metrics: over_tcp("metrics", access.metrics)?,
            ..Self::default()
        };
        if let Some(socket) = &access.socket {
            match given.unix(&socket.value) {
                Some(listener) => bound.take_unix(listener, &socket.value, &access.groups)?,
                None => bound.open_unix(socket, &access.groups)?,
            }
        }
        Ok(bound)
    }

    /// Descriptors of their own for all of them.
    pub(super) fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        let unix = self.unix.iter().map(|one| Ok(one.try_clone()?.into()));
        let tcp = self.http.iter().chain(&self.metrics);
        let tcp = tcp.map(|one| Ok(one.try_clone()?.into()));
        unix.chain(tcp).collect()
    }

    /// Goes on with a socket that is there already; who may connect is as the config has it now.
    fn take_unix(
        &mut self,
        listener: UnixListener,
        path: &Path,
        groups: &[GroupRole],
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.unix = Some(listener);
        self.doubts.extend(match admit(path, groups) {
            Ok(doubt) => doubt,
            Err(error) => Some(format!(
                "who may connect to `{}` stays as it was: {error}",
                path.display()
            )),
        });
        Ok(())
    }

    /// Opens the socket; one that nobody asked for is done without where that fails.
    fn open_unix(
        &mut self,
        socket: &Chosen<std::path::PathBuf>,
        groups: &[GroupRole],
    ) -> io::Result<()> {
        let path = &socket.value;
        match unix(path, groups) {
            Ok((listener, doubt)) => {
                self.unix = Some(listener);
                self.doubts.extend(doubt);
                Ok(())
            }
            Err(error) if socket.stated => {
                let text = format!(
                    "[control] socket: cannot listen on `{}`: {error}",
                    path.display()
                );
                Err(io::Error::new(error.kind(), text))
            }
            Err(error) => {
                self.doubts.push(format!(
                    "there is no control socket at `{}`: {error}; name another by `[control] socket`",
                    path.display()
                ));
                Ok(())
            }
        }
    }
}

fn tcp(key: &str, address: SocketAddr) -> io::Result<net::TcpListener> {
    let explain = |error: io::Error| {
        let text = format!("[control] {key}: cannot listen on {address}: {error}");
        io::Error::new(error.kind(), text)
    };
    let listener = net::TcpListener::bind(address).map_err(explain)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn adopt(listener: net::TcpListener) -> io::Result<net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Opens a socket under a name; the second part says what is not as the config has it.
fn unix(path: &Path, groups: &[GroupRole]) -> io::Result<(UnixListener, Option<String>)> {
    clear(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&beside)?;
    listener.set_nonblocking(true)?;
    let ready = admit(&beside, groups).and_then(|doubt| {
        fs::rename(&beside, path)?;
        Ok(doubt)
    });
    if ready.is_err() {
        // What is left is no socket of anybody.
        drop(fs::remove_file(&beside));
    }
    Ok((listener, ready?))
}

/// Refuses a place that is taken.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "there is a file of that name which is no socket",
        )),
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(
                ErrorKind::AddrInUse,
                "another server answers there",
            )),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
        },
    }
}

/// Lets those connect who may have a role.
fn admit(path: &Path, groups: &[GroupRole]) -> io::Result<Option<String>> {
    let mode = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(0o600)?;
    let mut unknown = Vec::new();
    for own in groups {
        if Group::from_name(&own.group).ok().flatten().is_none() {
            unknown.push(own.group.clone());
        }
    }
    let mut doubt = (!unknown.is_empty()).then(|| {
        format!(
            "[control] groups: this machine has no group `{}`",
            unknown.join("`, `")
        )
    });
    match groups {
        [] => {}
        [only] => {
            let group = Group::from_name(&only.group).ok().flatten();
            if let Some(group) = group {
                match chown(path, None, Some(group.gid)) {
                    Ok(()) => mode(0o660)?,
                    Err(error) => {
                        doubt = Some(format!(
                            "[control] groups: the socket cannot be given to group `{}`: {error}; the server's user must be in it",
                            only.group
                        ));
                    }
                }
            }
        }
        _ => mode(0o666)?,
    }
    Ok(doubt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_socket_of_the_dead_is_replaced_and_one_of_the_living_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waypost.sock");
        let (first, doubt) = unix(&path, &[]).unwrap();
        assert_eq!((mode(&path), doubt), (0o600, None));
        let taken = unix(&path, &[]).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        drop(first);
        let (second, _) = unix(&path, &[]).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waypost.sock");
        fs::write(&path, "somebody's").unwrap();
        assert_eq!(
            unix(&path, &[]).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
    }

    #[test]
    fn nobody_asked_for_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let value = folder.path().join("missing/waypost.sock");
        let access = |stated| AccessRules {
            socket: Some(Chosen {
                value: value.clone(),
                stated,
            }),
            ..AccessRules::default()
        };
        let bound = BoundListeners::open(&access(false), &mut Inherited::default()).unwrap();
        assert!(bound.unix.is_none() && bound.doubts.len() == 1);
        let error = BoundListeners::open(&access(true), &mut Inherited::default());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("[control] socket"), "{error}");
    }
}
