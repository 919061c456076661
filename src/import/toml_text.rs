//! TOML as it is written: keys, values and names of the config.
//!
//! Names of regions, services, endpoints and monitors are letters, digits, `-` and `_` here, though a config allows more: they
//! need no quotes then. It does not know which keys there are.
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Longest name of a thing of the config.
const NAME_LENGTH: usize = 63;

/// A string in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            _ if one.is_control() => {
                let code = u32::from(one);
                write!(out, "\\u{code:04X}").expect("a string takes all that is written to it");
            }
            _ => out.push(one),
        }
    }
    out.push('"');
    out
}

/// A list of strings.
pub(super) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items = items.into_iter().map(|item| quoted(item.as_ref()));
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A key, in quotes if it needs them.
pub(super) fn key(text: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_bare) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A comment of one line, whatever stands in the text.
pub(super) fn comment(text: &str) -> String {
    let clean = text.replace(|one: char| one.is_control(), " ");
    format!("# {clean}\n")
}

/// A name of the config's own things, made of any text.
pub(super) fn slug(text: &str) -> String {
    let text = text.trim_end_matches('.').to_ascii_lowercase();
    let mut out = String::new();
    for one in text.chars() {
        match one {
            'a'..='z' | '0'..='9' | '_' => out.push(one),
            '*' => out.push_str("any"),
            _ if out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    let out = out.trim_matches('-');
    let end = out.len().min(NAME_LENGTH);
    match out.is_empty() {
        true => "x".to_owned(),
        false => out[..end].trim_end_matches('-').to_owned(),
    }
}

/// A name that is not taken yet, which it then is.
pub(super) fn unique(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let wanted = slug(wanted);
    let mut name = wanted.clone();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        let suffix = format!("-{number}");
        let end = wanted.len().min(NAME_LENGTH - suffix.len());
        name = format!("{}{suffix}", &wanted[..end]);
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_strings_fit_the_config() {
        assert_eq!(slug("WWW.Example.Test."), "www-example-test");
        assert_eq!(slug("*.apps"), "any-apps");
        assert_eq!(slug("..."), "x");
        assert_eq!(slug(&"a".repeat(80)).len(), 63);
        let mut taken = BTreeSet::new();
        assert_eq!(unique("a.b", &mut taken), "a-b");
        assert_eq!(unique("a b", &mut taken), "a-b-2");
        assert_eq!(quoted("a\"b\\\n"), "\"a\\\"b\\\\\\u000A\"");
        assert_eq!(key("192.0.2.0/24"), "\"192.0.2.0/24\"");
        assert_eq!(comment("a\nb = 1"), "# a b = 1\n");
    }
}
