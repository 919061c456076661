//! The client's side: whether the messages of a reply are the peer's (RFC 8945, section 5.3).
use super::{Covers, Key, find};
use crate::dns::message::Malformed;

/// Messages in a row that a peer may leave unsigned (section 5.3.1).
const UNSIGNED_MOST: u8 = 99;

/// Checks the messages of a reply, each after the one before.
#[derive(Debug)]
pub struct Verifier {
    key: Key,
    before: Vec<u8>,
    covers: Covers,
    /// Messages since the last MAC, whole.
    bare: Vec<u8>,
    bare_count: u8,
}

/// Why a reply is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It cannot be read, or its TSIG stands where none may.
    #[error("malformed reply")]
    Malformed,
    /// It is not signed where it must be.
    #[error("the reply is not signed")]
    Unsigned,
    /// It is signed with another key.
    #[error("the reply is signed with another key")]
    Key,
    /// The MAC is not right.
    #[error("the reply's signature is wrong")]
    Signature,
    /// It was made at another time.
    #[error("the reply's signature is of another time: compare the clocks")]
    Time,
    /// The peer did not accept the request's signature, for this reason (an extended RCODE).
    #[error("the peer refused the request's signature with error {0}")]
    Refused(u16),
}

impl Verifier {
    /// Awaits the reply to a request that was signed with this MAC.
    pub(super) fn new(key: Key, before: Vec<u8>) -> Self {
        Self {
            key,
            before,
            covers: Covers::Variables,
            bare: Vec::new(),
            bare_count: 0,
        }
    }

    /// Checks the next message; gives it without its TSIG.
    ///
    /// # Errors
    /// When it cannot be believed; neither can anything after it.
    pub fn verify(&mut self, message: &[u8], now: u64) -> Result<Vec<u8>, Doubt> {
        let Some(found) = find(message).map_err(|Malformed| Doubt::Malformed)? else {
            return self.put_aside(message);
        };
        if !self.key.is(&found) {
            return Err(Doubt::Key);
        }
        if found.mac.is_empty() && found.error != 0 {
            return Err(Doubt::Refused(found.error));
        }
        let length = u16::try_from(self.before.len()).unwrap_or_default();
        let own = found.message(message);
        let covered = found.covered(self.covers);
        let before = [&length.to_be_bytes(), &self.before[..]].concat();
        let parts = [&before[..], &self.bare, &own, &covered];
        if found.mac.len() != self.key.algorithm.mac_bytes()
            || !self.key.confirms(&parts, found.mac)
        {
            return Err(Doubt::Signature);
        }
        if found.error != 0 {
            return Err(Doubt::Refused(found.error));
        }
        if !found.is_of(now) {
            return Err(Doubt::Time);
        }
        self.before = found.mac.to_vec();
        self.covers = Covers::Timers;
        self.bare.clear();
        self.bare_count = 0;
        Ok(own)
    }

    /// Whether all that came is covered by a signature: what came last must be.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.bare_count == 0 && self.covers == Covers::Timers
    }

    fn put_aside(&mut self, message: &[u8]) -> Result<Vec<u8>, Doubt> {
        if self.covers == Covers::Variables || self.bare_count >= UNSIGNED_MOST {
            return Err(Doubt::Unsigned);
        }
        self.bare.extend_from_slice(message);
        self.bare_count += 1;
        Ok(message.to_vec())
    }
}
