//! Judgement of a config that was read again: what it would change, found beside the control loop because clients are gone through for it.
//!
//! It holds the new config against the one in force. Who reads it knows whether somebody asked; whether it is taken is
//! decided where it is weighed.
use std::collections::BTreeMap;

use super::prepared::Source;
use crate::audit::compare::compare_healthy;
use crate::audit::compare::text::Changes;
use crate::audit::weaken::{Decisions, Weakened, weakened};
use crate::config::Spec;

/// The reason of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A file has changed, and may be half written.
    Watched,
    /// Somebody says that the files are as they are meant, and wants to know what changes.
    Asked,
    /// The same by a signal, which has no answer.
    Signalled,
}

/// Changes that another config would make.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// The reason why the text looks like a part of one, if it does.
    pub(super) cut: Option<String>,
    /// Everything that it takes away.
    pub(super) weakened: Weakened,
    /// The clients who move and what is lost, for whoever asked.
    pub(super) changes: Option<String>,
    /// Whoever asked for it has the right to: only files that changed on the way are weighed.
    pub(super) is_declared: bool,
    /// It is the config in force with other endpoints that were discovered.
    pub(super) is_discovered: bool,
}

impl Judgement {
    /// That of a change of declared objects: the rules of `[dynamic]` have judged it.
    pub(super) fn declared() -> Self {
        Self {
            is_declared: true,
            ..Self::default()
        }
    }

    /// That of other endpoints that were discovered: the bounds of their discovery have judged it.
    pub(super) fn discovered() -> Self {
        Self {
            is_discovered: true,
            ..Self::declared()
        }
    }

    /// Compares the config in force with another.
    pub(super) fn of(before: &Source, after: &Source, occasion: Occasion) -> Self {
        if before.plan.digest == after.plan.digest {
            return Self::default();
        }
        let [old, new] = [before, after].map(|source| Decisions {
            plan: &source.plan,
            zoning: &source.zoning,
        });
        let weakened = weakened(old, new);
        let changes = (occasion == Occasion::Asked).then(|| {
            let comparison = compare_healthy(&before.plan, &after.plan);
            let comparison = comparison.and(weakened.clone(), &after.plan.guard);
            Changes(&comparison).to_string().trim_end().to_owned()
        });
        Self {
            cut: cut_of(&before.spec, &after.spec, occasion),
            weakened,
            changes,
            is_declared: false,
            is_discovered: false,
        }
    }
}

/// The reason why a file of a config looks like a part of one. A file that comes newly has only its end to be judged by, and the
/// config's own file shows whether files here end with a line end.
fn cut_of(before: &Spec, after: &Spec, occasion: Occasion) -> Option<String> {
    let old: BTreeMap<&str, &str> = before.parts().collect();
    let own = before.parts().next().map_or("", |(_, text)| text);
    let ending = if own.ends_with('\n') { "\n" } else { "" };
    after
        .parts()
        .enumerate()
        .find_map(|(number, (path, text))| {
            // The config itself may have been moved.
            let known = if number == 0 {
                Some(own)
            } else {
                old.get(path).copied()
            };
            let known = known.or((!text.is_empty()).then_some(ending))?;
            let reason = cut(known, text, occasion)?;
            Some(if number == 0 {
                reason
            } else {
                format!("{path}: {reason}")
            })
        })
}

/// The reason why a text looks like a part of what is meant: it is the beginning of the one in force, or it ends within a line,
/// which that one does not. An editor may leave the last line end away, so that this counts only where nobody asked.
fn cut(before: &str, after: &str, occasion: Occasion) -> Option<String> {
    let lines = after.lines().count();
    if after.len() < before.len() && before.starts_with(after) {
        let rest = before[after.len()..].trim();
        return (!rest.is_empty())
            .then(|| format!("the file is the config in force, cut off after line {lines}"));
    }
    let ends_within = before.ends_with('\n') && !after.ends_with('\n');
    (ends_within && occasion == Occasion::Watched).then(|| {
        format!("the file ends within line {lines}, and the config in force ends with a line end")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_ends_too_early_is_taken_for_cut() {
        let whole = "[a]\nb = 100\n\n";
        let cut_of = |text: &str, occasion| cut(whole, text, occasion);
        use Occasion::{Asked, Watched};
        for (text, watched, asked) in [
            (whole, false, false),
            ("[a]\nb = 100\n", false, false),
            ("[a]\n", true, true),
            ("[a]\nb = 10", true, true),
            ("[a]\nc = 10", true, false),
            ("[a]\nc = 10\n", false, false),
            ("[a]\nb = 100\n\nc = 1\n", false, false),
        ] {
            assert_eq!(cut_of(text, Watched).is_some(), watched, "{text:?}");
            assert_eq!(cut_of(text, Asked).is_some(), asked, "{text:?}");
        }
        let without_end = cut("a = 1", "a = 2", Watched);
        assert_eq!(without_end, None, "as it was before");
    }
}
