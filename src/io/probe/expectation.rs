//! The expectations of an HTTP monitor, whatever version of HTTP brings it.
//!
//! A status that is not expected fails at once; one that is passes at once, unless something is wanted of the body. A text passes
//! as soon as it has come. JSON is judged when the body is there as a whole, so one that is longer than
//! [`limits::PROBE_BODY_BYTES`] is not JSON.
//!
//! [`limits::PROBE_BODY_BYTES`]: crate::base::limits::PROBE_BODY_BYTES
use serde_json::Value;

use super::body::Body;
use crate::base::Cause;
use crate::monitor::http::HttpCheck;
use crate::monitor::json::JsonExpectation;

/// The expectations of a response.
#[derive(Debug)]
pub(super) struct Expectation {
    /// Statuses that pass, as inclusive ranges.
    status: Vec<(u16, u16)>,
    /// Text that the body must hold.
    text: Option<String>,
    /// Expectations of a body in JSON.
    json: Vec<JsonExpectation>,
}

impl Expectation {
    /// Those of a monitor.
    pub(super) fn of(check: &HttpCheck) -> Self {
        Self {
            status: check.expect_status.clone(),
            text: check.expect_body.clone(),
            json: check.expect_json.clone(),
        }
    }

    /// Judges a status.
    ///
    /// # Errors
    /// That it is not expected.
    pub(super) fn judge_status(&self, status: u16) -> Result<(), Cause> {
        let within = |(first, last): &(u16, u16)| (*first..=*last).contains(&status);
        match self.status.iter().any(within) {
            true => Ok(()),
            false => Err(Cause::Status(status)),
        }
    }

    /// Tells whether something is wanted of the body.
    pub(super) fn wants_body(&self) -> bool {
        self.text.is_some() || !self.json.is_empty()
    }

    /// Tells whether what has come of a body passes, whatever follows.
    pub(super) fn is_met(&self, body: &mut Body) -> bool {
        let text = self.text.as_ref().filter(|_| self.json.is_empty());
        text.is_some_and(|text| body.holds(text))
    }

    /// Judges a body of which no more comes.
    ///
    /// # Errors
    /// That it is not as expected.
    pub(super) fn judge_body(&self, body: &mut Body) -> Result<(), Cause> {
        body.end();
        let has_text = self.text.as_ref().is_none_or(|text| body.holds(text));
        match has_text && self.is_json_met(body.text()) {
            true => Ok(()),
            false => Err(Cause::Body),
        }
    }

    fn is_json_met(&self, text: &[u8]) -> bool {
        if self.json.is_empty() {
            return true;
        }
        let body: Result<Value, _> = serde_json::from_slice(text);
        body.is_ok_and(|body| self.json.iter().all(|wanted| wanted.holds(&body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::probe::body::Coding;
    use crate::monitor::json::JsonWanted;

    fn judged(text: Option<&str>, pointer: &str, body: &[u8]) -> Result<(), Cause> {
        let expected = Expectation {
            status: vec![(200, 299)],
            text: text.map(str::to_owned),
            json: vec![JsonExpectation {
                pointer: pointer.to_owned(),
                wanted: JsonWanted::Value(Value::from("up")),
            }],
        };
        let mut all = Body::of(Coding::Identity).unwrap();
        all.take(body).unwrap();
        assert!(!expected.is_met(&mut all), "JSON is judged as a whole");
        expected.judge_body(&mut all)
    }

    #[test]
    fn text_and_json_are_both_asked_of_a_body() {
        let body = br#"{"db": {"status": "up"}, "note": "ready"}"#;
        assert_eq!(judged(None, "/db/status", body), Ok(()));
        assert_eq!(judged(Some("ready"), "/db/status", body), Ok(()));
        assert_eq!(judged(Some("other"), "/db/status", body), Err(Cause::Body));
        assert_eq!(judged(Some("ready"), "/note", body), Err(Cause::Body));
    }

    #[test]
    fn what_is_no_json_fails_whatever_it_is() {
        let deep = [vec![b'['; 60_000], b"]".to_vec()].concat();
        for body in [
            &b""[..],
            b"{",
            b"up",
            b"\xff\xfe",
            b"{\"a\": \"up\"} {}",
            &deep,
        ] {
            assert_eq!(judged(None, "/a", body), Err(Cause::Body));
        }
    }
}
