//! How challenges stand in their file: JSON, so that a person can read it in need.
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::limits::CHALLENGES_FILE_BYTES;
use crate::dns::Name;
use crate::dns::challenges::{Challenge, Challenges};
use crate::dns::update::is_text;
use crate::io::keep;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    challenges: Vec<One>,
}

#[derive(Debug, Serialize, Deserialize)]
struct One {
    name: String,
    /// The strings of the record, each as its octets.
    texts: Vec<Vec<u8>>,
    ttl: u32,
    expires: u64,
    author: String,
}

/// Reads the file; nothing if there is none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &Path) -> Result<Challenges, String> {
    let octets = keep::read(path, CHALLENGES_FILE_BYTES).map_err(|error| error.to_string())?;
    match octets {
        Some(octets) => parse(&octets),
        None => Ok(Challenges::default()),
    }
}

fn parse(octets: &[u8]) -> Result<Challenges, String> {
    let kept: Kept = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    let mut challenges = Challenges::default();
    for one in kept.challenges {
        let name = Name::parse(&one.name).map_err(|error| format!("{}: {error}", one.name))?;
        let challenge = Challenge {
            rdata: one.rdata().ok_or_else(|| format!("{name}: not a text"))?,
            ttl: one.ttl,
            expires: one.expires,
            author: one.author,
        };
        let added = challenges.add(&name, challenge);
        added.map_err(|full| format!("{name}: {full}"))?;
    }
    Ok(challenges)
}

/// The text of the file.
pub(super) fn write(challenges: &Challenges) -> Vec<u8> {
    let one = |(name, one): (&Name, &Challenge)| One {
        name: name.to_string(),
        texts: texts(&one.rdata),
        ttl: one.ttl,
        expires: one.expires,
        author: one.author.clone(),
    };
    let kept = Kept {
        challenges: challenges.iter().map(one).collect(),
    };
    serde_json::to_vec_pretty(&kept).unwrap_or_default()
}

impl One {
    fn rdata(&self) -> Option<Vec<u8>> {
        let mut rdata = Vec::new();
        for text in &self.texts {
            rdata.push(u8::try_from(text.len()).ok()?);
            rdata.extend(text);
        }
        is_text(&rdata).then_some(rdata)
    }
}

fn texts(rdata: &[u8]) -> Vec<Vec<u8>> {
    let (mut texts, mut rest) = (Vec::new(), rdata);
    while let Some((&length, tail)) = rest.split_first() {
        let Some((text, tail)) = tail.split_at_checked(usize::from(length)) else {
            break;
        };
        texts.push(text.to_vec());
        rest = tail;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut kept = Challenges::default();
        for (name, rdata) in [
            ("_acme-challenge.a.example", &b"\x01a"[..]),
            ("_acme-challenge", b"\x02\xFF\"\x00"),
        ] {
            let challenge = Challenge {
                rdata: rdata.to_vec(),
                ttl: 7,
                expires: 2_000_000_000,
                author: "ada \u{2603}".to_owned(),
            };
            kept.add(&Name::parse(name).unwrap(), challenge).unwrap();
        }
        assert_eq!(parse(&write(&kept)), Ok(kept));
    }

    #[test]
    fn a_torn_file_is_told() {
        let mut kept = Challenges::default();
        let challenge = Challenge {
            rdata: b"\x01a".to_vec(),
            ttl: 7,
            expires: 1,
            author: String::new(),
        };
        kept.add(&Name::parse("_acme-challenge.a").unwrap(), challenge)
            .unwrap();
        let whole = write(&kept);
        for length in 0..whole.len() - 1 {
            assert!(parse(&whole[..length]).is_err(), "{length}");
        }
        assert!(parse(br#"{"challenges": [{"name": "a..b", "texts": [[1]], "ttl": 1, "expires": 1, "author": ""}]}"#).is_err());
        assert!(parse(br#"{"challenges": [{"name": "a", "texts": [], "ttl": 1, "expires": 1, "author": ""}]}"#).is_err());
    }
}
