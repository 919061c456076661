//! One response over HTTP/1.1, taken in as it comes (RFC 9112): its head, how long its body is, and the body.
//!
//! ```text
//! head --1xx--> head        head --> body --octets--> end        closed too early, or not as it must be: refused
//! ```
//!
//! It is strict where two readers could see different messages: a length is digits and one number, a line of a chunk ends in
//! CRLF, a head has an end within [`limits::PROBE_HEAD_BYTES`]. What follows a response that is complete is left to the caller,
//! who must not send another request over such a connection. It holds what has come of a head and nothing of a body, and
//! knows neither socket nor time. The lines of the head are `httparse`'s to read, which browsers' engines and `hyper` use.
use httparse::Status;

use super::body::Coding;
use crate::base::limits;

/// Header fields that are read without memory of their own.
const USUAL_FIELDS: usize = 32;
/// The beginning of every response.
const BEGINNING: &[u8] = b"HTTP/1.";

/// The kind of request that is answered: the response to one for the head alone has no body, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMethod {
    /// GET.
    Get,
    /// HEAD.
    Head,
}

/// A response that is being read.
#[derive(Debug)]
pub struct ResponseReader {
    method: RequestMethod,
    /// The beginning of a head whose rest has not come.
    begun: Vec<u8>,
    /// Octets of heads so far, those of informational responses included.
    head_octets: usize,
    state: ReaderState,
}

/// The part of a response that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReaderState {
    Head,
    /// So many octets of the body are still to come.
    Length(u64),
    Chunks(Chunked),
    UntilClose,
    End,
}

/// A place in a body in chunks (RFC 9112, section 7.1), and the octets of extensions and trailers that may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chunked {
    next: ChunkPart,
    allowance: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkPart {
    /// Digits of a size: how many there were, and the number.
    Size(u8, u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// The beginning of a line of the trailer.
    TrailerLine,
    Trailer,
    TrailerEnd,
    LastLf,
}

/// The head of a response, as far as a probe cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, 101 or 200 to 999.
    pub status: u16,
    /// The coding of the body.
    pub coding: Coding,
    /// Tells whether another request may follow over the connection once the body is there.
    pub is_persistent: bool,
}

/// A part of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponsePiece<'d> {
    /// More has to come first.
    Nothing,
    /// The head; there is one.
    Head(ResponseHead),
    /// Octets of the body.
    Data(&'d [u8]),
    /// The response is complete.
    End,
}

/// The fault of what is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedResponse;

impl ResponseReader {
    /// A reader of the response to one request.
    #[must_use]
    pub fn new(method: RequestMethod) -> Self {
        Self {
            method,
            begun: Vec::new(),
            head_octets: 0,
            state: ReaderState::Head,
        }
    }

