//! What is declared at a server, whatever it is: looked at, written and removed on the condition that it is what was read.
use hyper::Method;
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value as Json, json};

use crate::api::{Answer, Api, ApiError, Ask};
use crate::resource::{Change, Fault};
use crate::schema::{Attribute, Kind, Mode};

/// Media type of a merge patch (RFC 7386).
pub(crate) const PATCH: &str = "application/merge-patch+json";
/// Attempts to move something while others change what is beside it.
const MOVES: usize = 5;
/// Attempts to change something of a server that does not say what became of it.
const TRIES: usize = 3;

/// Who declared it; an attribute of all that is declared.
pub(crate) const AUTHOR: Attribute = Attribute {
    name: "author",
    kind: Kind::Text,
    mode: Mode::Computed,
    text: "The identity that declared it as it is.",
};
/// Why; another one.
pub(crate) const REASON: Attribute = Attribute {
    name: "reason",
    kind: Kind::Text,
    mode: Mode::Computed,
    text: "Why: `reason` of the provider then.",
};

/// Something that can be declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Names on the way to it, below `/api/v1`.
    pub(crate) path: Vec<String>,
    /// Its name for a person.
    pub(crate) named: String,
    /// Its id for an import.
    pub(crate) id: String,
    /// The attribute that says what it is to be.
    pub(crate) content: &'static str,
}

/// A condition, and whether it is only tried.
struct Terms {
    condition: Option<(HeaderName, String)>,
    dry_run: &'static str,
}

impl Target {
    /// As it is declared now.
    pub(crate) async fn look(&self, api: &Api) -> Result<Json, ApiError> {
        let answer = api.ask(&Ask::get(&self.path(), &[])).await?;
        Ok(answer.body)
    }

    /// A fault of what was to be done with it, shown at the attribute that it is about.
    pub(crate) fn failed(&self, verb: &str) -> impl Fn(ApiError) -> Fault + use<> {
        let (what, content) = (format!("Cannot {verb} {}", self.named), self.content);
        move |error| {
            let fault = Fault::of(&error, &what);
            match error {
                ApiError::Refused(403 | 409, _) => fault.at("name"),
                ApiError::Refused(422, _) => fault.at(content),
                ApiError::Refused(..)
                | ApiError::Unreached(_)
                | ApiError::Unsent(_)
                | ApiError::Silent(_) => fault,
            }
        }
    }

    /// A fault of what is to come, and is there.
    pub(crate) fn is_there(&self, why: &str) -> Fault {
        let Self { named, id, .. } = self;
        let detail =
            format!("{why}\nIf it is to be managed here, import it: terraform import ADDRESS {id}");
        Fault::new(format!("{named} is declared already"), detail).at("name")
    }

    fn path(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// Declares it, or tries to.
pub(crate) async fn write(
    api: &Api,
    target: &Target,
    (change, body): (Change<'_>, Json),
    dry_run: &'static str,
) -> Result<Answer, Fault> {
    let (verb, condition) = match change.prior {
        None => ("declare", Some((IF_NONE_MATCH, "*".to_owned()))),
        Some(_) => ("change", unchanged(change)),
    };
    let mut left = TRIES;
    loop {
        left -= 1;
        let terms = Terms {
            condition: condition.clone(),
            dry_run,
        };
        let error = match put(api, target, terms, &body).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if error.is_unclear() || left < TRIES - 1 {
            // Perhaps it was done: then the same once more changes nothing.
            let terms = Terms {
                condition: None,
                dry_run: "true",
            };
            let again = put(api, target, terms, &body).await;
            match again.ok().filter(|own| own.body["changes"] == json!([])) {
                Some(answer) => return Ok(answer),
                None if error.is_unclear() && left > 0 => continue,
                None => {}
            }
        }
        return Err(match (error, change.prior) {
            (ApiError::Refused(412, why), None) => target.is_there(&why),
            (error, _) => target.failed(verb)(error),
        });
    }
}

async fn put(api: &Api, target: &Target, terms: Terms, body: &Json) -> Result<Answer, ApiError> {
    let path = target.path();
    let ask = Ask {
        method: Method::PUT,
        path: &path,
        query: &circumstances(api, &path, terms.dry_run),
        condition: terms.condition,
        body: Some(("application/json", body.to_string())),
    };
    api.ask(&ask).await
}

/// Declares something in the place of another, in one change of what a list shows, or tries to.
pub(crate) async fn relocate(
    api: &Api,
    [from, to]: [&Target; 2],
    (change, list, body): (Change<'_>, &[&str], Json),
    dry_run: &'static str,
) -> Result<Answer, ApiError> {
    let mut tries = MOVES;
    loop {
        tries -= 1;
        // The condition is on the list, read before its parts are looked at.
        let whole = api.ask(&Ask::get(list, &[("limit", "1")])).await?;
        let view = from.look(api).await?;
        if view["revision"] != change.private["revision"] {
            let named = &from.named;
            let why = format!(
                "{named} is not as expected: its revision is {}",
                view["revision"]
            );
            return Err(ApiError::Refused(412, why));
        }
        if to.look(api).await.is_ok() {
            let why = format!("{} is declared already", to.named);
            return Err(ApiError::Refused(409, why));
        }
        let ask = Ask {
            method: Method::PATCH,
            path: list,
            query: &circumstances(api, list, dry_run),
            condition: whole.tag.map(|tag| (IF_MATCH, tag)),
            body: Some((PATCH, body.to_string())),
        };
        match api.ask(&ask).await {
            Err(ApiError::Refused(412, _)) if tries > 0 => {}
            Err(error) if error.is_unclear() && from.look(api).await.is_err() => {
                // All of it was done, or nothing.
                let done = api.ask(&Ask::get(&to.path(), &[])).await;
                return done.map_err(|_| error);
            }
            other => return other,
        }
    }
}

/// Declares it no longer, or tries to. What is gone already is well.
pub(crate) async fn remove(
    api: &Api,
    target: &Target,
    change: Change<'_>,
    dry_run: &'static str,
) -> Result<(), Fault> {
    let path = target.path();
    let ask = Ask {
        method: Method::DELETE,
        path: &path,
        query: &circumstances(api, &path, dry_run),
        condition: unchanged(change),
        body: None,
    };
    let mut left = TRIES;
    loop {
        left -= 1;
        let error = match api.ask(&ask).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match target.look(api).await {
            Err(ApiError::Refused(404, _)) => return Ok(()),
            Ok(_) | Err(_) if error.is_unclear() && left > 0 => {}
            Ok(_) | Err(_) => return Err(target.failed("remove")(error)),
        }
    }
}

/// The condition that it is what was read.
fn unchanged(change: Change<'_>) -> Option<(HeaderName, String)> {
    let revision = change.private["revision"].as_u64()?;
    Some((IF_MATCH, format!("\"{revision}\"")))
}

/// Parameters of each change below a path. A trial of objects compiles, and does not compare plans, which takes long.
pub(crate) fn circumstances<'a>(
    api: &'a Api,
    path: &[&str],
    dry_run: &'static str,
) -> [(&'static str, &'a str); 4] {
    let is_trial = dry_run == "true" && path.first() == Some(&"declared");
    [
        ("dry_run", dry_run),
        ("plan", if is_trial { "false" } else { "" }),
        ("author", &api.author),
        ("reason", &api.reason),
    ]
}
