//! `[server.cookies]`, `[server.rate_limit]` and `server.amplification`: what keeps the server from
//! being used against others.
//!
//! Defaults are those of [`Defence::DEFAULT`]: cookies with a secret of the server's own, replies of a bounded
//! size, as many as are asked for. Secrets may stand in a file of their own, one a line,
//! so that the config can be shown to anybody.
use toml::de::DeValue;

use crate::base::limits::{COOKIE_SECRETS, RATE_LIMIT_MOST, RATE_LIMIT_WINDOW_MOST};
use crate::base::{Span, limits};
use crate::config::reader::{At, Fields};
use crate::config::spec::{CookieSpec, DefenceSpec};
use crate::config::value::{self, Trouble};
use crate::dns::cookie::Secret;
use crate::geo::Network;
use crate::plan::{Defence, RateLimit, ResponseClass};

use super::{items, path, plain};

const SECRET_HELP: &str = "write 32 hexadecimal digits, such as `openssl rand -hex 16` gives";

/// The part of `[server]` that defends.
pub(super) fn defence(server: &mut Fields<'_, '_>) -> DefenceSpec {
    let amplification = value::number(limits::AMPLIFICATION_LEAST..=limits::AMPLIFICATION_MOST);
    DefenceSpec {
        amplification: plain(server.optional("amplification", amplification))
            .unwrap_or(Defence::DEFAULT.amplification),
        cookies: cookies(server),
        rate_limit: rate_limit(server),
    }
}

fn cookies(server: &mut Fields<'_, '_>) -> CookieSpec {
    let Some(mut fields) = server.table("cookies") else {
        return CookieSpec::default();
    };
    let enabled = fields.optional("enabled", value::boolean);
    let secrets = fields.list("secrets", secret);
    let file = fields.optional("secret_file", path);
    let reader = fields.reader();
    if let (Some(_), Some(file)) = (&secrets, &file) {
        reader.error(&file.at, "`secrets` gives secrets already", |found| {
            found.help("keep one of the two keys");
        });
    }
    if let Some(list) = &secrets {
        if list.value.is_empty() {
            let message = "no secret makes no cookie";
            let help = "leave the key away to let the server draw one, or write `enabled = false`";
            reader.warn(&list.at, message, help);
        }
        if let Some(past) = list.value.get(COOKIE_SECRETS) {
            let message = format!("more than {COOKIE_SECRETS} secrets");
            reader.error(&past.at, message, |found| {
                found.help("the one in use and the one before it are enough");
            });
        }
    }
    let off = enabled.filter(|enabled| !enabled.value);
    if let (Some(off), true) = (&off, secrets.is_some() || file.is_some()) {
        let message = "the secrets have no effect while cookies are off";
        reader.warn(&off.at, message, "remove this line, or the secrets");
    }
    fields.finish();
    CookieSpec {
        off: off.is_some(),
        secrets: items(secrets),
        file,
    }
}

/// 16 octets in hexadecimal.
fn secret(value: &DeValue<'_>) -> Result<Secret, Trouble> {
    parse_secret(&value::text(value)?)
        .map_err(|message| Trouble::new(message).with_help(SECRET_HELP))
}

/// 16 octets in hexadecimal; else what is wrong, without showing it.
pub(crate) fn parse_secret(text: &str) -> Result<Secret, String> {
    let mut octets = [0; 16];
    let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
    match digits {
        None => Err("a secret has hexadecimal digits only".to_owned()),
        Some(digits) if digits.len() != 2 * octets.len() => {
            let found = digits.len();
            Err(format!(
                "a secret has 32 hexadecimal digits, this one {found}"
            ))
        }
        Some(digits) => {
            for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
                *octet = pair[0] << 4 | pair[1];
            }
            Ok(Secret(octets))
        }
    }
}

fn digit(letter: char) -> Option<u8> {
    u8::try_from(letter.to_digit(16)?).ok()
}

fn rate_limit(server: &mut Fields<'_, '_>) -> Option<RateLimit> {
    let mut fields = server.table("rate_limit")?;
    let rate = value::number(0..=RATE_LIMIT_MOST);
    let all = plain(fields.required("responses_per_second", "100", &rate)).unwrap_or(0);
    let mut limit = RateLimit::of(all);
    for (class, key) in [
        (ResponseClass::Denial, "denials_per_second"),
        (ResponseClass::Referral, "referrals_per_second"),
        (ResponseClass::Error, "errors_per_second"),
        (ResponseClass::Total, "total_per_second"),
    ] {
        if let Some(given) = plain(fields.optional(key, &rate)) {
            limit.per_second[class as usize] = given;
        }
    }
    for (key, prefix, most) in [
        ("ipv4_prefix", &mut limit.ipv4_prefix, 32),
        ("ipv6_prefix", &mut limit.ipv6_prefix, 64),
    ] {
        if let Some(given) = plain(fields.optional(key, value::number(8..=most))) {
            *prefix = given;
        }
    }
    if let Some(slip) = plain(fields.optional("slip", value::number(0..=10))) {
        limit.slip = slip;
    }
    if let Some(window) = window(&mut fields) {
        limit.window = window;
    }
    limit.exempt = exempt(&mut fields);
    fields.finish();
    limit
        .per_second
        .iter()
        .any(|rate| *rate > 0)
        .then_some(limit)
}

fn window(fields: &mut Fields<'_, '_>) -> Option<Span> {
    let given = fields.optional("window", value::span)?;
    if given.value < Span::from_secs(1) || given.value > RATE_LIMIT_WINDOW_MOST {
        let message = format!("a window of {} is out of range", given.value);
        fields.reader().error(&given.at, message, |found| {
            found.help(format!("it can be 1s to {RATE_LIMIT_WINDOW_MOST}"));
        });
    }
    Some(given.value)
}

fn exempt(fields: &mut Fields<'_, '_>) -> Vec<Network> {
    let list: Vec<At<Network>> = items(fields.list("exempt", network));
    if let Some(past) = list.get(limits::RATE_LIMIT_EXEMPT) {
        let message = format!("more than {} networks", limits::RATE_LIMIT_EXEMPT);
        fields.reader().error(&past.at, message, |found| {
            found.help("write the wider ones that they lie in");
        });
    }
    list.into_iter().map(|network| network.value).collect()
}

fn network(value: &DeValue<'_>) -> Result<Network, Trouble> {
    value::known_network(&value::text(value)?)
}