    /// Takes the next part off the front of what has come.
    ///
    /// # Errors
    /// When it is not as a response must be; nothing can be read any more then.
    pub fn next<'d>(
        &mut self,
        octets: &mut &'d [u8],
    ) -> Result<ResponsePiece<'d>, MalformedResponse> {
        match self.state {
            ReaderState::Head => self.take_head(octets),
            ReaderState::End => Ok(ResponsePiece::End),
            _ if octets.is_empty() => Ok(ResponsePiece::Nothing),
            ReaderState::Length(left) => {
                let data = take(octets, left);
                self.state = ReaderState::of_length(left - length(data));
                Ok(ResponsePiece::Data(data))
            }
            ReaderState::Chunks(chunked) => self.take_chunks(chunked, octets),
            ReaderState::UntilClose => Ok(ResponsePiece::Data(take(octets, u64::MAX))),
        }
    }

    /// Takes in that the connection has ended.
    ///
    /// # Errors
    /// When the response has not.
    pub fn close(&mut self) -> Result<(), MalformedResponse> {
        match self.state {
            ReaderState::UntilClose | ReaderState::End => {
                self.state = ReaderState::End;
                Ok(())
            }
            ReaderState::Head | ReaderState::Length(_) | ReaderState::Chunks(_) => {
                Err(MalformedResponse)
            }
        }
    }

    fn take_head<'d>(
        &mut self,
        octets: &mut &'d [u8],
    ) -> Result<ResponsePiece<'d>, MalformedResponse> {
        loop {
            let seen = self.begun.len();
            let room = limits::PROBE_HEAD_BYTES - self.head_octets;
            let all = *octets;
            let head = if seen == 0 {
                let Some(end) = end_of_head(all, 0) else {
                    self.begun.extend_from_slice(take(octets, u64::MAX));
                    return self.await_head(room);
                };
                *octets = &all[end..];
                self.read_head(&all[..end], room)?
            } else {
                self.begun.extend_from_slice(take(octets, u64::MAX));
                let Some(end) = end_of_head(&self.begun, seen.saturating_sub(2)) else {
                    return self.await_head(room);
                };
                // The end cannot lie before what has come now.
                *octets = &all[end - seen..];
                let begun = std::mem::take(&mut self.begun);
                self.read_head(&begun[..end], room)?
            };
            if let Some(head) = head {
                return Ok(ResponsePiece::Head(head));
            }
        }
    }

    /// Judges the beginning of a head: one that goes wrong already need not be awaited.
    fn await_head<'d>(&self, room: usize) -> Result<ResponsePiece<'d>, MalformedResponse> {
        let common = self.begun.len().min(BEGINNING.len());
        if self.begun.len() > room || self.begun[..common] != BEGINNING[..common] {
            return Err(MalformedResponse);
        }
        Ok(ResponsePiece::Nothing)
    }

    /// Reads a head that is there; `None` for one that another follows (RFC 9110, section 15.2).
    fn read_head(
        &mut self,
        head: &[u8],
        room: usize,
    ) -> Result<Option<ResponseHead>, MalformedResponse> {
        if head.len() > room || !head.starts_with(BEGINNING) {
            return Err(MalformedResponse);
        }
        self.head_octets += head.len();
        let mut usual = [httparse::EMPTY_HEADER; USUAL_FIELDS];
        let fields = HeadFields::read(head, &mut usual);
        let fields = match fields {
            Err(httparse::Error::TooManyHeaders) => {
                let mut most = vec![httparse::EMPTY_HEADER; limits::PROBE_HEADERS];
                return self.take_fields(
                    &HeadFields::read(head, &mut most).map_err(|_| MalformedResponse)?,
                );
            }
            other => other.map_err(|_| MalformedResponse)?,
        };
        self.take_fields(&fields)
    }

    fn take_fields(
        &mut self,
        fields: &HeadFields<'_>,
    ) -> Result<Option<ResponseHead>, MalformedResponse> {
        match fields.status {
            0..=99 => return Err(MalformedResponse),
            100 | 102..=199 => return Ok(None),
            _ => {}
        }
        let (state, is_framed_once) = fields.framing(self.method)?;
        self.state = state;
        let is_persistent = is_framed_once
            && state != ReaderState::UntilClose
            && fields.status != 101
            && fields.keeps_connection();
        Ok(Some(ResponseHead {
            status: fields.status,
            coding: Coding::of(fields.all("content-encoding")),
            is_persistent,
        }))
    }

    fn take_chunks<'d>(
        &mut self,
        mut chunked: Chunked,
        octets: &mut &'d [u8],
    ) -> Result<ResponsePiece<'d>, MalformedResponse> {
        while let Some((first, rest)) = octets.split_first() {
            if let ChunkPart::Data(left) = chunked.next {
                let data = take(octets, left);
                chunked.next = match left - length(data) {
                    0 => ChunkPart::DataCr,
                    left => ChunkPart::Data(left),
                };
                self.state = ReaderState::Chunks(chunked);
                return Ok(ResponsePiece::Data(data));
            }
            *octets = rest;
            let Some(next) = chunked.step(*first)? else {
                self.state = ReaderState::End;
                return Ok(ResponsePiece::End);
            };
            chunked.next = next;
        }
        self.state = ReaderState::Chunks(chunked);
        Ok(ResponsePiece::Nothing)
    }
}

impl ReaderState {
    fn of_length(left: u64) -> Self {
        if left == 0 {
            Self::End
        } else {
            Self::Length(left)
        }
    }
}

impl Chunked {
    const BEGIN: Self = Self {
        next: ChunkPart::Size(0, 0),
        allowance: limits::PROBE_HEAD_BYTES,
    };

    /// The part after one octet that is none of the data; `None` at the end of the body.
    fn step(&mut self, octet: u8) -> Result<Option<ChunkPart>, MalformedResponse> {
        use ChunkPart as Part;
        let next = match (self.next, octet) {
            (Part::Size(digits, size), _) if octet.is_ascii_hexdigit() && digits < 16 => {
                let digit = char::from(octet).to_digit(16).map_or(0, u64::from);
                Part::Size(digits + 1, size << 4 | digit)
            }
            (Part::Size(1.., size), b'\r') => Part::SizeEnd(size),
            (Part::Size(1.., size), b';' | b' ' | b'\t') => Part::Extension(size),
            (Part::Extension(size), b'\r') => Part::SizeEnd(size),
            (Part::Extension(size), _) if octet != b'\n' => Part::Extension(size),
            (Part::SizeEnd(0), b'\n') => Part::TrailerLine,
            (Part::SizeEnd(size), b'\n') => Part::Data(size),
            (Part::DataCr, b'\r') => Part::DataLf,
            (Part::DataLf, b'\n') => Part::Size(0, 0),
            (Part::TrailerLine, b'\r') => Part::LastLf,
            (Part::Trailer, b'\r') => Part::TrailerEnd,
            (Part::TrailerLine | Part::Trailer, _) if octet != b'\n' => Part::Trailer,
            (Part::TrailerEnd, b'\n') => Part::TrailerLine,
            (Part::LastLf, b'\n') => return Ok(None),
            _ => return Err(MalformedResponse),
        };
        if matches!(next, Part::Extension(_) | Part::Trailer) {
            self.allowance = self.allowance.checked_sub(1).ok_or(MalformedResponse)?;
        }
        Ok(Some(next))
    }
}

