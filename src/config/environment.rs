//! `${NAME}` in values: what differs from machine to machine, or must not stand in a file.
//!
//! A value is put in where it is a secret, an address of a machine or where something of this machine lies: the places are a
//! list ([`PLACES`]). Whatever decides who is answered what and under which law (names, zones, services, regions,
//! jurisdictions, policies) is the same text on every node, so that it can be reviewed and compared; there `${` is a text like
//! any other, as it was before. `${NAME:-other}` is `other` where the variable is not set or empty, and `$${` is `${`.
//!
//! A value is shown nowhere: diagnostics keep it out of every message ([`Diagnostics::conceal`]). It is looked up once for each reading, and
//! by whoever reads the file: this module knows no environment.
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::text::Diagnostics;
use crate::text::value::Trouble;

/// Finds the value of a variable.
pub type Lookup<'l> = &'l (dyn Fn(&str) -> Option<String> + Sync);

/// Keys in whose values variables are put in; `*` is any name, and lists are gone through.
pub const PLACES: &[&str] = &[
    "server.listen",
    "server.identity",
    "server.user",
    "server.state",
    "server.cohort_key",
    "server.tls.listen",
    "server.tls.listen_https",
    "server.tls.listen_quic",
    "server.tls.certificate",
    "server.tls.key",
    "server.cookies.secrets",
    "server.cookies.secret_file",
    "control.listen",
    "control.metrics",
    "control.socket",
    "control.audit",
    "control.hosts",
    "control.tls.certificate",
    "control.tls.key",
    "control.tls.client_roots",
    "tokens.*.hash",
    "tsig.*.secret",
    "tsig.*.secret_file",
    "notify.*.url",
    "notify.*.secret_file",
    "guard.canaries",
    "cluster.node",
    "cluster.key",
    "cluster.certificate",
    "cluster.private_key",
    "cluster.roots",
    "cluster.revoked",
    "cluster.listen",
    "cluster.peers",
    "cluster.nats.servers",
    "cluster.nats.certificate",
    "cluster.nats.private_key",
    "cluster.nats.roots",
    "cluster.nats.nkey",
    "resolvers.servers",
    "discovery.*.file",
    "discovery.*.url",
    "discovery.*.consul.url",
    "discovery.*.token",
    "discovery.*.token_file",
    "zones.primaries",
    "zones.source",
    "zones.transfer.notify",
    "zones.transfer.source",
    "regions.*.endpoints.addresses",
    "regions.*.endpoints.probe.address",
    "services.*.endpoints.addresses",
    "services.*.endpoints.probe.address",
    "monitors.*.headers.*",
    "monitors.*.password_file",
    "monitors.*.user",
];

const HELP: &str =
    "write `${NAME}`, or `${NAME:-other}`; `$${` is the two characters `${` themselves";

/// Puts values in, and gives back where which.
pub(super) fn fill(
    table: &mut DeTable<'_>,
    text: &str,
    lookup: Option<Lookup<'_>>,
    found: &mut Diagnostics,
) -> Vec<(Range<usize>, String)> {
    let mut filler = Filler {
        lookup,
        found,
        filled: Vec::new(),
    };
    // Most configs have none, and need not be gone through.
    if text.contains("${") {
        let places: Vec<Vec<&str>> = PLACES.iter().map(|own| own.split('.').collect()).collect();
        let places: Vec<&[&str]> = places.iter().map(|own| &own[..]).collect();
        filler.table(table, &places);
        filler.filled.sort_by_key(|(at, _)| at.start);
    }
    filler.filled
}

struct Filler<'f, 'l> {
    lookup: Option<Lookup<'l>>,
    found: &'f mut Diagnostics,
    filled: Vec<(Range<usize>, String)>,
}

