//! Frame Streams: frames one after another, framed by control frames, to a socket or a file.
//!
//! ```text
//! socket:  READY --> ACCEPT (theirs) --> START --> frames --> STOP
//! file:              START --> frames --> STOP; past its size it is set aside as `NAME.1`, in place of the last one
//! ```
//!
//! Every wait has a bound, and a stream on which something went wrong is not used again: half of a frame may be in it.
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::limits::DNSTAP_FILE_BYTES;
use crate::plan::TapPlace;

/// The content of the stream, as both sides name it.
const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";
/// The most octets of a control frame (`FSTRM_CONTROL_FRAME_LENGTH_MAX`).
const CONTROL_MOST: usize = 512;
const ACCEPT: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 3;
const READY: u32 = 4;
/// The number of the field that names the content.
const CONTENT_TYPE: u32 = 1;
/// The time for which a reader may be silent, or take nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// A stream, as long as it is open.
pub(super) struct FrameStream {
    place: TapPlace,
    open: Option<OpenStream>,
}

enum OpenStream {
    Socket(UnixStream),
    /// With the octets that are in it.
    File(File, u64),
}

/// A frame with its length in front; none if it is longer than any may be.
pub(super) fn frame(data: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(data.len()).ok()?;
    Some([&length.to_be_bytes()[..], data].concat())
}

impl FrameStream {
    /// One that is not open yet.
    pub(super) fn new(place: TapPlace) -> Self {
        Self { place, open: None }
    }

    /// The place that it goes to.
    pub(super) fn place(&self) -> &TapPlace {
        &self.place
    }

    /// Tells whether frames can be written.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Begins it.
    pub(super) fn open(&mut self) -> io::Result<()> {
        self.open = Some(match &self.place {
            TapPlace::Socket(path) => OpenStream::Socket(connect(path)?),
            TapPlace::File(path) => OpenStream::File(begin(path)?, 0),
        });
        Ok(())
    }

    /// Writes frames; after an error it is closed.
    pub(super) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        let written = match &mut self.open {
            None => Err(io::ErrorKind::NotConnected.into()),
            Some(OpenStream::Socket(socket)) => socket.write_all(frames),
            Some(OpenStream::File(file, size)) => {
                *size += frames.len() as u64;
                file.write_all(frames)
            }
        };
        let is_full =
            matches!(&self.open, Some(OpenStream::File(_, size)) if *size >= DNSTAP_FILE_BYTES);
        match written {
            Ok(()) if is_full => self.finish(),
            Ok(()) => {}
            Err(_) => self.open = None,
        }
        written
    }

    /// Ends it; frames after that begin another.
    pub(super) fn finish(&mut self) {
        // A reader that is gone misses nothing.
        let _ = self.write(&control(STOP, &[]));
        self.open = None;
    }
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    let mut socket = UnixStream::connect(path)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.write_all(&control(READY, CONTENT))?;
    if read_control(&mut socket)? != ACCEPT {
        return Err(io::Error::other("the reader takes no dnstap"));
    }
    socket.write_all(&control(START, CONTENT))?;
    Ok(socket)
}

/// Begins a file, after the one before is set aside.
fn begin(path: &Path) -> io::Result<File> {
    match fs::rename(path, aside(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&control(START, CONTENT))?;
    Ok(file)
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// A control frame: an empty frame, then a length, a kind, and maybe the content.
fn control(kind: u32, content: &[u8]) -> Vec<u8> {
    let mut rest = kind.to_be_bytes().to_vec();
    if !content.is_empty() {
        rest.extend(CONTENT_TYPE.to_be_bytes());
        rest.extend(frame(content).unwrap_or_default());
    }
    [&[0; 4][..], &frame(&rest).unwrap_or_default()].concat()
}

/// The kind of a control frame that comes.
fn read_control(from: &mut impl Read) -> io::Result<u32> {
    let mut head = [0; 8];
    from.read_exact(&mut head)?;
    let [0, 0, 0, 0, length @ ..] = head else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if !(4..=CONTROL_MOST).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; length];
    from.read_exact(&mut rest)?;
    let kind = rest.first_chunk().copied().unwrap_or_default();
    Ok(u32::from_be_bytes(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_framed_and_the_one_before_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.fstrm");
        let whole = |text: &[u8]| {
            let framed = [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
            [control(START, CONTENT), framed, control(STOP, &[])].concat()
        };
        for text in [&b"one"[..], b"two"] {
            let mut stream = FrameStream::new(TapPlace::File(path.clone()));
            assert!(stream.write(b"x").is_err(), "it is not open");
            stream.open().unwrap();
            stream.write(&frame(text).unwrap()).unwrap();
            stream.finish();
            assert!(!stream.is_open());
            assert_eq!(fs::read(&path).unwrap(), whole(text));
        }
        assert_eq!(fs::read(aside(&path)).unwrap(), whole(b"one"));
    }

    #[test]
    fn a_control_frame_is_read_as_it_is_written() {
        assert_eq!(
            read_control(&mut &control(ACCEPT, CONTENT)[..]).unwrap(),
            ACCEPT
        );
        for wrong in [
            &b"\0\0\0\0\0\0\0\x01\x01"[..],
            b"\0\0\0\x01\0\0\0\x04\0\0\0\x01",
            b"\0\0\0\0\xFF\0\0\0",
        ] {
            assert!(read_control(&mut &wrong[..]).is_err());
        }
    }
}