/// Status line and header fields of a head.
struct HeadFields<'h> {
    status: u16,
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    version: u8,
    list: &'h [httparse::Header<'h>],
}

impl<'h> HeadFields<'h> {
    fn read(head: &'h [u8], room: &'h mut [httparse::Header<'h>]) -> Result<Self, httparse::Error> {
        let mut response = httparse::Response::new(room);
        match response.parse(head)? {
            Status::Complete(_) => {}
            Status::Partial => return Err(httparse::Error::NewLine),
        }
        Ok(Self {
            status: response.code.ok_or(httparse::Error::Status)?,
            version: response.version.ok_or(httparse::Error::Version)?,
            list: response.headers,
        })
    }

    /// The values of all fields of a name.
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
        let named = self.list.iter();
        let named = named.filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value)
    }

    /// The length of the body (RFC 9112, section 6.3), and whether the head has said it once. Where it is said twice, as a
    /// length and as chunks, the chunks count, and what follows is not trusted.
    fn framing(&self, method: RequestMethod) -> Result<(ReaderState, bool), MalformedResponse> {
        let length = self.content_length()?;
        let coding = self.all("transfer-encoding").last();
        if method == RequestMethod::Head || matches!(self.status, 204 | 304) {
            return Ok((ReaderState::End, true));
        }
        let Some(coding) = coding else {
            return Ok((
                length.map_or(ReaderState::UntilClose, ReaderState::of_length),
                true,
            ));
        };
        let last = members(coding).last().unwrap_or_default();
        let state = if last.eq_ignore_ascii_case(b"chunked") {
            ReaderState::Chunks(Chunked::BEGIN)
        } else {
            ReaderState::UntilClose
        };
        Ok((state, length.is_none() && self.version == 1))
    }

    /// The length that the head states; it may be stated more than once if it is the same (RFC 9112, section 6.3).
    fn content_length(&self) -> Result<Option<u64>, MalformedResponse> {
        let mut length = None;
        for member in self.all("content-length").flat_map(members) {
            if member.is_empty() || !member.iter().all(u8::is_ascii_digit) {
                return Err(MalformedResponse);
            }
            let text = std::str::from_utf8(member).map_err(|_| MalformedResponse)?;
            let stated: u64 = text.parse().map_err(|_| MalformedResponse)?;
            if length.replace(stated).is_some_and(|other| other != stated) {
                return Err(MalformedResponse);
            }
        }
        Ok(length)
    }

    /// Tells whether the server goes on listening (RFC 9112, section 9.3).
    fn keeps_connection(&self) -> bool {
        let mut options = self.all("connection").flat_map(members);
        self.version == 1 && !options.any(|option| option.eq_ignore_ascii_case(b"close"))
    }
}

/// The members of a list in a field's value (RFC 9110, section 5.6.1).
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii)
}

