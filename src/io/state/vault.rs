//! The secrets that all nodes of a cluster have in common, as they stand in their file: an entry for each, with a checksum ([`super::lines`]).
//!
//! Damage costs the secrets that it strikes; other nodes give them again.
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lines;
use crate::base::Secret;
use crate::base::limits::VAULT_BYTES;
use crate::dns::cookie;
use crate::io::keep;
use crate::plan::AgreedSecrets;
use crate::share::{SharedSecret, Vault};

/// Name of the file in the folder of state.
const FILE: &str = "secrets.log";

#[derive(Serialize, Deserialize)]
struct KeptSecret {
    name: String,
    rank: u64,
    value: String,
}

/// The file in its folder.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Reads the file, and says what of it is damaged; nothing if there is none.
#[must_use]
pub fn read(folder: &Path) -> (Vault, Option<String>) {
    let mut vault = Vault::default();
    let text = match keep::read(&path(folder), VAULT_BYTES) {
        Ok(Some(text)) => text,
        Ok(None) => return (vault, None),
        Err(error) => return (vault, Some(error.to_string())),
    };
    let found = lines::read(&text);
    for entry in &found.entries {
        if let Ok(KeptSecret { name, rank, value }) = serde_json::from_slice(entry) {
            vault.take(&name, SharedSecret { rank, value });
        }
    }
    (vault, found.damage)
}

/// Writes the file anew, for the server's own user.
///
/// # Errors
/// The reason why it is not on the disk.
pub fn write(folder: &Path, vault: &Vault) -> io::Result<()> {
    let mut text = Vec::new();
    for (number, (name, own)) in (0..).zip(vault.iter()) {
        let kept = KeptSecret {
            name: name.to_owned(),
            rank: own.rank,
            value: own.value.clone(),
        };
        lines::write(&mut text, number, &serde_json::to_vec(&kept)?);
    }
    keep::replace(&path(folder), &text)
}

/// The secrets of a vault as a config is compiled with them, with these for cookies.
#[must_use]
pub fn agreed(vault: &Vault, cookies: Vec<cookie::Secret>) -> AgreedSecrets {
    AgreedSecrets {
        cookies,
        cohort: vault.cohort(),
        tsig: vault
            .tsig()
            .map(|(key, value)| (key, Secret(value)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_found_again_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut vault = Vault::default();
        let secret = |rank, value: &str| SharedSecret {
            rank,
            value: value.to_owned(),
        };
        assert!(vault.take("tsig transfer.example", secret(5, "c2VjcmV0")));
        assert!(vault.take("tsig gone.example", secret(6, "")));
        assert!(vault.take("cohort", secret(7, "0000000000000007")));
        write(folder.path(), &vault).unwrap();
        assert_eq!(read(folder.path()), (vault.clone(), None));
        let mode = std::fs::metadata(path(folder.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let agreed = agreed(&vault, Vec::new());
        assert_eq!(
            (agreed.tsig.len(), agreed.cohort.map(|key| key.0)),
            (1, Some(7))
        );
        let whole = std::fs::read(path(folder.path())).unwrap();
        for octet in (0..whole.len()).step_by(7) {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            std::fs::write(path(folder.path()), text).unwrap();
            assert_eq!(read(folder.path()).0, vault, "{octet}");
        }
    }
}
