//! The expectations of an HTTP monitor, whatever version of HTTP brings it.
//!
//! A status that is not expected fails at once; one that is passes at once, unless something is wanted of the body. A text passes
//! as soon as it has come. JSON is judged when the body is there as a whole, so one that is longer than
//! [`limits::PROBE_BODY_BYTES`] is not JSON.
//!
//! [`limits::PROBE_BODY_BYTES`]: crate::base::limits::PROBE_BODY_BYTES
use serde_json::Value;

use super::body::Body;
use crate::base::{Cause, MonitorValue};
use crate::monitor::http::HttpCheck;
use crate::monitor::json::JsonExpectation;

/// The outcome of a response: the value of a body, if one is read and it has one.
pub(super) type JudgedResponse = Result<Option<MonitorValue>, Cause>;

/// The expectations of a response.
#[derive(Debug)]
pub(super) struct Expectation {
    /// Statuses that pass, as inclusive ranges.
    status: Vec<(u16, u16)>,
    /// Text that the body must hold.
    text: Option<String>,
    /// Expectations of a body in JSON.
    json: Vec<JsonExpectation>,
    /// The place of the value that is read.
    value: Option<String>,
}

impl Expectation {
    /// Those of a monitor.
    pub(super) fn of(check: &HttpCheck) -> Self {
        Self {
            status: check.expect_status.clone(),
            text: check.expect_body.clone(),
            json: check.expect_json.clone(),
            value: check.value.clone(),
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
        self.text.is_some() || self.wants_json()
    }

    fn wants_json(&self) -> bool {
        !self.json.is_empty() || self.value.is_some()
    }

    /// Tells whether what has come of a body passes, whatever follows.
    pub(super) fn is_met(&self, body: &mut Body) -> bool {
        let text = self.text.as_ref().filter(|_| !self.wants_json());
        text.is_some_and(|text| body.holds(text))
    }

    /// Judges a body of which no more comes. One that has no number where a value is read has none, and passes.
    ///
    /// # Errors
    /// That it is not as expected.
    pub(super) fn judge_body(&self, body: &mut Body) -> JudgedResponse {
        body.end();
        if !self.text.as_ref().is_none_or(|text| body.holds(text)) {
            return Err(Cause::Body);
        }
        if !self.wants_json() {
            return Ok(None);
        }
        let json: Option<Value> = serde_json::from_slice(body.text()).ok();
        let is_met = |wanted: &JsonExpectation| json.as_ref().is_some_and(|own| wanted.holds(own));
        if !self.json.iter().all(is_met) {
            return Err(Cause::Body);
        }
        let place = self.value.as_ref().zip(json.as_ref());
        let found = place.and_then(|(place, json)| json.pointer(place)?.as_number());
        Ok(found.and_then(|number| MonitorValue::parse(&number.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::probe::body::Coding;
    use crate::monitor::json::JsonWanted;

    fn judged(text: Option<&str>, pointer: &str, body: &[u8]) -> JudgedResponse {
        let expected = Expectation {
            status: vec![(200, 299)],
            text: text.map(str::to_owned),
            json: vec![JsonExpectation {
                pointer: pointer.to_owned(),
                wanted: JsonWanted::Value(Value::from("up")),
            }],
            value: None,
        };
        let mut all = Body::of(Coding::Identity).unwrap();
        all.take(body).unwrap();
        assert!(!expected.is_met(&mut all), "JSON is judged as a whole");
        expected.judge_body(&mut all)
    }

    #[test]
    fn text_and_json_are_both_asked_of_a_body() {
        let body = br#"{"db": {"status": "up"}, "note": "ready"}"#;
        assert_eq!(judged(None, "/db/status", body), Ok(None));
        assert_eq!(judged(Some("ready"), "/db/status", body), Ok(None));
        assert_eq!(judged(Some("other"), "/db/status", body), Err(Cause::Body));
        assert_eq!(judged(Some("ready"), "/note", body), Err(Cause::Body));
    }

    #[test]
    fn a_number_is_read_and_nothing_is_expected_of_it() {
        let read = |place: &str, body: &[u8]| {
            let expected = Expectation {
                status: Vec::new(),
                text: None,
                json: Vec::new(),
                value: Some(place.to_owned()),
            };
            assert!(expected.wants_body());
            let mut all = Body::of(Coding::Identity).unwrap();
            all.take(body).unwrap();
            expected.judge_body(&mut all)
        };
        let body = br#"{"load": {"free": 37.5, "all": 1e2}, "name": "a"}"#;
        assert_eq!(read("/load/free", body), Ok(Some(MonitorValue(37_500))));
        assert_eq!(read("/load/all", body), Ok(Some(MonitorValue(100_000))));
        assert_eq!(read("/name", body), Ok(None));
        assert_eq!(read("/other", body), Ok(None));
        assert_eq!(read("", b"no JSON"), Ok(None));
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
