//! The body of a response, looked through as it comes.
//!
//! A text is looked for in what a reader would see: a body that comes compressed (RFC 9110, section 8.4.1: `gzip`,
//! `deflate`) is taken apart, for some servers compress whatever is asked of them. It is read to
//! [`limits::PROBE_BODY_BYTES`], of what comes and of what comes out, so that neither an endless body nor one that unfolds without
//! end costs more. The text is found as soon as it is there: nobody waits for the rest.
use std::io::{self, Write};

use flate2::write::{DeflateDecoder, GzDecoder, ZlibDecoder};

use crate::base::{Cause, limits};

/// Octets that are taken apart before it is looked again how many have come out.
const STEP: usize = 512;

/// The way in which a body is compressed (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// `gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
    /// Another one, or several over each other.
    Unknown,
}

/// A body that is coming.
#[derive(Debug)]
pub(super) struct Body {
    decoding: Decoding,
    came: usize,
    searched: usize,
}

/// The way from what comes to text.
#[derive(Debug)]
enum Decoding {
    Plain(Vec<u8>),
    Gzip(GzDecoder<Vec<u8>>),
    /// `deflate` means zlib's format, and its first octet is awaited because some mean the raw one.
    Deflate,
    Zlib(ZlibDecoder<Vec<u8>>),
    Raw(DeflateDecoder<Vec<u8>>),
}

impl Coding {
    /// Reads the values of all fields `Content-Encoding`.
    pub(super) fn of<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        let codings = values.flat_map(|value| value.split(|octet| *octet == b','));
        let codings = codings.map(<[u8]>::trim_ascii);
        let mut found = Self::Identity;
        for coding in codings.filter(|coding| !coding.is_empty()) {
            if coding.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            found = match (found, coding.to_ascii_lowercase().as_slice()) {
                (Self::Identity, b"gzip" | b"x-gzip") => Self::Gzip,
                (Self::Identity, b"deflate") => Self::Deflate,
                _ => Self::Unknown,
            };
        }
        found
    }
}

impl Body {
    /// A body of a coding.
    ///
    /// # Errors
    /// [`Cause::Compressed`] when it is compressed in a way that is not known here.
    pub(super) fn of(coding: Coding) -> Result<Self, Cause> {
        let decoding = match coding {
            Coding::Identity => Decoding::Plain(Vec::new()),
            Coding::Gzip => Decoding::Gzip(GzDecoder::new(Vec::new())),
            Coding::Deflate => Decoding::Deflate,
            Coding::Unknown => return Err(Cause::Compressed),
        };
        Ok(Self {
            decoding,
            came: 0,
            searched: 0,
        })
    }

    /// Takes in what has come; tells whether there is room for more.
    ///
    /// # Errors
    /// [`Cause::Protocol`] when it is not compressed as the response says.
    pub(super) fn take(&mut self, data: &[u8]) -> Result<bool, Cause> {
        let room = limits::PROBE_BODY_BYTES - self.came;
        let data = &data[..data.len().min(room)];
        self.came += data.len();
        for step in data.chunks(STEP) {
            self.decoding.write(step).map_err(|_| Cause::Protocol)?;
            if self.decoding.text().len() >= limits::PROBE_BODY_BYTES {
                return Ok(false);
            }
        }
        Ok(self.came < limits::PROBE_BODY_BYTES)
    }

    /// Tells whether a text is in what has come so far; each part is looked through once.
    pub(super) fn holds(&mut self, text: &str) -> bool {
        let all = self.decoding.text();
        let all = &all[..all.len().min(limits::PROBE_BODY_BYTES)];
        let from = self.searched.saturating_sub(text.len().saturating_sub(1));
        self.searched = all.len();
        let mut windows = all[from..].windows(text.len().max(1));
        text.is_empty() || windows.any(|window| window == text.as_bytes())
    }

    /// The text that has come so far.
    pub(super) fn text(&self) -> &[u8] {
        let all = self.decoding.text();
        &all[..all.len().min(limits::PROBE_BODY_BYTES)]
    }

    /// No more is to come: what the decoder still holds is part of the text.
    pub(super) fn end(&mut self) {
        // A body that is cut holds what came of it; whether that is enough is for the text to show.
        let _ = self.decoding.flush();
    }
}

