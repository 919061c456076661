//! Keys of monitors that log in: a password in a file of its own, and the encryption of the connection that it goes over.
//!
//! A part of several types, and no type itself. Whoever logs in, and whether a password must be there, is the type's to say.
use super::encryption::{Encryption, EncryptionWays};
use super::kind::{Host, NamedFile, ProbeExchange};
use super::password;
use crate::base::Secret;
use crate::text::reader::Fields;
use crate::text::value::Trouble;

/// The password of a monitor, and the encryption of its connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Password; absent where none is asked for. Never shown.
    pub password: Option<Secret>,
    /// Encryption.
    pub encryption: Encryption,
}

impl Login {
    /// Keys of it that name files.
    pub(super) const FILES: &'static [&'static str] =
        &[password::FILE, "roots", "client_certificate", "client_key"];

    /// Reads the keys.
    pub(super) fn read(fields: &mut Fields<'_, '_>, ways: EncryptionWays) -> Self {
        Self {
            password: None,
            encryption: Encryption::read(fields, ways),
        }
    }

    /// Takes a file of [`Login::FILES`].
    pub(super) fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        if file.key == password::FILE {
            self.password = Some(password::read(file)?);
            return Ok(());
        }
        self.encryption.take_file(file)
    }

    /// Forgets where the files are.
    pub(super) fn forget_paths(&mut self) {
        self.encryption.forget_paths();
    }

    /// The host of the certificate, where one is asked for.
    pub(super) fn host(&self) -> Host<'_> {
        self.encryption.host()
    }

    /// Tells what a probe takes of the network.
    pub(super) fn exchange(&self) -> ProbeExchange {
        self.encryption.exchange()
    }
}
