//! Hosts that a probe asks for: a name or an address, with a port or without (RFC 3986, section 3.2.2).
//!
//! The same text is the Host header of a request and, without port and brackets, the name that a TLS handshake asks for and
//! a certificate must have. A name is taken as a TLS client takes it (RFC 6066, section 3; RFC 5890): labels
//! of 1 to 63 letters, digits, `-` and `_`, none of which begins or ends with `-`, and a last one that is not all digits. One
//! that is not could never be probed, so it is refused when the config is read and not when a probe runs.
use std::net::{Ipv4Addr, Ipv6Addr};

use toml::de::DeValue;

use crate::text::value::{self, Trouble};

/// Longest name that a certificate can have, without the last dot (RFC 1035, section 3.1).
const NAME_BYTES: usize = 253;
/// Longest label of a name.
const LABEL_BYTES: usize = 63;

/// A host as a client asks for it.
pub(crate) fn host(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match trouble(&text) {
        None => Ok(text),
        Some(why) => Err(Trouble::new(format!("`{text}` is not a host: {why}"))
            .with_help("write a name such as \"api.example.org\"; the path has a key of its own")),
    }
}

/// Why nobody can ask for a host, if nobody can.
#[must_use]
pub fn trouble(host: &str) -> Option<String> {
    let (name, port) = split(host);
    if port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0) != is_number(port)) {
        return Some("its port is not one of 1 to 65535".to_owned());
    }
    if port.is_some_and(|port| !is_number(port)) {
        return Some("what follows the colon is no port".to_owned());
    }
    let is_address = match (name.starts_with('['), host.parse::<Ipv6Addr>()) {
        (true, _) => name_of(host).parse::<Ipv6Addr>().is_ok(),
        (false, Ok(_)) => true,
        (false, Err(_)) => name.parse::<Ipv4Addr>().is_ok(),
    };
    if is_address {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_BYTES {
        return Some(format!("a name is 1 to {NAME_BYTES} octets long"));
    }
    let wrong = name.split('.').find_map(label_trouble);
    let digits = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    wrong.or_else(|| {
        let last = name.rsplit('.').next().filter(|last| digits(last));
        last.map(|last| format!("a name does not end in a number, and `{last}` is one"))
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn label_trouble(label: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if label.is_empty() {
        return Some("a label of it is empty".to_owned());
    }
    if label.len() > LABEL_BYTES {
        let length = label.len();
        return Some(format!(
            "a label is {LABEL_BYTES} octets long at the most, and one of it is {length}"
        ));
    }
    if !label.bytes().all(fits) {
        return Some(format!(
            "a label is letters, digits, `-` and `_`, and `{label}` is not"
        ));
    }
    let hyphen = label.starts_with('-') || label.ends_with('-');
    hyphen.then(|| format!("no label begins or ends with `-`, as `{label}` does"))
}

/// The host without its port, and the port as it is written.
fn split(host: &str) -> (&str, Option<&str>) {
    if host.parse::<Ipv6Addr>().is_ok() {
        return (host, None);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        Some(_) | None => (host, None),
    }
}

/// Tells whether a host says its port itself.
#[must_use]
pub fn has_port(host: &str) -> bool {
    split(host).1.is_some()
}

/// The name or the address in a host, without port, brackets and last dot: what a certificate names.
#[must_use]
pub fn name_of(host: &str) -> &str {
    let (name, _) = split(host);
    let inner = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let name = inner.unwrap_or(name);
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_can_be_asked_for_and_their_names() {
        let long = "a".repeat(63);
        for (host, name, port) in [
            ("api.example.org", "api.example.org", false),
            ("api.example.org.", "api.example.org", false),
            ("api.example.org:18443", "api.example.org", true),
            ("API_1.example-2.org:1", "API_1.example-2.org", true),
            ("localhost", "localhost", false),
            ("1.example", "1.example", false),
            ("192.0.2.1", "192.0.2.1", false),
            ("192.0.2.1:8443", "192.0.2.1", true),
            ("2001:db8::1", "2001:db8::1", false),
            ("[2001:db8::1]", "2001:db8::1", false),
            ("[2001:db8::1]:8443", "2001:db8::1", true),
            (long.as_str(), long.as_str(), false),
        ] {
            assert_eq!(trouble(host), None, "{host}");
            assert_eq!((name_of(host), has_port(host)), (name, port), "{host}");
        }
    }

    #[test]
    fn hosts_that_nobody_can_ask_for() {
        let long = "a".repeat(64);
        let longer = ["a.".repeat(126), "ab".to_owned()].concat();
        assert_eq!(longer.len(), 254);
        for host in [
            "",
            ".",
            ":443",
            "a..b",
            ".a",
            "a..",
            "-a.example",
            "a-.example",
            "a.-",
            "a b",
            "a/b",
            "ü.example",
            "*.example.org",
            "a@b",
            "1.2.3",
            "256.0.0.1",
            "example.42",
            "api.example.org:",
            "api.example.org:0",
            "api.example.org:65536",
            "api.example.org:https",
            "a:b:1",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]:x",
            "[fe80::1%eth0]",
            "https://api.example.org",
            &long,
            &format!("{long}.example.org:443"),
            &longer,
        ] {
            assert!(trouble(host).is_some(), "{host}");
        }
    }
}
