//! Parameters of SVCB and HTTPS (RFC 9460, section 2.1): `key`, `key=value` or `key="value"`, in
//! any order, on the wire by the number of the key.
//!
//! A value is a string first, with its escapes; where it is a list, commas part its items, and a
//! comma or backslash that belongs to an item has a backslash before it (appendix A.1): inside a
//! zone file that is two, `alpn="f\\\\oo\\,bar,h2"` has two items. A key without a name, or written
//! by its number, has the octets of the wire as value (BIND, Knot).
//!
//! Refused is what a client must ignore the record for (section 2.4.3): a key twice, a mandatory
//! key that is absent, `no-default-alpn` without `alpn`, an empty ALPN id, an empty list of
//! addresses. BIND refuses all of it, NSD since 4.10; Knot takes `no-default-alpn` alone. `ech` may
//! be empty, as for BIND and NSD.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::addresses::{v4, v6};
use super::blobs::{push_base64, show_base64};
use super::numbers::{take, take_some};
use super::strings::{push_octets, quote};
use super::words::{Words, number};
use super::{Field, Unfit};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
/// The last key whose value has to be right even if the key is written by its number. Later ones
/// not every server knows, so that any value may be on its way.
const CHECKED_MOST: u16 = 7;

/// What a value is.
#[derive(Clone, Copy)]
enum Value {
    /// Keys, in ascending order.
    Keys,
    /// Strings of 1 to 255 octets behind their lengths.
    Items,
    /// As [`Self::Items`], or nothing.
    MaybeItems,
    /// Nothing.
    Nothing,
    /// One number of two octets.
    Number,
    /// Numbers of two octets, none twice.
    Numbers,
    /// IPv4 addresses.
    V4,
    /// IPv6 addresses.
    V6,
    /// Octets, in base64 as text.
    Base64,
    /// UTF-8 text.
    Text,
    /// Octets as they are.
    Octets,
}

/// IANA "DNS SVCB Service Parameter Keys", those whose values are specified.
const KEYS: [(u16, &str, Value); 12] = [
    (MANDATORY, "mandatory", Value::Keys),
    (ALPN, "alpn", Value::Items),
    (NO_DEFAULT_ALPN, "no-default-alpn", Value::Nothing),
    (3, "port", Value::Number),
    (4, "ipv4hint", Value::V4),
    (5, "ech", Value::Base64),
    (6, "ipv6hint", Value::V6),
    // RFC 9461, section 5. That it has the variable `dns` only BIND demands.
    (7, "dohpath", Value::Text),
    // RFC 9540, section 4.
    (8, "ohttp", Value::Nothing),
    (9, "tls-supported-groups", Value::Numbers),
    // RFC 9953, section 5.
    (10, "docpath", Value::MaybeItems),
    (11, "pvd", Value::Nothing),
];

/// A parameter while it is read.
struct Parameter {
    value: Vec<u8>,
    /// Which word it is.
    word: usize,
}

/// All parameters, to the end, if any.
pub(super) const PARAMETERS: Field = Field {
    read,
    show,
    is_name: false,
};

fn read(words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Unfit> {
    let mut parameters = BTreeMap::new();
    while !words.is_at_end() {
        let (key, value) = parameter(words.next()?)?;
        let word = words.asked();
        if parameters.insert(key, Parameter { value, word }).is_some() {
            return Err(Unfit::Said(format!("the key `{}` stands twice", name(key))));
        }
    }
    if let Some((word, message)) = inconsistency(&parameters) {
        words.blame(word);
        return Err(Unfit::Said(message));
    }
    for (key, parameter) in parameters {
        let length = u16::try_from(parameter.value.len());
        let length = length.map_err(|_| Unfit::Not("short enough"))?;
        rdata.extend(key.to_be_bytes());
        rdata.extend(length.to_be_bytes());
        rdata.extend(parameter.value);
    }
    Ok(())
}

/// What the parameters have against each other, and the word to blame.
fn inconsistency(parameters: &BTreeMap<u16, Parameter>) -> Option<(usize, String)> {
    if let Some(mandatory) = parameters.get(&MANDATORY) {
        let keys = mandatory.value.as_chunks().0;
        let absent = keys
            .iter()
            .map(|key| u16::from_be_bytes(*key))
            .find(|key| !parameters.contains_key(key));
        if let Some(key) = absent {
            let message = format!("`{}` is mandatory and not there", name(key));
            return Some((mandatory.word, message));
        }
    }
    let lonely = parameters
        .get(&NO_DEFAULT_ALPN)
        .filter(|_| !parameters.contains_key(&ALPN));
    lonely.map(|parameter| {
        let message = "`no-default-alpn` without `alpn`: no protocol is left".to_owned();
        (parameter.word, message)
    })
}

/// One word as key and value.
fn parameter(word: &[u8]) -> Result<(u16, Vec<u8>), Unfit> {
    let end = word.iter().position(|&byte| byte == b'=');
    let (key, text) = match end {
        Some(end) => (&word[..end], &word[end + 1..]),
        None => (word, &[][..]),
    };
    let (key, value) = key_and_value(key).ok_or(Unfit::Not("a key that is known, or `key123`"))?;
    if !is_one_string(text) {
        return Err(Unfit::Not("one value, in quotes or not"));
    }
    let mut string = Vec::new();
    push_octets(text, &mut string)?;
    let octets = encode(value, &string)?;
    if key <= CHECKED_MOST && show_value(key_kind(key), &octets, &mut String::new()).is_none() {
        let name = name(key);
        let message = format!(
            "`key{key}` is `{name}` by its number: its value is octets as on the wire, and these are malformed"
        );
        return Err(Unfit::Said(message));
    }
    Ok((key, octets))
}

/// Whether quotes, if there are any, are around all of it.
fn is_one_string(text: &[u8]) -> bool {
    let mut quotes = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => quotes.push(index),
            _ => {}
        }
    }
    quotes.is_empty() || quotes == [0, text.len() - 1]
}

