//! One line of the audit log, and the chain that lines form.
//!
//! ```text
//! {"seq":7,"time":"…Z","identity":…,"role":…,"way":…,"outcome":…,"what":…,"before":…,"after":…,"reason":…,"prev":"H6","hash":"H7"}
//!                                                                                                          |           |
//!                           the hash of the line before, as that one has it -------------------------------'           |
//!                           SHA-256 of this line without `,"hash":"…"` ------------------------------------------------'
//! ```
//!
//! So a line that was altered, dropped or put elsewhere breaks the chain at its place. Whoever may write the file may also
//! write a whole new chain: the head (the last hash) has to be known elsewhere to see that, and to see that the end was cut off.
use std::fmt::Write;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The hash before the first line of all.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The text before a line's own hash.
const HASH_KEY: &str = ",\"hash\":\"";

/// A change, or one that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The identity, as far as it was proved: `user root`, `token alice`, `key certbot.`; with the name that was given.
    pub identity: String,
    /// The role; absent where there is none.
    pub role: Option<String>,
    /// The way by which it came: `unix`, `http`, `tls`, `signal`, `dns update`.
    pub way: String,
    /// Its outcome.
    pub outcome: AuditOutcome,
    /// The number of the line with which it began, of one that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<u64>,
    /// The change that was asked for.
    pub what: Value,
    /// The state before; null where nothing was changed yet.
    pub before: Value,
    /// The state after it.
    pub after: Value,
    /// Why it was asked for, as whoever asked says.
    pub reason: String,
    /// The result, in words.
    pub detail: String,
}

/// The outcome of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// It was permitted, and begins.
    #[default]
    Begun,
    /// It was carried out.
    Done,
    /// It was permitted, and could not be carried out.
    Failed,
    /// It was not permitted.
    Refused,
}

/// A line without its own hash.
#[derive(Serialize)]
struct LineBody<'e> {
    seq: u64,
    time: String,
    #[serde(flatten)]
    entry: &'e AuditEntry,
    prev: &'e str,
}

/// The part of a line that chains it to its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LinkOfChain {
    /// Its number.
    pub(super) seq: u64,
    /// The hash of the line before.
    pub(super) prev: String,
    /// Its own.
    #[serde(skip)]
    pub(super) hash: String,
}

/// Writes a line, its end included; gives its hash too.
pub(super) fn write(
    entry: &AuditEntry,
    seq: u64,
    wall_ms: u64,
    prev: &str,
) -> Result<(String, String), String> {
    let body = LineBody {
        seq,
        time: time(wall_ms),
        entry,
        prev,
    };
    let mut text = serde_json::to_string(&body).map_err(|error| error.to_string())?;
    let hash = hash(text.as_bytes());
    text.pop();
    let _ = writeln!(text, "{HASH_KEY}{hash}\"}}");
    Ok((text, hash))
}

/// Reads a line without its end; an error says what is wrong with it.
pub(super) fn read(text: &str) -> Result<LinkOfChain, &'static str> {
    let (body, own) = text.rsplit_once(HASH_KEY).ok_or("it has no hash")?;
    let own = own.strip_suffix("\"}").ok_or("it ends too early")?;
    if hash(format!("{body}}}").as_bytes()) != own {
        return Err("it was altered: its hash is of another text");
    }
    let mut link: LinkOfChain =
        serde_json::from_str(text).map_err(|_| "it is no line of an audit log")?;
    own.clone_into(&mut link.hash);
    Ok(link)
}

/// A moment in UTC (RFC 3339), milliseconds included.
fn time(wall_ms: u64) -> String {
    let moment = i64::try_from(wall_ms).ok();
    let moment = moment.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or_else(String::new, |moment| format!("{moment:.3}"))
}

fn hash(octets: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, octets).as_ref())
}

/// Octets as hexadecimal digits.
pub(super) fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
