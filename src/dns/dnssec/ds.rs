//! Digests of keys: what a parent publishes of a child, and what the child asks it to.
//!
//! A DS record (RFC 4034, section 5) names a key by its tag and a digest over the owner's name
//! and the key. A CDS record (RFC 7344) has the same form in the child; CDNSKEY has the key
//! itself. Which keys are to be named so is the policy's to say.
use aws_lc_rs::digest::{self, Context};

use super::PublicKey;
use crate::dns::Name;

/// A digest of DS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Digest {
    /// SHA-256 (RFC 4509): what every parent takes.
    Sha256 = 2,
    /// SHA-384 (RFC 6605).
    Sha384 = 4,
}

/// The RDATA of a CDS record that asks the parent to remove every DS (RFC 8078, section 4).
pub const CDS_DELETE: [u8; 5] = [0; 5];
/// The RDATA of a CDNSKEY record that asks the same.
pub const CDNSKEY_DELETE: [u8; 5] = [0, 0, 3, 0, 0];

impl Digest {
    /// The number in records.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl PublicKey {
    /// The RDATA of the DS record (and of the CDS record) of this key in the zone `owner`.
    #[must_use]
    pub fn ds(&self, owner: &Name, digest: Digest) -> Vec<u8> {
        let mut context = Context::new(match digest {
            Digest::Sha256 => &digest::SHA256,
            Digest::Sha384 => &digest::SHA384,
        });
        context.update(&owner.as_wire().to_ascii_lowercase());
        context.update(&self.rdata());
        let mut rdata = self.tag().to_be_bytes().to_vec();
        rdata.extend([self.algorithm.number(), digest.number()]);
        rdata.extend_from_slice(context.finish().as_ref());
        rdata
    }
}