impl Filler<'_, '_> {
    /// Goes on with what is left of the places that begin with each key.
    fn table(&mut self, table: &mut DeTable<'_>, places: &[&[&str]]) {
        for (key, value) in table.iter_mut() {
            let name: &str = key.get_ref();
            let further = places.iter().filter_map(|place| {
                let (first, rest) = place.split_first()?;
                (*first == "*" || *first == name).then_some(rest)
            });
            let further: Vec<&[&str]> = further.collect();
            if !further.is_empty() {
                self.value(value, &further);
            }
        }
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, places: &[&[&str]]) {
        let at = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.table(table, places),
            DeValue::Array(items) => {
                items.iter_mut().for_each(|item| self.value(item, places));
            }
            DeValue::String(text) if places.iter().any(|rest| rest.is_empty()) => {
                match expand(text, self.lookup) {
                    Ok(None) => {}
                    Ok(Some(expanded)) => {
                        *text = expanded.text.into();
                        let values = expanded.values.into_iter();
                        self.filled.extend(values.map(|value| (at.clone(), value)));
                    }
                    Err(trouble) => {
                        // Whatever else is wrong there follows from it.
                        let found = self.found.syntax(&at, &trouble.message);
                        found.help(trouble.help.unwrap_or_default());
                    }
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

/// A text with its variables put in.
#[derive(Debug, PartialEq, Eq)]
struct Expanded {
    text: String,
    /// The values of variables, and what they are parts of.
    values: Vec<String>,
}

/// Puts in the variables of one text; `None` where there are none.
fn expand(text: &str, lookup: Option<Lookup<'_>>) -> Result<Option<Expanded>, Trouble> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = Expanded {
        text: String::new(),
        values: Vec::new(),
    };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            expanded.text.push_str(before);
            expanded.text.push_str("${");
            rest = from;
            continue;
        }
        let Some((inside, after)) = from.split_once('}') else {
            return Err(Trouble::new("`${` is not closed").with_help(HELP));
        };
        let (name, other) = match inside.split_once(":-") {
            Some((name, other)) => (name, Some(other)),
            None => (inside, None),
        };
        expanded.text.push_str(before);
        match variable(name, lookup)? {
            Some(value) if !value.is_empty() || other.is_none() => {
                expanded.text.push_str(&value);
                expanded.values.push(value);
            }
            _ => expanded.text.push_str(other.ok_or_else(|| unset(name))?),
        }
        rest = after;
    }
    expanded.text.push_str(rest);
    if !expanded.values.is_empty() {
        // What a value is a part of may be quoted as a whole.
        expanded.values.push(expanded.text.clone());
    }
    Ok(Some(expanded))
}

fn variable(name: &str, lookup: Option<Lookup<'_>>) -> Result<Option<String>, Trouble> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    match begins && name.bytes().all(fits) {
        true => Ok(lookup.and_then(|lookup| lookup(name))),
        // What stands there may be a secret with a brace in it.
        false => {
            Err(Trouble::new("what stands in `${ }` is no name of a variable").with_help(HELP))
        }
    }
}

fn unset(name: &str) -> Trouble {
    Trouble::new(format!("the environment has no variable `{name}`")).with_help(format!(
        "set it for the server and for whoever runs `waypost check` (`Environment=` or `EnvironmentFile=` of the unit), or write `${{{name}:-other}}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        match expand(text, Some(&lookup)) {
            Ok(None) => Ok(text.to_owned()),
            Ok(Some(own)) => Ok(own.text),
            Err(trouble) => Err(trouble.message),
        }
    }

    #[test]
    fn variables_are_put_in() {
        for (text, expected) in [
            ("a", "a"),
            ("${A}", "one"),
            ("x${A}y${A}z", "xoneyonez"),
            ("${A:-two}", "one"),
            ("${B:-two}", "two"),
            ("${B:-}", ""),
            ("${EMPTY:-two}", "two"),
            ("${EMPTY}", ""),
            ("$${A}", "${A}"),
            ("$A $ {A}", "$A $ {A}"),
            ("${B:-127.0.0.1}:53", "127.0.0.1:53"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, message) in [
            ("${B}", "the environment has no variable `B`"),
            ("${A", "`${` is not closed"),
            ("${}", "what stands in `${ }` is no name of a variable"),
            ("${1A}", "what stands in `${ }` is no name of a variable"),
            ("${a b}", "what stands in `${ }` is no name of a variable"),
        ] {
            assert_eq!(expanded(text), Err(message.to_owned()), "{text}");
        }
    }
}
