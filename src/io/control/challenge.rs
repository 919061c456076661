//! Orders about `_acme-challenge` names, read from a request.
//!
//! `GET` lists them; `POST` adds a value, or lets it stay longer; `DELETE` removes one value of a
//! name or all. Whether the name may have one is not known here.
use axum::http::Method;
use serde_json::{Value, json};

use super::order::line;
use super::parameters::Parameters;
use super::replies::Refusal;
use crate::base::Span;
use crate::dns::rr::rtype;
use crate::dns::{Name, text};
use crate::zones::{ChallengeName, ChallengeOrder};

/// Octets of one string of a TXT record (RFC 1035, section 3.3).
const STRING_BYTES: usize = 255;

/// Reads `name` or `domain`, `value`, `ttl`, `for` and `author`.
pub(super) fn read(method: &Method, parameters: &Parameters) -> Result<ChallengeOrder, Refusal> {
    let (mut target, mut rdata, mut author) = (None, None, String::new());
    let (mut ttl, mut stay) = (None, None);
    for (parameter, value) in parameters {
        match parameter.as_str() {
            "name" => target = Some(ChallengeName::Exact(name(parameter, value)?)),
            "domain" => target = Some(ChallengeName::OfDomain(name(parameter, value)?)),
            "value" => rdata = Some(octets(value)?),
            "author" => author = line(parameter, value)?,
            "ttl" if *method == Method::POST => ttl = Some(seconds(parameter, value)?),
            "for" if *method == Method::POST => stay = Some(seconds(parameter, value)?),
            _ => return Err(bad(format!("{parameter} is not known here"))),
        }
    }
    let given = target.ok_or_else(|| bad("name is missing: name=_acme-challenge.www.example.org"));
    if *method == Method::POST {
        let rdata = rdata.ok_or_else(|| bad("value is missing: value=TEXT"))?;
        let target = given?;
        return Ok(ChallengeOrder::Add {
            target,
            rdata,
            ttl,
            stay,
            author,
        });
    }
    if *method == Method::DELETE {
        let target = given?;
        return Ok(ChallengeOrder::Remove {
            target,
            rdata,
            author,
        });
    }
    match parameters.is_empty() {
        true => Ok(ChallengeOrder::List),
        false => Err(bad("the list takes no parameter")),
    }
}

/// Gives an order its author; says what it is, for the audit log.
pub(super) fn signed(order: &mut ChallengeOrder, sign: impl Fn(&str) -> String) -> Value {
    let (action, target, value, author) = match order {
        ChallengeOrder::List => return json!({ "action": "list challenges" }),
        ChallengeOrder::Add {
            target,
            rdata,
            author,
            ..
        } => ("add challenge", target, Some(&*rdata), author),
        ChallengeOrder::Remove {
            target,
            rdata,
            author,
        } => ("remove challenge", target, rdata.as_ref(), author),
    };
    *author = sign(author);
    let (ChallengeName::Exact(name) | ChallengeName::OfDomain(name)) = target;
    let value = value.map(|rdata| text::show_rdata(rtype::TXT, rdata));
    json!({ "action": action, "name": name.to_string(), "value": value, "author": author })
}

fn name(parameter: &str, value: &str) -> Result<Name, Refusal> {
    Name::parse(value).map_err(|error| bad(format!("{parameter}={value}: {error}")))
}

/// One string with its length before it.
fn octets(value: &str) -> Result<Vec<u8>, Refusal> {
    let length = u8::try_from(value.len()).ok().filter(|length| *length > 0);
    let length = length.ok_or_else(|| bad(format!("value has 1 to {STRING_BYTES} octets")))?;
    Ok([&[length], value.as_bytes()].concat())
}

fn seconds(parameter: &str, value: &str) -> Result<Span, Refusal> {
    let whole = |span: &Span| *span >= Span::from_secs(1) && span.0.is_multiple_of(1000);
    let span = Span::parse(value).filter(whole);
    span.ok_or_else(|| {
        bad(format!(
            "{parameter}={value} is no time; write 60s, 5m or 1h"
        ))
    })
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(method: &Method, line: &str) -> Result<ChallengeOrder, String> {
        let pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        read(method, &pairs.collect()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn orders_are_read() {
        let name = Name::parse("_acme-challenge.a.example").unwrap();
        let line = "name=_acme-challenge.a.example value=abc ttl=30s for=5m author=ada";
        let added = ChallengeOrder::Add {
            target: ChallengeName::Exact(name.clone()),
            rdata: b"\x03abc".to_vec(),
            ttl: Some(Span::from_secs(30)),
            stay: Some(Span::from_secs(300)),
            author: "ada".to_owned(),
        };
        assert_eq!(given(&Method::POST, line), Ok(added));
        for (line, target) in [
            (
                "name=_acme-challenge.a.example",
                ChallengeName::Exact(name.clone()),
            ),
            (
                "domain=_acme-challenge.a.example",
                ChallengeName::OfDomain(name),
            ),
        ] {
            let removed = ChallengeOrder::Remove {
                target,
                rdata: None,
                author: String::new(),
            };
            assert_eq!(given(&Method::DELETE, line), Ok(removed));
        }
        assert_eq!(given(&Method::GET, ""), Ok(ChallengeOrder::List));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        let long = format!("name=a.example value={}", "x".repeat(256));
        for (method, line, words) in [
            (Method::POST, "value=abc", "name is missing"),
            (Method::POST, "name=a.example", "value is missing"),
            (Method::POST, "name=a..example value=x", "empty label"),
            (Method::POST, "name=a.example value=", "1 to 255 octets"),
            (Method::POST, &*long, "1 to 255 octets"),
            (
                Method::POST,
                "name=a.example value=x ttl=0s",
                "ttl=0s is no time",
            ),
            (
                Method::POST,
                "name=a.example value=x for=1500ms",
                "for=1500ms is no time",
            ),
            (
                Method::DELETE,
                "name=a.example ttl=1s",
                "ttl is not known here",
            ),
            (Method::DELETE, "value=x", "name is missing"),
            (Method::GET, "name=a.example", "takes no parameter"),
        ] {
            let error = given(&method, line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
