//! An operator's order, read from a request.
//!
//! What is ordered for which name is required; who orders it and why should be said and may be
//! absent. Both are shown to others later, in logs and on terminals, so they are one line of plain
//! text. Whether the name means anything is not known here.
use super::parameters::Parameters;
use super::replies::Refusal;
use crate::base::limits::ORDER_TEXT_BYTES;
use crate::engine::order::{Action, Order};

/// Reads `action` (`approve`, `drain` or `undrain`), `scope`, `author` and `reason`.
pub(super) fn read(parameters: &Parameters) -> Result<Order, Refusal> {
    let (mut action, mut scope) = (None, None);
    let (mut author, mut reason) = (String::new(), String::new());
    for (parameter, value) in parameters {
        match parameter.as_str() {
            "action" => action = Some(read_action(value)?),
            "scope" => scope = Some(line(parameter, value)?),
            "author" => author = line(parameter, value)?,
            "reason" => reason = line(parameter, value)?,
            _ => return Err(bad(format!("{parameter} is not known here"))),
        }
    }
    let scope = scope.filter(|scope: &String| !scope.is_empty());
    Ok(Order {
        action: action.ok_or_else(|| bad("action is missing: action=drain"))?,
        scope: scope.ok_or_else(|| bad("scope is missing: scope=REGION, PROVIDER or ENDPOINT"))?,
        author,
        reason,
    })
}

fn read_action(text: &str) -> Result<Action, Refusal> {
    match text {
        "approve" => Ok(Action::Approve),
        "drain" => Ok(Action::Drain),
        "undrain" => Ok(Action::Undrain),
        _ => Err(bad(format!(
            "action={text:?} is not known; approve, drain and undrain are"
        ))),
    }
}

/// A short line that any terminal shows as it is.
pub(super) fn line(parameter: &str, text: &str) -> Result<String, Refusal> {
    if text.len() > ORDER_TEXT_BYTES {
        let message = format!("{parameter} is longer than {ORDER_TEXT_BYTES} octets: shorten it");
        return Err(bad(message));
    }
    if text.chars().any(char::is_control) {
        let message =
            format!("{parameter} holds a control character: write plain text on one line");
        return Err(bad(message));
    }
    Ok(text.to_owned())
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(parameters: &[(&str, &str)]) -> Result<Order, String> {
        let owned = parameters.iter();
        let owned = owned.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        read(&owned.collect()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn author_and_reason_may_be_absent() {
        let order = given(&[("scope", "eu"), ("action", "undrain")]).unwrap();
        assert_eq!((order.action, &*order.scope), (Action::Undrain, "eu"));
        assert_eq!((&*order.author, &*order.reason), ("", ""));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        let long = "x".repeat(ORDER_TEXT_BYTES + 1);
        for (more, words) in [
            (("action", "force"), "approve, drain and undrain are"),
            (("scope", ""), "scope is missing"),
            (("author", "a\u{1b}[2J"), "author holds a control character"),
            (("reason", "two\nlines"), "reason holds a control character"),
            (("reason", &*long), "reason is longer than 512 octets"),
            (("expiry", "1h"), "expiry is not known"),
        ] {
            let found = given(&[("action", "drain"), ("scope", "eu"), more]).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
        assert!(
            given(&[("scope", "eu")])
                .unwrap_err()
                .contains("action is missing")
        );
        assert!(
            given(&[("action", "drain")])
                .unwrap_err()
                .contains("scope is missing")
        );
    }
}