/// The number of a key, and what is written behind it.
fn key_and_value(word: &[u8]) -> Option<(u16, Value)> {
    let known = KEYS.iter().find(|(_, name, _)| name.as_bytes() == word);
    match known {
        Some((key, _, value)) => Some((*key, *value)),
        None => Some((unnamed(word)?, Value::Octets)),
    }
}

/// `key123`, without zeros in front. 65535 is reserved, and taken by BIND, Knot and NSD.
fn unnamed(word: &[u8]) -> Option<u16> {
    let digits = word.strip_prefix(b"key")?;
    let padded = digits.starts_with(b"0") && digits.len() > 1;
    number(digits).filter(|_| !padded)
}

fn key_kind(key: u16) -> Value {
    let known = KEYS.iter().find(|(number, ..)| *number == key);
    known.map_or(Value::Octets, |(.., value)| *value)
}

fn name(key: u16) -> String {
    match KEYS.iter().find(|(number, ..)| *number == key) {
        Some((_, name, _)) => (*name).to_owned(),
        None => format!("key{key}"),
    }
}

/// A value as on the wire.
fn encode(value: Value, text: &[u8]) -> Result<Vec<u8>, Unfit> {
    match value {
        Value::Octets => Ok(text.to_vec()),
        Value::Nothing | Value::MaybeItems | Value::Base64 if text.is_empty() => Ok(Vec::new()),
        Value::Nothing => Err(Unfit::Not("right: this key takes no value")),
        _ if text.is_empty() => Err(Unfit::Not("right: this key takes a value")),
        Value::Number => {
            let number =
                number::<u16>(text).ok_or(Unfit::Not("a key with a number up to 65535"))?;
            Ok(number.to_be_bytes().to_vec())
        }
        Value::Numbers => numbers(text),
        Value::Keys => keys(text),
        Value::Items | Value::MaybeItems => items(text),
        Value::V4 => {
            let octets = |part: &[u8]| v4(part).map(|address| address.octets().to_vec());
            list(
                text,
                octets,
                "a key with IPv4 addresses and commas between them",
            )
        }
        Value::V6 => {
            let octets = |part: &[u8]| v6(part).map(|address| address.octets().to_vec());
            list(
                text,
                octets,
                "a key with IPv6 addresses and commas between them",
            )
        }
        Value::Base64 => {
            let mut octets = Vec::new();
            let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b' ').collect();
            push_base64(&digits, &mut octets)?;
            Ok(octets)
        }
        Value::Text => match std::str::from_utf8(text) {
            Ok(_) => Ok(text.to_vec()),
            Err(_) => Err(Unfit::Not("UTF-8")),
        },
    }
}

/// What commas part, each item encoded.
fn list(
    text: &[u8],
    encode: impl Fn(&[u8]) -> Option<Vec<u8>>,
    what: &'static str,
) -> Result<Vec<u8>, Unfit> {
    let parts = text.split(|&byte| byte == b',').map(encode);
    let encoded: Option<Vec<Vec<u8>>> = parts.collect();
    Ok(encoded.ok_or(Unfit::Not(what))?.concat())
}

fn numbers(text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let octets = |part: &[u8]| number::<u16>(part).map(|number| number.to_be_bytes().to_vec());
    let octets = list(text, octets, "a key with numbers and commas between them")?;
    let mut numbers = octets.as_chunks::<2>().0.to_vec();
    numbers.sort_unstable();
    match numbers.array_windows().any(|[one, other]| one == other) {
        true => Err(Unfit::Said("a number stands twice in the list".to_owned())),
        false => Ok(octets),
    }
}

