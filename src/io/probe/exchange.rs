//! A request over a connection that stands, and the judgement of its response (RFC 9110).
//!
//! A status that is not expected fails at once; one that is passes at once, unless something is wanted of the body: then it
//! is looked through as it comes ([`Body`]), to its end or to [`limits::PROBE_BODY_BYTES`], whichever comes first. A body without a
//! length ends with its connection, and also where that is closed without TLS's farewell: what is
//! there is looked through, as browsers show it. Redirects are not followed; a monitor that expects one
//! lists its status. It notes when the first
//! octet came; whoever awaits it sets the deadline.
//!
//! What is left of a response that has been judged can be read to its end, after the report: only then may the connection
//! carry another request.
use std::time::Duration;

use tokio::time::Instant;

use super::body::Body;
use super::cause;
use super::expectation::{Expectation, JudgedResponse};
use super::response::{RequestMethod, ResponseHead, ResponsePiece, ResponseReader};
use super::stream::ProbeStream;
use crate::base::{Cause, MonitorValue, limits};

/// An exchange over one connection.
#[derive(Debug)]
pub(super) struct HttpExchange {
    stream: ProbeStream,
    response: Response,
    /// Time from the request to the first octet of the response, once that has come.
    first_octet: Option<Duration>,
}

/// A response under way.
#[derive(Debug)]
struct Response {
    reader: ResponseReader,
    head: Option<ResponseHead>,
    body: Option<Body>,
    progress: ResponseProgress,
    /// Octets of the body that have been read for no other reason than to come to its end.
    drained: usize,
}

/// The octets of a response, as they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResponseProgress {
    /// None has come.
    Silent,
    /// Some have, and nothing is wrong with them.
    Coming,
    /// The last one has.
    Complete,
    /// More than the response has come, or less.
    Spoilt,
}

impl HttpExchange {
    /// An exchange that has not begun.
    pub(super) fn new(stream: ProbeStream, method: RequestMethod) -> Self {
        Self {
            stream,
            first_octet: None,
            response: Response {
                reader: ResponseReader::new(method),
                head: None,
                body: None,
                progress: ResponseProgress::Silent,
                drained: 0,
            },
        }
    }

    /// Sends the request, and judges the response.
    ///
    /// # Errors
    /// What is wrong with the response, or why none came.
    pub(super) async fn run(&mut self, request: &[u8], expected: &Expectation) -> JudgedResponse {
        let began = Instant::now();
        let sent = self.stream.send(request).await;
        sent.map_err(|error| cause::of_answer(&error))?;
        let Self {
            stream,
            response,
            first_octet,
        } = self;
        loop {
            let judged = stream.read(|part| response.take(part, expected)).await;
            if judged.is_ok() && response.progress != ResponseProgress::Silent {
                first_octet.get_or_insert_with(|| began.elapsed());
            }
            if let Some(judged) = judged.map_err(|error| cause::of_answer(&error))? {
                return judged;
            }
        }
    }

    /// Time from the request to the first octet of the response, if one has come.
    pub(super) fn first_octet(&self) -> Option<Duration> {
        self.first_octet
    }

    /// Tells that nothing has come over the connection.
    pub(super) fn is_silent(&self) -> bool {
        self.response.progress == ResponseProgress::Silent
    }

    /// Reads a response that has been judged to its end, if that is near, and gives the connection if it can carry another
    /// request.
    pub(super) async fn finish(mut self) -> Option<ProbeStream> {
        let is_persistent = self.response.head.is_some_and(|head| head.is_persistent);
        let Self {
            stream, response, ..
        } = &mut self;
        while is_persistent && response.progress == ResponseProgress::Coming {
            stream.read(|part| response.drain_more(part)).await.ok()?;
        }
        let is_reusable = is_persistent && response.progress == ResponseProgress::Complete;
        is_reusable.then_some(self.stream)
    }
}

impl Response {
    /// Takes in what has come, nothing for the end of the connection; judges as soon as it can.
    fn take(&mut self, part: &[u8], expected: &Expectation) -> Option<JudgedResponse> {
        if part.is_empty() {
            return Some(self.close(expected));
        }
        self.progress = ResponseProgress::Coming;
        let mut rest = part;
        let judged = self.judge(&mut rest, expected).transpose();
        if matches!(judged, Some(Ok(_))) {
            self.drain(rest);
        }
        judged
    }

    fn judge(
        &mut self,
        rest: &mut &[u8],
        expected: &Expectation,
    ) -> Result<Option<Option<MonitorValue>>, Cause> {
        loop {
            match self.reader.next(rest).map_err(|_| Cause::Protocol)? {
                ResponsePiece::Nothing => return Ok(None),
                ResponsePiece::Head(head) => {
                    self.head = Some(head);
                    expected.judge_status(head.status)?;
                    if !expected.wants_body() {
                        return Ok(Some(None));
                    }
                    self.body = Some(Body::of(head.coding)?);
                }
                ResponsePiece::Data(data) => {
                    let Some(body) = &mut self.body else {
                        return Ok(Some(None));
                    };
                    let has_room = body.take(data)?;
                    if expected.is_met(body) {
                        return Ok(Some(None));
                    }
                    if !has_room {
                        return self.judge_body(expected).map(Some);
                    }
                }
                ResponsePiece::End => return self.judge_body(expected).map(Some),
            }
        }
    }

    /// The connection has ended: a body that has no other end is complete.
    fn close(&mut self, expected: &Expectation) -> JudgedResponse {
        let is_whole = self.reader.close().is_ok();
        if self.progress != ResponseProgress::Silent {
            self.progress = ResponseProgress::Spoilt;
        }
        if is_whole {
            self.judge_body(expected)
        } else {
            Err(Cause::Reset)
        }
    }

    /// Judges a body of which no more comes.
    fn judge_body(&mut self, expected: &Expectation) -> JudgedResponse {
        match &mut self.body {
            Some(body) => expected.judge_body(body),
            None => Ok(None),
        }
    }

    /// Passes over more of a response that has been judged, nothing for the end of the connection.
    fn drain_more(&mut self, part: &[u8]) {
        if part.is_empty() {
            self.progress = ResponseProgress::Spoilt;
        } else {
            self.drain(part);
        }
    }

    /// Passes over what has come of the rest.
    fn drain(&mut self, mut part: &[u8]) {
        self.drained += part.len();
        if self.drained > limits::PROBE_BODY_BYTES {
            self.progress = ResponseProgress::Spoilt;
            return;
        }
        self.progress = loop {
            match self.reader.next(&mut part) {
                Ok(ResponsePiece::Nothing) => break ResponseProgress::Coming,
                Ok(ResponsePiece::Head(_) | ResponsePiece::Data(_)) => {}
                Ok(ResponsePiece::End) if part.is_empty() => break ResponseProgress::Complete,
                Ok(ResponsePiece::End) | Err(_) => break ResponseProgress::Spoilt,
            }
        };
    }
}
