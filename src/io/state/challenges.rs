//! How challenges stand in their file: JSON, so that a person can read it in need, with a checksum over what it says.
//!
//! The checksum is over the content, written in one way, and not over the text: a file that a person laid out anew is whole.
//! One without a checksum is of the older format; it is read, and written anew as it should be. Damage costs all of
//! them: they are few, and whoever set them sets them again.
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::limits::CHALLENGES_FILE_BYTES;
use crate::base::sip_hash;
use crate::dns::Name;
use crate::dns::challenges::{Challenge, Challenges};
use crate::dns::update::is_text;
use crate::io::keep;

use super::content::{FileFormat, StateContent};

/// The key of the checksum: anything that stays the same.
const KEY: [u8; 16] = *b"waypost's texts.";

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    challenges: Vec<One>,
    /// SipHash-2-4 of the challenges in compact JSON, in hexadecimal; absent in the older format.
    #[serde(default)]
    sum: Option<String>,
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
pub(super) fn read(path: &Path) -> StateContent<Challenges> {
    match keep::read(path, CHALLENGES_FILE_BYTES) {
        Ok(None) => StateContent::default(),
        Ok(Some(text)) => found(&text).unwrap_or_else(damaged),
        Err(error) => damaged(error.to_string()),
    }
}

fn damaged(reason: String) -> StateContent<Challenges> {
    StateContent {
        damage: Some(reason),
        ..StateContent::default()
    }
}

fn found(text: &[u8]) -> Result<StateContent<Challenges>, String> {
    let kept: Kept = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let format = match &kept.sum {
        None => FileFormat::Older,
        Some(sum) if *sum == checksum(&kept.challenges) => FileFormat::Current,
        Some(_) => return Err("its checksum is of other challenges".to_owned()),
    };
    Ok(StateContent {
        kept: parse(kept)?,
        format,
        damage: None,
    })
}

fn checksum(challenges: &[One]) -> String {
    let text = serde_json::to_vec(challenges).unwrap_or_default();
    format!("{:016x}", sip_hash(&KEY, &text))
}

fn parse(kept: Kept) -> Result<Challenges, String> {
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
    let challenges: Vec<One> = challenges.iter().map(one).collect();
    let kept = Kept {
        sum: Some(checksum(&challenges)),
        challenges,
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
        let read = found(&write(&kept)).unwrap();
        assert_eq!((&read.kept, read.format), (&kept, FileFormat::Current));
    }

    #[test]
    fn a_flipped_bit_is_told_and_no_other_challenge_comes_of_it() {
        let whole = write(&one());
        let mut told = 0;
        for bit in 0..whole.len() * 8 {
            let mut text = whole.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            match found(&text) {
                Ok(read) => assert_eq!(read.kept, one(), "bit {bit}"),
                Err(_) => told += 1,
            }
        }
        // What is not told fell into the space between words.
        assert!(told > whole.len() * 4, "{told}");
    }

    #[test]
    fn a_file_without_a_checksum_is_of_the_older_format() {
        let text = String::from_utf8(write(&one())).unwrap();
        let older = text.split_once(",\n  \"sum\"").unwrap().0.to_owned() + "}";
        let read = found(older.as_bytes()).unwrap();
        assert_eq!((read.kept, read.format), (one(), FileFormat::Older));
    }

    fn one() -> Challenges {
        let mut kept = Challenges::default();
        let challenge = Challenge {
            rdata: b"\x01a".to_vec(),
            ttl: 7,
            expires: 1,
            author: String::new(),
        };
        kept.add(&Name::parse("_acme-challenge.a").unwrap(), challenge)
            .unwrap();
        kept
    }

    #[test]
    fn a_torn_file_is_told() {
        let whole = write(&one());
        for length in 0..whole.len() - 1 {
            assert!(found(&whole[..length]).is_err(), "{length}");
        }
        assert!(found(br#"{"challenges": [{"name": "a..b", "texts": [[1]], "ttl": 1, "expires": 1, "author": ""}]}"#).is_err());
        assert!(found(br#"{"challenges": [{"name": "a", "texts": [], "ttl": 1, "expires": 1, "author": ""}]}"#).is_err());
    }
}