/// Keys in ascending order, without `mandatory` itself.
fn keys(text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let mut keys = Vec::new();
    for part in text.split(|&byte| byte == b',') {
        let (key, _) =
            key_and_value(part).ok_or(Unfit::Not("a list of keys that are known, or `key123`"))?;
        if key == MANDATORY {
            return Err(Unfit::Said("`mandatory` cannot be mandatory".to_owned()));
        }
        keys.push(key);
    }
    keys.sort_unstable();
    if let Some([key, _]) = keys.array_windows().find(|[one, other]| one == other) {
        return Err(Unfit::Said(format!("`{}` is mandatory twice", name(*key))));
    }
    Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
}

/// Items that commas part, unless a backslash stands before the comma.
fn items(text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let mut octets = Vec::new();
    let mut item = Vec::new();
    let mut rest = text.iter();
    loop {
        match rest.next() {
            Some(b'\\') => item.extend(rest.next()),
            Some(byte) if *byte != b',' => item.push(*byte),
            end => {
                match u8::try_from(item.len()) {
                    Ok(0) => return Err(Unfit::Said("an item of the list is empty".to_owned())),
                    Ok(length) => octets.push(length),
                    Err(_) => return Err(Unfit::LongString),
                }
                octets.append(&mut item);
                if end.is_none() {
                    return Ok(octets);
                }
            }
        }
    }
}

fn show(rest: &mut &[u8], text: &mut String) -> Option<()> {
    let mut least = 0;
    let mut gap = "";
    while !rest.is_empty() {
        let key = u16::from_be_bytes(take(rest)?);
        let length = u16::from_be_bytes(take(rest)?);
        let value = take_some(rest, usize::from(length))?;
        if u32::from(key) < least {
            return None;
        }
        least = u32::from(key) + 1;
        let mut shown = String::new();
        let name = match show_value(key_kind(key), value, &mut shown) {
            Some(()) => name(key),
            None if key > CHECKED_MOST => {
                shown.clear();
                quote(value, &mut shown);
                format!("key{key}")
            }
            None => return None,
        };
        let sign = if value.is_empty() { "" } else { "=" };
        let shown = if value.is_empty() { "" } else { &shown };
        write!(text, "{gap}{name}{sign}{shown}").ok()?;
        gap = " ";
    }
    Some(())
}

/// A value as text; `None` if it is malformed.
fn show_value(value: Value, mut octets: &[u8], text: &mut String) -> Option<()> {
    let filled = (!octets.is_empty()).then_some(());
    match value {
        Value::Nothing => octets.is_empty().then_some(()),
        Value::Octets => {
            quote(octets, text);
            Some(())
        }
        Value::Text => {
            quote(octets, text);
            std::str::from_utf8(octets).ok().and(filled)
        }
        Value::Base64 => show_base64(&mut octets, text),
        Value::Number => write!(text, "{}", u16::from_be_bytes(octets.try_into().ok()?)).ok(),
        Value::Numbers => show_list(octets, |two| u16::from_be_bytes(two).to_string(), text),
        Value::V4 => show_list(
            octets,
            |four: [u8; 4]| Ipv4Addr::from(four).to_string(),
            text,
        ),
        Value::V6 => show_list(
            octets,
            |all: [u8; 16]| Ipv6Addr::from(all).to_string(),
            text,
        ),
        Value::Keys => {
            let keys = octets.as_chunks::<2>().0;
            let ascend = keys.is_sorted_by(|one, other| one < other);
            let others = keys.first().is_some_and(|first| *first != [0, 0]);
            show_list(octets, |key| name(u16::from_be_bytes(key)), text)?;
            (ascend && others).then_some(())
        }
        Value::Items => filled.and_then(|()| show_items(octets, text)),
        Value::MaybeItems => show_items(octets, text),
    }
}

/// One item or more, all of one size.
fn show_list<const N: usize>(
    octets: &[u8],
    show: impl Fn([u8; N]) -> String,
    text: &mut String,
) -> Option<()> {
    let (items, rest) = octets.as_chunks::<N>();
    let shown: Vec<String> = items.iter().map(|item| show(*item)).collect();
    text.push_str(&shown.join(","));
    (rest.is_empty() && !items.is_empty()).then_some(())
}

fn show_items(mut octets: &[u8], text: &mut String) -> Option<()> {
    let mut list = Vec::new();
    while !octets.is_empty() {
        let [length] = take(&mut octets)?;
        if length == 0 {
            return None;
        }
        if !list.is_empty() {
            list.push(b',');
        }
        for &byte in take_some(&mut octets, usize::from(length))? {
            if matches!(byte, b',' | b'\\') {
                list.push(b'\\');
            }
            list.push(byte);
        }
    }
    quote(&list, text);
    Some(())
}