/// The place after the empty line that ends a head, sought from a place on. A line may end in LF alone (RFC 9112, section
/// 2.2).
fn end_of_head(octets: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = octets[at..].iter().position(|octet| *octet == b'\n') {
        at += found + 1;
        match &octets[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Takes at most so many octets off the front.
fn take<'d>(octets: &mut &'d [u8], most: u64) -> &'d [u8] {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (taken, rest) = octets.split_at(octets.len().min(most));
    *octets = rest;
    taken
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is read of octets that come in parts of a size: status and persistence, the body, and what is left over.
    type Read = (
        Option<(u16, bool)>,
        Vec<u8>,
        Result<usize, MalformedResponse>,
    );

    fn read(method: RequestMethod, octets: &[u8], size: usize) -> Read {
        let mut reader = ResponseReader::new(method);
        let (mut head, mut body) = (None, Vec::new());
        let mut taken = 0;
        for part in octets.chunks(size) {
            let mut rest = part;
            loop {
                match reader.next(&mut rest) {
                    Ok(ResponsePiece::Nothing) => break,
                    Ok(ResponsePiece::Head(found)) => {
                        head = Some((found.status, found.is_persistent))
                    }
                    Ok(ResponsePiece::Data(data)) => body.extend_from_slice(data),
                    Ok(ResponsePiece::End) => {
                        return (
                            head,
                            body,
                            Ok(octets.len() - taken - part.len() + rest.len()),
                        );
                    }
                    Err(malformed) => return (head, body, Err(malformed)),
                }
            }
            taken += part.len();
        }
        (head, body, reader.close().map(|()| 0))
    }

    fn get(text: &str) -> Read {
        let whole = read(RequestMethod::Get, text.as_bytes(), usize::MAX);
        for size in [1, 2, 3, 7] {
            let parts = read(RequestMethod::Get, text.as_bytes(), size);
            assert_eq!(parts, whole, "{text:?} in parts of {size}");
        }
        whole
    }

    #[test]
    fn a_body_is_as_long_as_the_head_says() {
        let cases: [(&str, bool, &str, usize); 12] = [
            ("content-length: 2\r\n\r\nok", true, "ok", 0),
            ("Content-Length: 2, 2\r\n\r\nok+more", true, "ok", 5),
            ("content-length: 0\r\n\r\n", true, "", 0),
            (
                "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                true,
                "ok",
                0,
            ),
            (
                "Transfer-Encoding: gzip, Chunked\r\n\r\n1;a=\"b\"\r\no\r\n1 \r\nk\r\n00\r\nx: y\r\n\r\n!",
                true,
                "ok",
                1,
            ),
            (
                "transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                false,
                "ok",
                0,
            ),
            (
                "content-length: 2\r\nconnection: close\r\n\r\nok",
                false,
                "ok",
                0,
            ),
            (
                "content-length: 2\r\nConnection: x, CLOSE\r\n\r\nok",
                false,
                "ok",
                0,
            ),
            (
                "connection: keep-alive\r\n\r\nto the end",
                false,
                "to the end",
                0,
            ),
            (
                "transfer-encoding: gzip\r\n\r\nto the end",
                false,
                "to the end",
                0,
            ),
            ("\n\nlf", false, "\nlf", 0),
            ("x: y\n\r\nlf", false, "lf", 0),
        ];
        for (rest, persistent, body, left) in cases {
            let text = format!("HTTP/1.1 200 OK\r\n{rest}");
            let expected = (Some((200, persistent)), body.as_bytes().to_vec(), Ok(left));
            assert_eq!(get(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn some_responses_have_no_body_and_some_come_before_the_one_that_counts() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        let asked = read(RequestMethod::Head, head.as_bytes(), 4);
        assert_eq!(asked, (Some((200, true)), Vec::new(), Ok(0)));
        for (text, status, persistent) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
            (
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
                304,
                true,
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 200, false),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 204 \r\n\r\n",
                204,
                true,
            ),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, false),
        ] {
            assert_eq!(
                get(text),
                (Some((status, persistent)), Vec::new(), Ok(0)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_cut_short_or_no_response_is_refused() {
        let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        let long = format!(
            "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
            "y".repeat(limits::PROBE_HEAD_BYTES)
        );
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let extended = format!("{chunked}1;{}", "x".repeat(limits::PROBE_HEAD_BYTES + 1));
        for text in [
            "",
            "HTTP/1.1 200",
            "SSH-2.0-OpenSSH_9.9\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 Odd\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nok",
            &format!("{chunked}zz\r\n"),
            &format!("{chunked}\r\nok"),
            &format!("{chunked}2\nok\r\n0\r\n\r\n"),
            &format!("{chunked}2\r\nokk\r\n0\r\n\r\n"),
            &format!("{chunked}00000000000000002\r\nok\r\n0\r\n\r\n"),
            &format!("{chunked}2\r\nok\r\n0\r\n"),
            &extended,
            &many,
            &long,
        ] {
            let (_, _, end) = get(text);
            assert_eq!(end, Err(MalformedResponse), "{text:?}");
        }
    }

    #[test]
    fn a_beginning_that_is_no_response_is_not_awaited() {
        for (text, outcome) in [
            ("SSH-2.0", Err(MalformedResponse)),
            ("HTTP/2", Err(MalformedResponse)),
            ("HTT", Ok(ResponsePiece::Nothing)),
            ("HTTP/1.1 200 OK\r\nx: y\r\n", Ok(ResponsePiece::Nothing)),
        ] {
            let mut reader = ResponseReader::new(RequestMethod::Get);
            assert_eq!(reader.next(&mut text.as_bytes()), outcome, "{text}");
        }
    }

    #[test]
    fn a_head_may_have_as_many_fields_as_fit_into_it() {
        let fields = "a:\r\n".repeat(4000);
        let text = format!("HTTP/1.1 200 OK\r\n{fields}content-length: 1\r\n\r\n!");
        assert_eq!(get(&text), (Some((200, true)), b"!".to_vec(), Ok(0)));
    }
}