impl Decoding {
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        if let (Self::Deflate, Some(first)) = (&*self, data.first()) {
            // RFC 1950, section 2.2: the method in the lower bits is 8.
            *self = match first & 0x0f {
                8 => Self::Zlib(ZlibDecoder::new(Vec::new())),
                _ => Self::Raw(DeflateDecoder::new(Vec::new())),
            };
        }
        let done = match self {
            Self::Plain(text) => text.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
            Self::Zlib(decoder) => decoder.write_all(data),
            Self::Raw(decoder) => decoder.write_all(data),
            Self::Deflate => Ok(()),
        };
        // What follows the end of the compressed data is no part of it.
        match done {
            Err(error) if error.kind() == io::ErrorKind::WriteZero => Ok(()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) | Self::Deflate => Ok(()),
            Self::Gzip(decoder) => decoder.flush(),
            Self::Zlib(decoder) => decoder.flush(),
            Self::Raw(decoder) => decoder.flush(),
        }
    }

    fn text(&self) -> &[u8] {
        match self {
            Self::Plain(text) => text,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zlib(decoder) => decoder.get_ref(),
            Self::Raw(decoder) => decoder.get_ref(),
            Self::Deflate => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn coding(value: &str) -> Coding {
        Coding::of(std::iter::once(value.as_bytes()))
    }

    fn packed(coding: &str, text: &[u8]) -> Vec<u8> {
        match coding {
            "gzip" | "X-GZIP" | "identity, gzip" => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            "deflate" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            "raw" => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            _ => text.to_vec(),
        }
    }

    /// Tells whether the text is found in a body that comes in parts of a size.
    fn found(coding: &str, octets: &[u8], size: usize, text: &str) -> Result<bool, Cause> {
        let mut body = Body::of(self::coding(coding))?;
        for part in octets.chunks(size) {
            let more = body.take(part)?;
            if body.holds(text) {
                return Ok(true);
            }
            if !more {
                break;
            }
        }
        body.end();
        Ok(body.holds(text))
    }

    #[test]
    fn a_text_is_found_however_the_body_comes() {
        let page = [
            &b"x".repeat(3000)[..],
            b"{\"status\":\"ready\"}",
            &b"y".repeat(3000),
        ]
        .concat();
        for coding in [
            "",
            "identity",
            "gzip",
            "X-GZIP",
            "identity, gzip",
            "deflate",
            "raw",
        ] {
            let name = if coding == "raw" { "deflate" } else { coding };
            for size in [1, 7, 512, 100_000] {
                let octets = packed(coding, &page);
                assert_eq!(
                    found(name, &octets, size, "ready"),
                    Ok(true),
                    "{coding} {size}"
                );
                assert_eq!(
                    found(name, &octets, size, "absent"),
                    Ok(false),
                    "{coding} {size}"
                );
            }
        }
    }

    #[test]
    fn no_more_is_read_or_unfolded_than_a_probe_reads() {
        let bomb = packed("gzip", &vec![b'a'; 50_000_000]);
        assert!(bomb.len() < limits::PROBE_BODY_BYTES);
        let mut body = Body::of(coding("gzip")).unwrap();
        assert_eq!(body.take(&bomb), Ok(false));
        assert!(body.decoding.text().len() < 2 * limits::PROBE_BODY_BYTES + 1100 * STEP);
        let late = [&vec![b'a'; limits::PROBE_BODY_BYTES - 3][..], b"ready"].concat();
        assert_eq!(found("", &late, 4096, "ready"), Ok(false));
        let last = [&vec![b'a'; limits::PROBE_BODY_BYTES - 5][..], b"ready"].concat();
        assert_eq!(found("", &last, 4096, "ready"), Ok(true));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for coding in ["br", "zstd", "compress", "gzip, br", "gzip, gzip"] {
            assert_eq!(
                found(coding, b"ready", 10, "ready"),
                Err(Cause::Compressed),
                "{coding}"
            );
        }
        assert_eq!(
            found("gzip", b"ready, and not compressed", 100, "ready"),
            Err(Cause::Protocol)
        );
    }
}
