//! What an operator may see of zones, as `/api/v1/status` gives it.
//!
//! Times are seconds since 1970 here, and text of RFC 3339 once they are shown.
use crate::base::Utc;
use crate::base::shown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::keys::{NextReport, Time};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(number: &usize) -> bool {
    *number == 0
}

/// One zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ZoneStatus {
    /// Apex; for a version that a view has, with the name of that behind it: `example.org.~office`.
    pub name: String,
    /// Names that hold data.
    pub names: usize,
    /// RRsets that are declared in it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub declared: usize,
    /// Those among them that are not served, because its file or the config has something else there.
    #[serde(default, skip_serializing_if = "is_none")]
    pub declared_aside: usize,
    /// The serial of its SOA, as queries see it; absent when it is not answered, because it has not
    /// come from its primaries, or came too long ago.
    #[serde(default)]
    pub serial: Option<u32>,
    /// The catalog that lists it, of a zone that the config does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_by: Option<String>,
    /// How it is signed; absent when it is not.
    #[serde(default)]
    pub signing: Option<SigningStatus>,
    /// Why it is answered SERVFAIL though its data is there; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// Whether it is to be signed here and is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsigned: bool,
    /// Its progress, while it cannot be served as it should be because signatures are lacking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedStatus>,
    /// Signatures that were made for it since the server started; those that had been kept are none of them.
    #[serde(default)]
    pub signatures_made: u64,
    /// The reason why its signatures are not kept over a restart, if they should be and are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures_unkept: Option<String>,
}

/// The progress of a zone whose signatures are being made: what is served of it has none of them yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnfinishedStatus {
    /// Signatures that have been made.
    pub made: usize,
    /// Signatures that were lacking when all began.
    pub of: usize,
}

/// How a zone is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningStatus {
    /// Whether its signatures came with it, and are not made here.
    #[serde(default)]
    pub elsewhere: bool,
    /// How names are denied: `nsec` or `nsec3`.
    pub denial: String,
    /// RRsets that are signed, or could be.
    pub rrsets: usize,
    /// When the next signature is renewed, in seconds since 1970; where others do that, when it should
    /// have come at the latest.
    #[serde(with = "shown::utc")]
    #[schema(value_type = Option<Utc>)]
    pub due_at: u64,
    /// When the first signature expires, in seconds since 1970.
    #[serde(with = "shown::utc")]
    #[schema(value_type = Option<Utc>)]
    pub expires_at: u64,
    /// When it should have been renewed at the latest, in seconds since 1970: past it, something is
    /// wrong.
    #[serde(with = "shown::utc")]
    #[schema(value_type = Option<Utc>)]
    pub overdue_at: u64,
    /// Its keys, oldest first; those that are gone are left out.
    pub keys: Vec<KeyStatus>,
    /// What happens next to its keys, soonest first.
    pub next: Vec<String>,
}

/// A key of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyStatus {
    /// Key tag.
    pub tag: u16,
    /// Algorithm, as BIND spells it.
    pub algorithm: String,
    /// `ksk`, `zsk` or `csk`.
    pub role: String,
    /// How far it has come: `made`, `published`, `active`, `submitted`, `seen`, `retired`.
    pub phase: String,
}

/// A step that lies ahead, for a person.
pub(super) fn in_words(next: &NextReport) -> String {
    let key = next
        .tag
        .map_or_else(String::new, |tag| format!(" key {tag}"));
    match next.at {
        None if next.waits_for_nodes => {
            let step = next.step;
            format!("{step}{key} when all nodes have taken the step before")
        }
        Some(Time(at)) => format!("{}{key} at {}", next.step, Utc::from_seconds(at)),
        None => format!("{}{key} when the parent has been looked at", next.step),
    }
}
