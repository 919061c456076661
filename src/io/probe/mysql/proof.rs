//! Proofs of a password that do not send it (chapter "Authentication Methods" of MySQL's manual).
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// The method of all servers until MySQL 8, and of MariaDB.
pub(super) const NATIVE: &[u8] = b"mysql_native_password";
/// The method of MySQL 8.
const CACHING: &[u8] = b"caching_sha2_password";
/// A server has the proof of this password in its cache, and takes it.
pub(super) const KNOWN: u8 = 3;
/// A server has not, and wants the password itself.
pub(super) const WANTED: u8 = 4;

/// The proof of a password, empty for an empty one; `None` for a method that is not spoken here.
pub(super) fn of(method: &[u8], password: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
    let is_known = method == NATIVE || method == CACHING;
    if is_known && password.is_empty() {
        return Some(Vec::new());
    }
    match method {
        NATIVE => Some(native(password, challenge)),
        CACHING => Some(caching(password, challenge)),
        _ => None,
    }
}

/// SHA1(password) xor SHA1(challenge, SHA1(SHA1(password))).
fn native(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let hash = |octets: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, octets);
    let once = hash(password);
    let twice = hash(once.as_ref());
    let salted = hash(&[challenge, twice.as_ref()].concat());
    xor(once.as_ref(), salted.as_ref())
}

/// SHA256(password) xor SHA256(SHA256(SHA256(password)), challenge).
fn caching(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let hash = |octets: &[u8]| digest(&SHA256, octets);
    let once = hash(password);
    let twice = hash(once.as_ref());
    let salted = hash(&[twice.as_ref(), challenge].concat());
    xor(once.as_ref(), salted.as_ref())
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one ^ other)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's side: it keeps the twofold hash, and finds the simple one in the proof.
    #[test]
    fn a_server_that_knows_the_twofold_hash_finds_the_password_proved() {
        let (password, challenge) = (&b"right"[..], &b"abcdefghijklmnopqrst"[..]);
        let sha1 = |octets: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, octets);
        let kept = sha1(sha1(password).as_ref());
        let proof = of(NATIVE, password, challenge).unwrap();
        let once = xor(&proof, sha1(&[challenge, kept.as_ref()].concat()).as_ref());
        assert_eq!(sha1(&once).as_ref(), kept.as_ref());
        let sha256 = |octets: &[u8]| digest(&SHA256, octets);
        let kept = sha256(sha256(password).as_ref());
        let proof = of(CACHING, password, challenge).unwrap();
        let once = xor(
            &proof,
            sha256(&[kept.as_ref(), challenge].concat()).as_ref(),
        );
        assert_eq!(sha256(&once).as_ref(), kept.as_ref());
    }

    #[test]
    fn an_empty_password_has_an_empty_proof_and_a_strange_method_none() {
        assert_eq!(of(NATIVE, b"", b"challenge"), Some(Vec::new()));
        assert_eq!(of(b"mysql_clear_password", b"right", b"challenge"), None);
        assert_eq!(of(b"client_ed25519", b"", b"challenge"), None);
    }
}
